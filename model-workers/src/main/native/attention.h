// Rotation, the write into KV memory, and causal attention over it; part of each variant.
#pragma once
#include "simd.h"
#include "thread_pool.h"

namespace parley {
namespace {

constexpr float kHidden = -1e30f;  // the score of a position that is not seen
constexpr float kNothing = -80.f;  // a score so far below the largest one weighs nothing
constexpr int kHeadSizeMax = 512;
constexpr int64_t kLine = 64;  // bytes of cache

static_assert(kAttentionRows <= kScoreRows, "scores of a register block have no room");

INLINE int64_t stride_of_block(const AttentionCall& call) {
  return static_cast<int64_t>(call.kvHeads) * call.block * call.headSize;
}

INLINE const int32_t* table_of(const AttentionCall& call, int64_t row) {
  return call.tables + call.sequences[row] * call.tableColumns;
}

INLINE const float* head_of(const AttentionCall& call, int64_t row, int head) {
  const int64_t width = static_cast<int64_t>(call.heads + 2 * call.kvHeads) * call.headSize;
  return call.qkv + row * width + static_cast<int64_t>(head) * call.headSize;
}

/** A row's query or key of one head, normalised where heads have norms, and turned. */
INLINE void turn(const AttentionCall& call, int64_t row, int head, float* out) {
  const int size = call.headSize;
  const float* x = head_of(call, row, head);
  const float* cosines = call.rotation + row * size;
  const float* sines = cosines + size / 2;
  if (call.headNorms != nullptr) {
    const float* norm = call.headNorms + (head < call.heads ? 0 : size);
    const F32 factor = splat(inverse_root_mean_square(x, size, call.epsilon));
    for (int i = 0; i < size; i += kLanes) {
      store(out + i, load(x + i) * factor * load(norm + i));
    }
    x = out;
  }
  for (int i = 0; i < size / 2; i++) {
    const float a = x[2 * i], b = x[2 * i + 1];
    out[2 * i] = a * cosines[i] - b * sines[i];
    out[2 * i + 1] = a * sines[i] + b * cosines[i];
  }
}

INLINE void write_key(const AttentionCall& call, int64_t row, int head, bf16* block, int64_t offset) {
  const int size = call.headSize;
  float key[kHeadSizeMax];
  turn(call, row, call.heads + head, key);
  bf16* out = block + (offset / kLanes * kLanes) * size + (offset % kLanes) * 2;
  for (int i = 0; i < size / 2; i++) {
    out[i * kPanel] = narrow(key[2 * i]);
    out[i * kPanel + 1] = narrow(key[2 * i + 1]);
  }
}

/**
 * Infinity and NaN as the largest number. A later position weighs 0 for an earlier row of its register
 * block, but 0 times infinity is not 0.
 */
INLINE bf16 finite(bf16 value) {
  return (value & 0x7f80) == 0x7f80 ? static_cast<bf16>((value & 0x8000) | 0x7f7f) : value;
}

INLINE void write_value(const AttentionCall& call, int64_t row, int head, bf16* block, int64_t offset) {
  const int size = call.headSize;
  const float* v = head_of(call, row, call.heads + call.kvHeads + head);
  bf16* out = block + offset / 2 * 2 * size + offset % 2;
  for (int i = 0; i < size; i++) {
    out[2 * i] = finite(narrow(v[i]));
  }
  if (offset % 2 == 0) {  // the pair's other position comes later; until then anything may be there
    for (int i = 0; i < size; i++) {
      out[2 * i + 1] = finite(out[2 * i + 1]);
    }
  }
}

/** All rows of one head, by one thread: pairs of positions share their place. */
INLINE void write_head(const AttentionCall& call, int head, bool keys) {
  const int64_t head_at = static_cast<int64_t>(head) * call.block * call.headSize;
  for (int64_t row = 0; row < call.rows; row++) {
    const int64_t block = table_of(call, row)[call.positions[row] / call.block];
    const int64_t offset = call.positions[row] % call.block;
    const int64_t at = block * stride_of_block(call) + head_at;
    if (keys) {
      write_key(call, row, head, call.keys + at, offset);
    } else {
      write_value(call, row, head, call.values + at, offset);
    }
  }
}

/** A row's query of one head, turned and scaled. */
INLINE void prepare_query(const AttentionCall& call, int64_t row, int head, Factor* out) {
  float query[kHeadSizeMax];
  turn(call, row, head, query);
  for (int i = 0; i < call.headSize; i++) {
    out[i] = factor(query[i] * call.queryScale);
  }
}

/** Queries of one sequence and one KV head that are attended together. */
struct Queries {
  Factor values[kAttentionRows][kHeadSizeMax];
  int64_t begin[kAttentionRows];  // positions begin to seen-1
  int64_t seen[kAttentionRows];
  float* out[kAttentionRows];
};

/** Positions that some queries look at; what one of them does not see weighs nothing for it. */
struct Span {
  int64_t begin;  // of a block
  int64_t end;
};

/** Keys that a thread reads after those it is at: memory must never wait for it. */
struct Ahead {
  const bf16* keys;
  const int32_t* table;
  int64_t blocks;  // 0: they are near already

