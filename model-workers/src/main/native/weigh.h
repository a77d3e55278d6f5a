// What drawing tokens asks of rows of logits; part of each variant.
//
// Java draws without this, too, and an answer that one of both began the other may go on with. So the sums have the
// bits that io.parley.workers.sampling.Weights gives them: 64-bit floats, each operation in its place, no fusion.
#pragma once
#include "simd.h"
#include "thread_pool.h"

namespace parley {
namespace {

constexpr double kDeepest = -60;
constexpr double kPart = 1. / 256;
constexpr int kSums = 8;  // side by side in a block

/** e to the power of 256 y: a series, squared eight times. */
INLINE double power(double y) {
  double p = 1 + y * (1 + y * (1. / 2 + y * (1. / 6 + y * (1. / 24 + y * (1. / 120)))));
  p *= p;
  p *= p;
  p *= p;
  p *= p;
  p *= p;
  p *= p;
  p *= p;
  return p * p;
}

/** The weights of up to kWeighedBlock logits, summed up. */
INLINE double sum_of_block(const float* logits, int64_t count, double max, double scale) {
  const double floor = power(kDeepest * kPart);
  double weights[kWeighedBlock];
  const auto weigh = [&](int64_t i) {
    const double x = (static_cast<double>(logits[i]) - max) * scale;
    weights[i] = power((x > kDeepest ? x : kDeepest) * kPart) - floor;
  };
  if (count == kWeighedBlock) {  // a loop of known length
    for (int64_t i = 0; i < kWeighedBlock; i++) {
      weigh(i);
    }
  } else {
    for (int64_t i = 0; i < count; i++) {
      weigh(i);
    }
    for (int64_t i = count; i < kWeighedBlock; i++) {
      weights[i] = 0;
    }
  }
  double s[kSums] = {};
  for (int64_t i = 0; i < kWeighedBlock; i += kSums) {
    for (int j = 0; j < kSums; j++) {
      s[j] += weights[i + j];
    }
  }
  return ((s[0] + s[1]) + (s[2] + s[3])) + ((s[4] + s[5]) + (s[6] + s[7]));
}

/** The greatest of some logits as a number that grows with it; INT32_MAX when one is NaN. */
INLINE int32_t greatest(const float* logits, int64_t count) {
  constexpr uint32_t kMagnitude = 0x7fffffff, kInfinite = 0x7f800000;
  int32_t most = INT32_MIN;
  uint32_t magnitude = 0;
  for (int64_t i = 0; i < count; i++) {
    int32_t bits;
    memcpy(&bits, logits + i, sizeof bits);
    const int32_t key = bits ^ static_cast<int32_t>(static_cast<uint32_t>(bits >> 31) & kMagnitude);
    const uint32_t size = static_cast<uint32_t>(bits) & kMagnitude;
    most = key > most ? key : most;
    magnitude = size > magnitude ? size : magnitude;
  }
  return magnitude > kInfinite ? INT32_MAX : most;
}

INLINE double of_greatest(int32_t key) {
  const uint32_t bits = static_cast<uint32_t>(key) ^ (static_cast<uint32_t>(key >> 31) & 0x7fffffff);
  float value;
  memcpy(&value, &bits, sizeof value);
  return static_cast<double>(value);  // NaN stays NaN
}

void weigh(const WeighCall& call, ThreadPool& pool) {
  const int64_t blocks = weighed_blocks(call.vocabulary), width = 1 + blocks;
  const int64_t pieces = call.count < pool.threads() ? pool.threads() : 1;  // of a row
  const auto in_pieces = [&](const auto& f) {
    parallel(pool, call.count * pieces, [&](int64_t item, int) {
      const int64_t i = item / pieces, piece = item % pieces;
      f(i, call.logits + call.rows[i] * call.vocabulary, piece, blocks * piece / pieces, blocks * (piece + 1) / pieces);
    });
  };
  const auto end_of = [&](int64_t block) {
    const int64_t end = block * kWeighedBlock;
    return end < call.vocabulary ? end : call.vocabulary;
  };
  in_pieces([&](int64_t i, const float* row, int64_t piece, int64_t from, int64_t to) {
    call.greatest[i * pieces + piece] = greatest(row + from * kWeighedBlock, end_of(to) - from * kWeighedBlock);
  });
  in_pieces([&](int64_t i, const float* row, int64_t piece, int64_t from, int64_t to) {
    int32_t most = call.greatest[i * pieces];
    for (int64_t p = 1; p < pieces; p++) {
      most = call.greatest[i * pieces + p] > most ? call.greatest[i * pieces + p] : most;
    }
    const double max = of_greatest(most);
    double* out = call.y + i * width;
    if (piece == 0) {
      out[0] = max;
    }
    for (int64_t block = from; block < to; block++) {
      const int64_t at = block * kWeighedBlock;
      out[1 + block] = sum_of_block(row + at, end_of(block + 1) - at, max, call.scales[i]);
    }
  });
}

}  // namespace
}  // namespace parley
