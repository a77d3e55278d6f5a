// The product of activations with panels of weights; part of each variant.
#pragma once
#include "simd.h"
#include "thread_pool.h"

namespace parley {
namespace {

constexpr int64_t kPanelsOfOneRow = 4;
constexpr int64_t kFetchAhead = 32;  // inputs ahead of a single row's product: 2 KiB of a panel

INLINE Factor* activations_of(const LinearCall& call) {
  return static_cast<Factor*>(call.activations);
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
 * @param FETCH cache lines for each pair of inputs; a panel has two
 * @param ahead where that part begins
 */
template <int ROWS, int FETCH>
void tile(const LinearCall& call, const Factor* a, int64_t row, int64_t panel, const bf16* ahead) {
  const bf16* w = call.weights + panel * call.inputs * kPanel;
  F32 low[ROWS], high[ROWS];
#pragma GCC unroll 12
  for (int i = 0; i < ROWS; i++) {
    low[i] = high[i] = splat(0.f);
  }
  for (int64_t k = 0; k < call.inputs; k += 2) {
    const Pairs w0 = load_pairs(w + k * kPanel);
    const Pairs w1 = load_pairs(w + k * kPanel + kPanel);
    for (int line = 0; line < FETCH; line++) {
      fetch_far(ahead + (k / 2 * FETCH + line) * kPanel);
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
template <int PANELS>
void strip(const LinearCall& call, const Factor* a, int64_t row, int64_t panel) {
  const bf16* w = call.weights + panel * call.inputs * kPanel;
  F32 low[PANELS], high[PANELS];
  for (int i = 0; i < PANELS; i++) {
    low[i] = high[i] = splat(0.f);
  }
  for (int64_t k = 0; k < call.inputs; k += 2) {
    // the end of a panel is followed by its neighbour, which is being read, too: go on behind them all
    const int64_t over = k + kFetchAhead < call.inputs ? 0 : PANELS - 1;
    const int64_t ahead = (kFetchAhead + over * call.inputs) * kPanel;
#pragma GCC unroll 4
    for (int i = 0; i < PANELS; i++) {
      const bf16* p = w + (i * call.inputs + k) * kPanel;
      fetch_near(p + ahead);
      fetch_near(p + ahead + kPanel);
      low[i] = dot(low[i], load_pairs(p), a + k);
      high[i] = dot(high[i], load_pairs(p + kPanel), a + k);
    }
  }
  for (int i = 0; i < PANELS; i++) {
    finish(call, row, panel + i, low[i], high[i]);
  }
}

/** Up to kTileRows rows, as many as a register block of a variant has. */
template <int FETCH, int ROWS = kTileRows>
INLINE void tile_of(int64_t rows, const LinearCall& call, const Factor* a, int64_t row, int64_t panel,
                    const bf16* ahead) {
  if (rows == ROWS) {
    tile<ROWS, FETCH>(call, a, row, panel, ahead);
  } else if constexpr (ROWS > 1) {
    tile_of<FETCH, ROWS - 1>(rows, call, a, row, panel, ahead);
  }
}

template <int PANELS = kPanelsOfOneRow>
INLINE void strip_of(int64_t panels, const LinearCall& call, int64_t row, int64_t panel) {
  if (panels == PANELS) {
    strip<PANELS>(call, activations_of(call), row, panel);
  } else if constexpr (PANELS > 1) {
    strip_of<PANELS - 1>(panels, call, row, panel);
  }
}

/** Each thread has as many strips, of nearly as many panels. */
void one_row(const LinearCall& call, ThreadPool& pool, int64_t row, int64_t panels) {
  const int64_t of_a_thread = (panels + pool.threads() - 1) / pool.threads();
  const int64_t strips = (of_a_thread + kPanelsOfOneRow - 1) / kPanelsOfOneRow * pool.threads();
  parallel(pool, strips, [&](int64_t strip, int) {
    const int64_t panel = panels * strip / strips;
    strip_of(panels * (strip + 1) / strips - panel, call, row, panel);
  });
}

/** A thread takes one panel after the other, so that what it fetches is what it reads next. */
void some_rows(const LinearCall& call, ThreadPool& pool, int64_t from, int64_t rows, int64_t panels) {
  const int64_t tiles = (rows + kTileRows - 1) / kTileRows;
  parallel(pool, panels, [&](int64_t panel, int) {
    const bf16* next = call.weights + (panel + 1) * call.inputs * kPanel;
    for (int64_t t = 0; t < tiles; t++) {
      const int64_t first_row = rows * t / tiles;
      const int64_t count = rows * (t + 1) / tiles - first_row;
      const Factor* a = activations_of(call) + first_row * call.inputs;
      if (tiles == 1) {
        tile_of<2>(count, call, a, from, panel, next);
      } else if (t < 2) {  // half a panel each: memory gives it while there is work for longer
        tile_of<1>(count, call, a, from + first_row, panel, next + t * call.inputs / 2 * kPanel);
      } else {
        tile_of<0>(count, call, a, from + first_row, panel, nullptr);
      }
    }
  });
}

void linear(const LinearCall& call, ThreadPool& pool) {
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
      one_row(call, pool, from, panels);
    } else {
      some_rows(call, pool, from, rows, panels);
    }
  }
}

}  // namespace
}  // namespace parley
