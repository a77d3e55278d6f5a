// What a step computes once, outside of the layers.
#pragma once
#include <cstdint>

#include "kernels.h"

namespace parley {

/** The columns of panels that tokens name, scaled: table [vocabulary / 32, width / 2, 32, 2]. */
void embed(const bf16* table, const int32_t* tokens, int64_t rows, int64_t width, float scale, float* y);

/** For each position the cosine, then the sine of its angle with each of the frequencies. */
void rotate(const int32_t* positions, int64_t rows, const float* frequencies, int64_t pairs, float* y);

}  // namespace parley
