// What a step computes once, outside of the layers.
#pragma once
#include <cstdint>

#include "kernels.h"

namespace parley {

/** Copies the columns that tokens name out of panels of weights. */
void embed(const void* table, bool int8, const int32_t* tokens, int64_t rows, int64_t width, float* y);

/** For each position the cosine, then the sine of its angle with each of the frequencies. */
void rotate(const int32_t* positions, int64_t rows, const float* frequencies, int64_t pairs, float* y);

}  // namespace parley
