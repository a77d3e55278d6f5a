// The parts of a text encoder (BERT) beside its products; part of each variant.
#pragma once
#include "simd.h"
#include "thread_pool.h"

namespace parley {
namespace {

constexpr int64_t kRowsOfAnItem = 8;
constexpr int kQueries = 4;  // rows of a text that attend side by side

/** Calls f(row) for each row, some rows for a thread at a time. */
template <class F>
INLINE void for_rows(ThreadPool& pool, int64_t rows, const F& f) {
  parallel(pool, (rows + kRowsOfAnItem - 1) / kRowsOfAnItem, [&](int64_t item, int) {
    const int64_t end = (item + 1) * kRowsOfAnItem;
    for (int64_t row = item * kRowsOfAnItem; row < rows && row < end; row++) {
      f(row);
    }
  });
}

void add_norm(const AddNormCall& call, ThreadPool& pool) {
  const int64_t width = call.width;
  for_rows(pool, call.rows, [&](int64_t row) {
    const float* x = call.x + row * width;
    const float* residual = call.residual + row * width;
    float* y = call.y + row * width;
    F32 sums = splat(0.f);
    for (int64_t k = 0; k < width; k += kLanes) {
      const F32 v = load(x + k) + load(call.bias + k) + load(residual + k);
      store(y + k, v);
      sums = sums + v;
    }
    const F32 mean = splat(sum(sums) / static_cast<float>(width));
    F32 squares = splat(0.f);
    for (int64_t k = 0; k < width; k += kLanes) {
      const F32 v = load(y + k) - mean;
      squares = fma(v, v, squares);
    }
    const float variance = sum(squares) / static_cast<float>(width);
    const F32 factor = splat(1.f / __builtin_sqrtf(variance + call.epsilon));
    for (int64_t k = 0; k < width; k += kLanes) {
      store(y + k, fma((load(y + k) - mean) * factor, load(call.scale + k), load(call.shift + k)));
    }
  });
}

/**
 * x times the normal distribution's integral up to x, by the error function of Abramowitz and Stegun
 * 7.1.26: within 1.5e-7 of it.
 */
INLINE F32 gelu_of(F32 x) {
  const F32 z = max(x, splat(0.f) - x) * splat(0.707106781f);
  const F32 t = splat(1.f) / fma(splat(0.3275911f), z, splat(1.f));
  F32 p = splat(1.061405429f);
  p = fma(p, t, splat(-1.453152027f));
  p = fma(p, t, splat(1.421413741f));
  p = fma(p, t, splat(-0.284496736f));
  p = fma(p, t, splat(0.254829592f));
  const F32 tail = splat(0.5f) * p * t * exponential(splat(0.f) - z * z);
  return x * (tail + where_at_least(x, 0.f, splat(1.f) - tail - tail));
}

void gelu(const GeluCall& call, ThreadPool& pool) {
  for_rows(pool, call.rows, [&](int64_t row) {
    const float* x = call.x + row * call.width;
    float* y = call.y + row * call.width;
    for (int64_t k = 0; k < call.width; k += kLanes) {
      store(y + k, gelu_of(load(x + k) + load(call.bias + k)));
    }
  });
}

/** QUERIES rows of one text and head. The sums of a row have the same order for any number of rows. */
template <int QUERIES>
void attend(const TextAttentionCall& call, int64_t text, int head, int64_t query, float* memory) {
  const int64_t length = call.lengths[text], padded = (length + kLanes - 1) / kLanes * kLanes;
  const int64_t size = call.headSize, width = int64_t{call.heads} * size;
  const float* keys = memory;                       // [headSize, padded]
  const float* values = memory + size * padded;     // [length, headSize]
  float* scores = memory + 2 * size * padded;       // [QUERIES, padded]
  const float* bias = call.bias + head * size;
  const int64_t first_row = call.starts[text] + query;
  const float* q[QUERIES];
  for (int i = 0; i < QUERIES; i++) {
    q[i] = call.qkv + (first_row + i) * 3 * width + head * size;
  }

  for (int64_t at = 0; at < padded; at += kLanes) {
    F32 dots[QUERIES];
    for (int i = 0; i < QUERIES; i++) {
      dots[i] = splat(0.f);
    }
    for (int64_t d = 0; d < size; d++) {
      const F32 k = load(keys + d * padded + at);
      for (int i = 0; i < QUERIES; i++) {
        dots[i] = fma(splat(q[i][d] + bias[d]), k, dots[i]);
      }
    }
    for (int i = 0; i < QUERIES; i++) {
      store(scores + i * padded + at,
            first(length - at, dots[i] * splat(call.scale), splat(-1e30f)));
    }
  }
  float factors[QUERIES];
  for (int i = 0; i < QUERIES; i++) {
    float* own = scores + i * padded;
    F32 highest = splat(-1e30f);
    for (int64_t at = 0; at < padded; at += kLanes) {
      highest = max(highest, load(own + at));
    }
    const F32 top = splat(largest(highest));
    F32 sums = splat(0.f);
    for (int64_t at = 0; at < padded; at += kLanes) {
      const F32 e = first(length - at, exponential(load(own + at) - top), splat(0.f));
      store(own + at, e);
      sums = sums + e;
    }
    factors[i] = 1.f / sum(sums);
  }
  for (int64_t d = 0; d < size; d += kLanes) {
    F32 mixed[QUERIES];
    for (int i = 0; i < QUERIES; i++) {
      mixed[i] = splat(0.f);
    }
    for (int64_t j = 0; j < length; j++) {
      const F32 v = load(values + j * size + d);
      for (int i = 0; i < QUERIES; i++) {
        mixed[i] = fma(splat(scores[i * padded + j]), v, mixed[i]);
      }
    }
    for (int i = 0; i < QUERIES; i++) {
      store(call.y + (first_row + i) * width + head * size + d, mixed[i] * splat(factors[i]));
    }
  }
}

/** Copies a head's keys, turned, and its values, each with its bias. */
INLINE void collect(const TextAttentionCall& call, int64_t text, int head, float* memory) {
  const int64_t length = call.lengths[text], padded = (length + kLanes - 1) / kLanes * kLanes;
  const int64_t size = call.headSize, width = int64_t{call.heads} * size;
  float* keys = memory;
  float* values = memory + size * padded;
  const float* key_bias = call.bias + width + head * size;
  const float* value_bias = key_bias + width;
  for (int64_t j = 0; j < length; j++) {
    const float* key = call.qkv + (call.starts[text] + j) * 3 * width + width + head * size;
    for (int64_t d = 0; d < size; d++) {
      keys[d * padded + j] = key[d] + key_bias[d];
    }
    for (int64_t d = 0; d < size; d += kLanes) {
      store(values + j * size + d, load(key + width + d) + load(value_bias + d));
    }
  }
  for (int64_t d = 0; d < size; d++) {
    for (int64_t j = length; j < padded; j++) {
      keys[d * padded + j] = 0.f;
    }
  }
}

void attend_texts(const TextAttentionCall& call, ThreadPool& pool) {
  parallel(pool, call.texts * call.heads, [&](int64_t item, int thread) {
    const int64_t text = item / call.heads;
    const int head = static_cast<int>(item % call.heads);
    float* memory = call.memory + thread * call.memoryStride;
    collect(call, text, head, memory);
    int64_t query = 0;
    for (; query + kQueries <= call.lengths[text]; query += kQueries) {
      attend<kQueries>(call, text, head, query, memory);
    }
    for (; query < call.lengths[text]; query++) {
      attend<1>(call, text, head, query, memory);
    }
  });
}

void pool_texts(const PoolCall& call, ThreadPool& pool) {
  parallel(pool, call.texts, [&](int64_t text, int) {
    float* y = call.y + text * call.width;
    const float* x = call.x + call.starts[text] * call.width;
    const F32 share = splat(1.f / static_cast<float>(call.lengths[text]));
    F32 squares = splat(0.f);
    for (int64_t k = 0; k < call.width; k += kLanes) {
      F32 sums = splat(0.f);
      for (int64_t row = 0; row < call.lengths[text]; row++) {
        sums = sums + load(x + row * call.width + k);
      }
      const F32 mean = sums * share;
      squares = fma(mean, mean, squares);
      store(y + k, mean);
    }
    if (call.unit) {
      const float length = __builtin_sqrtf(sum(squares));
      const F32 factor = splat(1.f / (length > 1e-12f ? length : 1e-12f));
      for (int64_t k = 0; k < call.width; k += kLanes) {
        store(y + k, load(y + k) * factor);
      }
    }
  });
}

}  // namespace
}  // namespace parley
