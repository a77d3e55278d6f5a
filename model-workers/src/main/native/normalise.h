// What a part of a layer gives, normalised and added to the stream; part of each variant.
#pragma once
#include "simd.h"
#include "thread_pool.h"

namespace parley {
namespace {

INLINE void normalise_row(const NormCall& call, int64_t row) {
  const int64_t at = row * call.width;
  const F32 factor = splat(inverse_root_mean_square(call.x + at, call.width, call.epsilon));
  for (int64_t i = 0; i < call.width; i += kLanes) {
    const F32 scaled = load(call.x + at + i) * factor * load(call.norm + i);
    store(call.y + at + i, scaled + load(call.residual + at + i));
  }
}

void normalise(const NormCall& call, ThreadPool& pool) {
  if (call.rows < 8) {  // less work than waking a thread
    for (int64_t row = 0; row < call.rows; row++) {
      normalise_row(call, row);
    }
    return;
  }
  parallel(pool, (call.rows + 7) / 8, [&](int64_t item, int) {
    for (int64_t row = item * 8; row < call.rows && row < item * 8 + 8; row++) {
      normalise_row(call, row);
    }
  });
}

}  // namespace
}  // namespace parley