  /** The nth block, or where nothing is lost. */
  const char* block(const AttentionCall& call, int64_t n) const {
    const int64_t block = blocks == 0 ? 0 : table[n < blocks ? n : blocks - 1];
    return reinterpret_cast<const char*>(keys + block * stride_of_block(call));
  }
};

/**
 * Scores of the span's positions, 16 at a time; gives the largest of each query. Meanwhile the keys of the block
 * that comes next are fetched, and the values of the same positions, which are mixed after this.
 */
template <int ROWS>
INLINE void score(const AttentionCall& call, const Queries& q, const bf16* keys, const bf16* values,
                  const int32_t* table, Span span, float* scores, float* top) {
  const int64_t stride = stride_of_block(call);
  const int size = call.headSize;
  F32 tops[ROWS];
#pragma GCC unroll 6
  for (int r = 0; r < ROWS; r++) {
    tops[r] = splat(kHidden);
  }
  for (int64_t from = span.begin; from < span.end; from += call.block) {
    const int64_t count = span.end - from < call.block ? span.end - from : call.block;
    const int64_t index = from / call.block;
    const int64_t next = from + call.block < span.end ? index + 1 : index;
    const bf16* k = keys + table[index] * stride;
    const bf16* ahead = keys + table[next] * stride;
    const bf16* v = values + table[index] * stride;
    for (int64_t p = 0; p < count; p += kLanes) {
      F32 even[ROWS], odd[ROWS];
#pragma GCC unroll 6
      for (int r = 0; r < ROWS; r++) {
        even[r] = odd[r] = splat(0.f);
      }
      for (int d = 0; d < size; d += 4) {
        const int64_t at = p * size + d * kLanes;
        const Pairs k0 = load_pairs(k + at);
        const Pairs k1 = load_pairs(k + at + kPanel);
        fetch_near(ahead + at);
        fetch_near(ahead + at + kPanel);
        fetch_far(v + at);
        fetch_far(v + at + kPanel);
#pragma GCC unroll 6
        for (int r = 0; r < ROWS; r++) {
          even[r] = dot(even[r], k0, q.values[r] + d);
          odd[r] = dot(odd[r], k1, q.values[r] + d + 2);
        }
      }
#pragma GCC unroll 6
      for (int r = 0; r < ROWS; r++) {
        const F32 below = first(q.seen[r] - from - p, even[r] + odd[r], splat(kHidden));
        const F32 value = first(q.begin[r] - from - p, splat(kHidden), below);
        tops[r] = max(tops[r], value);
        store(scores + r * call.scoreStride + from + p, value);
      }
    }
  }
  for (int r = 0; r < ROWS; r++) {
    top[r] = largest(tops[r]);
  }
}

/** Makes weights of a query's scores, in place; gives 1 / their sum. Its part of what is ahead is fetched meanwhile. */
INLINE float soften(const AttentionCall& call, float* scores, Span span, float top, const Ahead& ahead,
                    int64_t first_line, int64_t end_line) {
  Factor* weights = reinterpret_cast<Factor*>(scores);  // they trail the scores still to be read
  F32 total = splat(0.f);
  for (int64_t from = span.begin; from < span.end; from += call.block) {
    const int64_t n = (from - span.begin) / call.block;
    if (n < ahead.blocks) {
      const char* next = ahead.block(call, n);
      for (int64_t line = first_line; line < end_line; line++) {
        fetch_far(next + line * kLine);
      }
    }
    const int64_t end = from + call.block < span.end ? from + call.block : span.end;
    for (int64_t p = from; p < end; p += kLanes) {
      const F32 below = load(scores + p) - splat(top);
      const F32 weight = where_at_least(below, kNothing, exponential(below));
      total = total + weight;
      store_factors(weights + p, weight);
    }
  }
  return 1.f / sum(total);
}

/** The values' mean by weight, 64 of a head at a time. What is ahead is fetched meanwhile, from its middle on. */
template <int ROWS>
INLINE void mix(const AttentionCall& call, const Queries& q, const bf16* values, const int32_t* table,
                Span span, const float* scores, const float* shares, const Ahead& ahead) {
  const int64_t stride = stride_of_block(call);
  const int size = call.headSize;
  for (int d = 0; d < size; d += 64) {
    F32 sums[ROWS][4];
    for (int r = 0; r < ROWS; r++) {
      for (int j = 0; j < 4; j++) {
        sums[r][j] = splat(0.f);
      }
    }
    for (int64_t from = span.begin; from < span.end; from += call.block) {
      const int64_t count = span.end - from < call.block ? span.end - from : call.block;
      const bf16* v = values + table[from / call.block] * stride + d * 2;
      const char* next = ahead.block(call, (from - span.begin) / call.block) +
                         (size / 64 + d / 64) * call.block * kLine;
      for (int64_t p = 0; p < count; p += 2, v += 2 * size, next += 2 * kLine) {
        fetch_far(next);
        fetch_far(next + kLine);
        Pairs pairs[4];
        for (int j = 0; j < 4; j++) {
          pairs[j] = load_pairs(v + j * kPanel);
        }
#pragma GCC unroll 6
        for (int r = 0; r < ROWS; r++) {
          const Factor* weights = reinterpret_cast<const Factor*>(scores + r * call.scoreStride);
          for (int j = 0; j < 4; j++) {
            sums[r][j] = dot(sums[r][j], pairs[j], weights + from + p);
          }
        }
      }
    }
    for (int r = 0; r < ROWS; r++) {
      for (int j = 0; j < 4; j++) {
        store(q.out[r] + d + j * kLanes, sums[r][j] * splat(shares[r]));
      }
    }
  }
}

template <int ROWS>
void attend(const AttentionCall& call, const Queries& q, int kv_head, const int32_t* table,
            float* scores, const Ahead& ahead) {
  const int64_t head_at = static_cast<int64_t>(kv_head) * call.block * call.headSize;
  Span span = {q.begin[0], q.seen[0]};
  for (int r = 1; r < ROWS; r++) {
    span.begin = q.begin[r] < span.begin ? q.begin[r] : span.begin;
    span.end = q.seen[r] > span.end ? q.seen[r] : span.end;
  }
  span.begin = span.begin / call.block * call.block;
  float top[ROWS], shares[ROWS];
  const bf16* values = call.values + head_at;
  score<ROWS>(call, q, call.keys + head_at, values, table, span, scores, top);
  const int64_t half = int64_t{call.block} * call.headSize / 64;  // of a block's lines of cache
  for (int r = 0; r < ROWS; r++) {
    shares[r] = soften(call, scores + r * call.scoreStride, span, top[r], ahead, half * r / ROWS, half * (r + 1) / ROWS);
  }
  mix<ROWS>(call, q, values, table, span, scores, shares, ahead);
}

template <int ROWS = kAttentionRows>
INLINE void attend_some(int count, const AttentionCall& call, const Queries& q, int kv_head,
                        const int32_t* table, float* scores, const Ahead& ahead) {
  if (count == ROWS) {
    attend<ROWS>(call, q, kv_head, table, scores, ahead);
  } else if constexpr (ROWS > 1) {
    attend_some<ROWS - 1>(count, call, q, kv_head, table, scores, ahead);
  }
}

/** The first position that a row sees. */
INLINE int64_t begin_of(const AttentionCall& call, int64_t row) {
  const int64_t before = call.positions[row] + int64_t{1} - call.window;
  return call.window == 0 || before < 0 ? 0 : before;
}

/** Rows of one sequence, side by side in the call. */
struct Rows {
  int64_t from;
  int64_t to;
};

/** What rows will read of a KV head, unless later rows of the same sequence have read it before. */
INLINE Ahead keys_of(const AttentionCall& call, Rows rows, int kv_head) {
  const bf16* keys = call.keys + static_cast<int64_t>(kv_head) * call.block * call.headSize;
  if (rows.to < call.rows && call.sequences[rows.to] == call.sequences[rows.from]) {
    return {keys, nullptr, 0};
  }
  const int64_t begin = begin_of(call, rows.from) / call.block;
  const int64_t end = call.positions[rows.to - 1] / call.block + 1;
  return {keys, table_of(call, rows.from) + begin, end - begin};
}

/** All queries of the rows with one KV head. */
void attend_rows(const AttentionCall& call, Rows rows, int kv_head, float* scores, const Ahead& ahead) {
  const int group = call.heads / call.kvHeads;
  const int total = static_cast<int>(rows.to - rows.from) * group;
  for (int done = 0; done < total; done += kAttentionRows) {
    const int count = total - done < kAttentionRows ? total - done : kAttentionRows;
    Queries q;
    for (int i = 0; i < count; i++) {
      const int64_t row = rows.from + (done + i) / group;
      const int head = kv_head * group + (done + i) % group;
      prepare_query(call, row, head, q.values[i]);
      q.begin[i] = begin_of(call, row);
      q.seen[i] = call.positions[row] + int64_t{1};
      q.out[i] = call.y + (row * call.heads + head) * call.headSize;
    }
    attend_some(count, call, q, kv_head, table_of(call, rows.from), scores, ahead);
  }
}

void attention(const AttentionCall& call, ThreadPool& pool) {
  if (call.rows < 8) {
    for (int head = 0; head < call.kvHeads; head++) {
      write_head(call, head, true);
      write_head(call, head, false);
    }
  } else {
    parallel(pool, 2 * call.kvHeads, [&](int64_t item, int) {
      write_head(call, static_cast<int>(item / 2), item % 2 == 0);
    });
  }
  // neighbouring rows of a sequence share what they read, where their queries fit the registers
  const int64_t together = call.heads / call.kvHeads * 2 <= kAttentionRows ? 2 : 1;
  const int64_t runs = (call.rows + together - 1) / together;
  const auto end_of = [&](int64_t item) {  // long contexts first
    const int64_t end = (runs - item / call.kvHeads) * together;
    return end < call.rows ? end : call.rows;
  };
  const auto first_of = [&](int64_t item) {
    const int64_t from = (runs - 1 - item / call.kvHeads) * together, end = end_of(item);
    return Rows{from, call.sequences[from] == call.sequences[end - 1] ? end : from + 1};
  };
  const int64_t items = runs * call.kvHeads;
  parallel(pool, items, [&](int64_t item, int thread) {
    const int kv_head = static_cast<int>(item % call.kvHeads);
    float* scores = call.scores + thread * kScoreRows * call.scoreStride;
    Rows rows = first_of(item);
    for (const int64_t end = end_of(item); rows.to < end; rows = {rows.to, end}) {
      attend_rows(call, rows, kv_head, scores, keys_of(call, {rows.to, end}, kv_head));
    }
    const int64_t next = item + 1 < items ? item + 1 : item;
    attend_rows(call, rows, kv_head, scores,
                keys_of(call, first_of(next), static_cast<int>(next % call.kvHeads)));
  });
}

}  // namespace
}  // namespace parley
