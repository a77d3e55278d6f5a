// The product of activations with panels of weights; part of each variant.
#pragma once
#include "simd.h"
#include "thread_pool.h"

namespace parley {
namespace {

constexpr int64_t kPanelsOfOneRow = 4;
constexpr int64_t kPanelsAtOnceMax = 16;
constexpr int64_t kFetchAhead = 1024;  // values ahead of a single row's product: 2 KiB

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
  F32 squares = splat(0.f);
  for (int64_t k = 0; k < call.inputs; k += kLanes) {
    const F32 v = load(x + k);
    squares = fma(v, v, squares);
  }
  const float mean = sum(squares) / static_cast<float>(call.inputs);
  const F32 factor = splat(1.f / __builtin_sqrtf(mean + call.epsilon));
  for (int64_t k = 0; k < call.inputs; k += kLanes) {
    store_factors(out + k, load(x + k) * factor * load(call.norm + k));
  }
}

/** Stores a row's values of one panel: a of its first 16 columns, b of the other 16. */
INLINE void finish(const LinearCall& call, int64_t row, int64_t panel, F32 a, F32 b) {
  const int64_t column = panel * kPanel;
  if (call.swiglu) {
    store(call.y + row * (call.columns / 2) + column / 2, silu(a) * b);
    return;
  }
  const int64_t at = row * call.columns + column;
  const int64_t left = call.columns - column;
  if (left >= kPanel) {
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
    call.y[at + i] = call.residual == nullptr ? values[i] : values[i] + call.residual[at + i];
  }
}

/**
 * ROWS rows with one panel, in registers. Meanwhile the panel that comes next is fetched, or not.
 * @param a activations of the rows
 */
template <int ROWS, bool FETCH>
void tile(const LinearCall& call, const Factor* a, int64_t row, int64_t panel) {
  const bf16* w = call.weights + panel * call.inputs * kPanel;
  const bf16* following = w + call.inputs * kPanel;
  F32 low[ROWS], high[ROWS];
  for (int i = 0; i < ROWS; i++) {
    low[i] = high[i] = splat(0.f);
  }
  for (int64_t k = 0; k < call.inputs; k += 2) {
    const Pairs w0 = load_pairs(w + k * kPanel);
    const Pairs w1 = load_pairs(w + k * kPanel + kPanel);
    if (FETCH) {
      fetch_far(following + k * kPanel);
      fetch_far(following + k * kPanel + kPanel);
    }
#pragma GCC unroll 12
    for (int i = 0; i < ROWS; i++) {
      const Factor* pair = a + i * call.inputs + k;
      low[i] = dot(low[i], w0, pair);
      high[i] = dot(high[i], w1, pair);
    }
  }
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
#pragma GCC unroll 4
    for (int i = 0; i < PANELS; i++) {
      const bf16* p = w + (i * call.inputs + k) * kPanel;
      fetch_near(p + kFetchAhead);
      fetch_near(p + kFetchAhead + kPanel);
      low[i] = dot(low[i], load_pairs(p), a + k);
      high[i] = dot(high[i], load_pairs(p + kPanel), a + k);
    }
  }
  for (int i = 0; i < PANELS; i++) {
    finish(call, row, panel + i, low[i], high[i]);
  }
}

/** Up to kTileRows rows, as many as a register block of a variant has. */
template <bool FETCH, int ROWS = kTileRows>
INLINE void tile_of(int64_t rows, const LinearCall& call, const Factor* a, int64_t row, int64_t panel) {
  if (rows == ROWS) {
    tile<ROWS, FETCH>(call, a, row, panel);
  } else if constexpr (ROWS > 1) {
    tile_of<FETCH, ROWS - 1>(rows, call, a, row, panel);
  }
}

void one_row(const LinearCall& call, ThreadPool& pool, int64_t row, int64_t panels) {
  const int64_t items = (panels + kPanelsOfOneRow - 1) / kPanelsOfOneRow;
  parallel(pool, items, [&](int64_t item, int) {
    const int64_t panel = item * kPanelsOfOneRow;
    if (panel + kPanelsOfOneRow <= panels) {
      strip<kPanelsOfOneRow>(call, activations_of(call), row, panel);
      return;
    }
    for (int64_t p = panel; p < panels; p++) {
      strip<1>(call, activations_of(call), row, p);
    }
  });
}

void some_rows(const LinearCall& call, ThreadPool& pool, int64_t from, int64_t rows, int64_t panels) {
  const int64_t tiles = (rows + kTileRows - 1) / kTileRows;
  const int64_t share = panels / (4 * pool.threads());
  const int64_t step = share < 1 ? 1 : share > kPanelsAtOnceMax ? kPanelsAtOnceMax : share;
  parallel(pool, (panels + step - 1) / step, [&](int64_t item, int) {
    const int64_t end = (item + 1) * step < panels ? (item + 1) * step : panels;
    for (int64_t panel = item * step; panel < end; panel++) {
      for (int64_t t = 0; t < tiles; t++) {
        const int64_t first_row = rows * t / tiles;
        const int64_t count = rows * (t + 1) / tiles - first_row;
        const Factor* a = activations_of(call) + first_row * call.inputs;
        if (t == 0) {
          tile_of<true>(count, call, a, from + first_row, panel);
        } else {
          tile_of<false>(count, call, a, from + first_row, panel);
        }
      }
    }
  });
}

void linear(const LinearCall& call, ThreadPool& pool) {
  const int64_t panels = (call.columns + kPanel - 1) / kPanel;
  for (int64_t from = 0; from < call.rows; from += kRowsAtOnce) {
    const int64_t rows = call.rows - from < kRowsAtOnce ? call.rows - from : kRowsAtOnce;
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
