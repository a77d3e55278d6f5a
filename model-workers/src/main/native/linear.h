// The product of activations with panels of weights; part of each variant.
#pragma once
#include "simd.h"
#include "thread_pool.h"

namespace parley {
namespace {

constexpr int64_t kCacheLine = 64;
constexpr int64_t kPanelsOfOneRow = 4;
constexpr int64_t kFetchAhead = 32;  // inputs ahead of a single row's product: 2 KiB of a panel of bfloat16

INLINE Factor* activations_of(const LinearCall& call) {
  return static_cast<Factor*>(call.activations);
}

INLINE const char* panel_of(const LinearCall& call, int64_t panel) {
  return static_cast<const char*>(call.weights) + panel * panel_bytes(call.inputs, call.int8);
}

/** Normalises a row. */
INLINE void prepare(const LinearCall& call, const float* x, Factor* out) {
  if (call.norm == nullptr) {
    for (int64_t k = 0; k < call.inputs; k += kLanes) {
      store_factors(out + k, load(x + k));
    }
    return;
  }
  const F32 factor = splat(inverse_root_mean_square(x, call.inputs, call.epsilon));
  for (int64_t k = 0; k < call.inputs; k += kLanes) {
    store_factors(out + k, load(x + k) * factor * load(call.norm + k));
  }
}

/** Stores a row's values of one panel: a of its first 16 columns, b of the other 16. */
INLINE void finish(const LinearCall& call, int64_t row, int64_t panel, F32 a, F32 b) {
  const int64_t column = panel * kPanel;
  if (call.int8) {
    const char* behind = panel_of(call, panel) + call.inputs * kPanel;
    a = a * load(reinterpret_cast<const float*>(behind));
    b = b * load(reinterpret_cast<const float*>(behind) + kLanes);
  }
  if (call.gate != kNoGate) {
    const F32 gate = call.gate == kSilu ? silu(a) : gelu(a);
    store(call.y + row * (call.columns / 2) + column / 2, gate * b);
    return;
  }
  const int64_t at = row * call.columns + column;
  const int64_t left = call.columns - column;
  if (left >= kPanel) {
    if (call.bias != nullptr) {
      a = a + load(call.bias + column);
      b = b + load(call.bias + column + kLanes);
    }
    if (call.residual != nullptr) {
      a = a + load(call.residual + at);
      b = b + load(call.residual + at + kLanes);
    }
    store(call.y + at, a);
    store(call.y + at + kLanes, b);
    return;
  }
  float values[kPanel];  // the last panel is not full
  store(values, a);
  store(values + kLanes, b);
  for (int64_t i = 0; i < left; i++) {
    const float biased = call.bias == nullptr ? values[i] : values[i] + call.bias[column + i];
    call.y[at + i] = call.residual == nullptr ? biased : biased + call.residual[at + i];
  }
}

/**
 * ROWS rows with one panel, in registers. Meanwhile a part of the panel that comes next is fetched.
 * @param a activations of the rows
 * @param w the panel's weights
 * @param FETCH cache lines for each pair of inputs
 * @param ahead where that part begins
 */
template <int ROWS, int FETCH, class W>
void tile(const LinearCall& call, const Factor* a, const W* w, int64_t row, int64_t panel,
          const char* ahead) {
  F32 low[ROWS], high[ROWS];
#pragma GCC unroll 12
  for (int i = 0; i < ROWS; i++) {
    low[i] = high[i] = splat(0.f);
  }
  for (int64_t k = 0; k < call.inputs; k += 2) {
    const Pairs w0 = load_pairs(w + k * kPanel);
    const Pairs w1 = load_pairs(w + k * kPanel + kPanel);
    for (int line = 0; line < FETCH; line++) {
      fetch_far(ahead + (k / 2 * FETCH + line) * kCacheLine);
    }
#pragma GCC unroll 12
    for (int i = 0; i < ROWS; i++) {
      const Factor* pair = a + i * call.inputs + k;
      low[i] = dot(low[i], w0, pair);
      high[i] = dot(high[i], w1, pair);
    }
  }
#pragma GCC unroll 12
  for (int i = 0; i < ROWS; i++) {
    finish(call, row + i, panel, low[i], high[i]);
  }
}

/** One row with PANELS panels side by side: each sum has the same order as in tile. */
template <int PANELS, class W>
void strip(const LinearCall& call, const Factor* a, int64_t row, int64_t panel) {
  constexpr bool int8 = sizeof(W) == 1;
  const char* w = panel_of(call, panel);
  const int64_t stride = panel_bytes(call.inputs, int8);
  F32 low[PANELS], high[PANELS];
  for (int i = 0; i < PANELS; i++) {
    low[i] = high[i] = splat(0.f);
  }
  for (int64_t k = 0; k < call.inputs; k += 2) {
    // the end of a panel is followed by its neighbour, which is being read, too: go on behind them all
    const int64_t over = k + kFetchAhead < call.inputs ? 0 : (PANELS - 1) * stride;
    const int64_t ahead = kFetchAhead * kPanel * int64_t{sizeof(W)} + over;
#pragma GCC unroll 4
    for (int i = 0; i < PANELS; i++) {
      const W* p = reinterpret_cast<const W*>(w + i * stride) + k * kPanel;
      for (size_t line = 0; line < sizeof(W); line++) {
        fetch_near(reinterpret_cast<const char*>(p) + ahead + line * kCacheLine);
      }
      low[i] = dot(low[i], load_pairs(p), a + k);
      high[i] = dot(high[i], load_pairs(p + kPanel), a + k);
    }
  }
  for (int i = 0; i < PANELS; i++) {
    finish(call, row, panel + i, low[i], high[i]);
  }
}

/** Up to kTileRows rows, as many as a register block of a variant has. */
template <int FETCH, int ROWS = kTileRows, class W>
INLINE void tile_of(int64_t rows, const LinearCall& call, const Factor* a, const W* w, int64_t row,
                    int64_t panel, const char* ahead) {
  if (rows == ROWS) {
    tile<ROWS, FETCH>(call, a, w, row, panel, ahead);
  } else if constexpr (ROWS > 1) {
    tile_of<FETCH, ROWS - 1>(rows, call, a, w, row, panel, ahead);
  }
}

template <class W, int PANELS = kPanelsOfOneRow>
INLINE void strip_of(int64_t panels, const LinearCall& call, int64_t row, int64_t panel) {
  if (panels == PANELS) {
    strip<PANELS, W>(call, activations_of(call), row, panel);
  } else if constexpr (PANELS > 1) {
    strip_of<W, PANELS - 1>(panels, call, row, panel);
  }
}

/** Each thread has as many strips, of nearly as many panels. */
template <class W>
void one_row(const LinearCall& call, ThreadPool& pool, int64_t row, int64_t panels) {
  const int64_t of_a_thread = (panels + pool.threads() - 1) / pool.threads();
  const int64_t strips = (of_a_thread + kPanelsOfOneRow - 1) / kPanelsOfOneRow * pool.threads();
  parallel(pool, strips, [&](int64_t strip, int) {
    const int64_t panel = panels * strip / strips;
    strip_of<W>(panels * (strip + 1) / strips - panel, call, row, panel);
  });
}

INLINE const bf16* widened(const LinearCall&, const bf16* panel, int) { return panel; }

/** The panel as bfloat16, in the thread's own memory: once for all tiles. */
INLINE const bf16* widened(const LinearCall& call, const int8_t* panel, int thread) {
  bf16* wide = call.widened + thread * call.inputs * kPanel;
  for (int64_t i = 0; i < call.inputs * kPanel; i += kPanel) {
    store_pairs(wide + i, load_pairs(panel + i));
  }
  return wide;
}

/** A thread takes one panel after the other, so that what it fetches is what it reads next. */
template <class W>
void some_rows(const LinearCall& call, ThreadPool& pool, int64_t from, int64_t rows, int64_t panels) {
  const int64_t tiles = (rows + kTileRows - 1) / kTileRows;
  constexpr int kLines = sizeof(W);  // of cache, for a pair of inputs
  parallel(pool, panels, [&](int64_t panel, int thread) {
    const W* stored = reinterpret_cast<const W*>(panel_of(call, panel));
    const char* next = panel_of(call, panel + 1);
    const auto multiply = [&](const auto* w) {
      for (int64_t t = 0; t < tiles; t++) {
        const int64_t first_row = rows * t / tiles;
        const int64_t count = rows * (t + 1) / tiles - first_row;
        const Factor* a = activations_of(call) + first_row * call.inputs;
        if (tiles == 1) {
          tile_of<kLines>(count, call, a, w, from, panel, next);
        } else if (t < kLines) {  // a part of the panel each: memory gives it while there is work for longer
          tile_of<1>(count, call, a, w, from + first_row, panel, next + t * (call.inputs / 2) * kCacheLine);
        } else {
          tile_of<0>(count, call, a, w, from + first_row, panel, nullptr);
        }
      }
    };
    if (tiles <= kWidenedAnew) {
      multiply(stored);
    } else {
      multiply(widened(call, stored, thread));
    }
  });
}

template <class W>
void linear_of(const LinearCall& call, ThreadPool& pool) {
  const int64_t panels = (call.columns + kPanel - 1) / kPanel;
  const int64_t chunks = (call.rows + kRowsAtOnce - 1) / kRowsAtOnce;
  for (int64_t chunk = 0; chunk < chunks; chunk++) {
    const int64_t from = call.rows * chunk / chunks;
    const int64_t rows = call.rows * (chunk + 1) / chunks - from;
    const auto prepare_row = [&](int64_t row) {
      prepare(call, call.x + (from + row) * call.inputs, activations_of(call) + row * call.inputs);
    };
    if (rows < 8) {  // less work than waking a thread
      for (int64_t row = 0; row < rows; row++) {
        prepare_row(row);
      }
    } else {
      parallel(pool, (rows + 7) / 8, [&](int64_t item, int) {
        for (int64_t row = item * 8; row < rows && row < item * 8 + 8; row++) {
          prepare_row(row);
        }
      });
    }
    if (rows == 1) {
      one_row<W>(call, pool, from, panels);
    } else {
      some_rows<W>(call, pool, from, rows, panels);
    }
  }
}

void linear(const LinearCall& call, ThreadPool& pool) {
  if (call.int8) {
    linear_of<int8_t>(call, pool);
  } else {
    linear_of<bf16>(call, pool);
  }
}

}  // namespace
}  // namespace parley
