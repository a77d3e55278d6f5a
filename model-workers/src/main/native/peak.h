// How fast the instructions of the products are, with nothing to wait for; part of each variant.
#pragma once
#include <chrono>

#include "simd.h"
#include "thread_pool.h"

namespace parley {
namespace {

constexpr int64_t kRounds = 1 << 20;
constexpr int kTries = 5;

/** As many sums as a register block has. They begin differently, or the compiler would keep one of them. */
void keep_busy(const bf16* weights, const Factor* factors, float* sums) {
  F32 low[kTileRows], high[kTileRows];
#pragma GCC unroll 12
  for (int i = 0; i < kTileRows; i++) {
    low[i] = load(sums + 2 * i * kLanes);
    high[i] = load(sums + (2 * i + 1) * kLanes);
  }
  const Pairs w = load_pairs(weights);
  for (int64_t round = 0; round < kRounds; round++) {
#pragma GCC unroll 12
    for (int i = 0; i < kTileRows; i++) {
      low[i] = dot(low[i], w, factors);
      high[i] = dot(high[i], w, factors);
    }
  }
#pragma GCC unroll 12
  for (int i = 0; i < kTileRows; i++) {
    store(sums + 2 * i * kLanes, low[i]);
    store(sums + (2 * i + 1) * kLanes, high[i]);
  }
}

double peak(ThreadPool& pool) {
  double best = 0;
  for (int i = 0; i < kTries; i++) {
    const auto started = std::chrono::steady_clock::now();
    parallel(pool, pool.threads(), [&](int64_t, int) {
      bf16 weights[kPanel];
      Factor factors[2] = {};
      float sums[2 * kTileRows * kLanes];
      for (int64_t n = 0; n < kPanel; n++) {
        weights[n] = narrow(static_cast<float>(n));
      }
      for (int64_t n = 0; n < 2 * kTileRows * kLanes; n++) {
        sums[n] = static_cast<float>(n);
      }
      keep_busy(weights, factors, sums);
      volatile float used = 0;  // or the compiler would leave out what nobody reads
      for (const float sum : sums) {
        used = used + sum;
      }
    });
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - started;
    const double dots = static_cast<double>(pool.threads()) * kRounds * 2 * kTileRows;
    const double rate = dots * kPanel * 2 / took.count();
    best = rate > best ? rate : best;
  }
  return best;
}

}  // namespace
}  // namespace parley
