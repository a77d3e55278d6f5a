// Whether a call may be run: what comes from the caller is never trusted to be in range.
#pragma once
#include "kernels.h"

namespace parley {

constexpr int64_t kThreadsMax = 1024;

/** What is wrong, or null. The sizes of the arrays must already agree with the call's counts. */
const char* problem(const AttentionCall& call);

/** What is wrong with the shape of a product, or null. */
const char* problem(const LinearCall& call);

/** What is wrong with the lengths of texts that together have so many rows, or null. */
const char* problem(const int32_t* lengths, int64_t texts, int64_t rows);

/** What is wrong with a normalisation, or null. */
const char* problem(const NormCall& call);

/** The positions that scores are held of; 0 when there are no rows. */
int64_t score_stride(const int32_t* positions, int64_t rows);

}  // namespace parley
