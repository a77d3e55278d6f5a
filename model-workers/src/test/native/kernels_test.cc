// The kernels without TensorFlow, under the sanitizers: against plain loops in double precision, and
// against themselves with other rows, threads and blocks, bit by bit.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "checks.h"
#include "flush_denormals.h"
#include "kernels.h"
#include "lookup.h"
#include "thread_pool.h"

namespace parley {
namespace {

int failures = 0;

void expect(bool condition, const std::string& what) {
  if (!condition) {
    std::printf("FAILED: %s\n", what.c_str());
    failures++;
  }
}

/** Memory of exactly this size, so that a step past its end is seen. */
template <class T>
using Array = std::unique_ptr<T[]>;

template <class T>
Array<T> array(int64_t size) {
  return Array<T>(new T[static_cast<size_t>(size)]());
}

float widen(bf16 value) {
  const uint32_t bits = static_cast<uint32_t>(value) << 16;
  float out;
  std::memcpy(&out, &bits, sizeof out);
  return out;
}

bf16 narrow(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return static_cast<bf16>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

using Random = std::mt19937;

Array<float> gaussian(Random& random, int64_t size, float deviation) {
  std::normal_distribution<float> normal(0, deviation);
  Array<float> out = array<float>(size);
  for (int64_t i = 0; i < size; i++) {
    out[i] = normal(random);
  }
  return out;
}

std::string text(const char* what, std::initializer_list<int64_t> numbers) {
  std::string out = what;
  for (int64_t n : numbers) {
    out += " " + std::to_string(n);
  }
  return out;
}

// -------------------------------------------------------------------------------------------- linear

struct Product {
  Product(Random& random, bool int8, int64_t rows, int64_t inputs, int64_t columns, Gate gate,
          bool norm, bool add, bool biased)
      : rows(rows), inputs(inputs), columns(columns), int8(int8), gate(gate) {
    panels = (columns + kPanel - 1) / kPanel;
    x = gaussian(random, rows * inputs, 1.5f);
    if (norm) {
      norms = gaussian(random, inputs, 0.5f);
    }
    if (add) {
      residual = gaussian(random, rows * width(), 1);
    }
    if (biased) {
      bias = gaussian(random, columns, 1);
    }
    const Array<float> values = gaussian(random, panels * kPanel * inputs, 0.1f);
    weights = array<char>(panels * panel_bytes(inputs, int8));
    for (int64_t panel = 0; panel < panels; panel++) {
      char* const out = weights.get() + panel * panel_bytes(inputs, int8);
      for (int64_t i = 0; i < kPanel * inputs; i++) {
        const float value = values[panel * kPanel * inputs + i];
        if (int8) {
          out[i] = static_cast<char>(std::lround(std::max(-127.f, std::min(127.f, value * 400))));
        } else {
          const bf16 narrowed = narrow(value);
          std::memcpy(out + i * 2, &narrowed, sizeof narrowed);
        }
      }
      if (int8) {
        const Array<float> worth = gaussian(random, kPanel, 1 / 400.f);
        std::memcpy(out + kPanel * inputs, worth.get(), kPanel * sizeof(float));
      }
    }
  }

  int64_t width() const { return gate == kNoGate ? columns : columns / 2; }

  double weight(int64_t k, int64_t n) const {
    const char* panel = weights.get() + n / kPanel * panel_bytes(inputs, int8);
    const int64_t at = (k / 2 * kPanel + n % kPanel) * 2 + k % 2;
    if (int8) {
      float worth;
      std::memcpy(&worth, panel + kPanel * inputs + n % kPanel * 4, sizeof worth);
      return double{worth} * static_cast<signed char>(panel[at]);
    }
    bf16 value;
    std::memcpy(&value, panel + at * 2, sizeof value);
    return widen(value);
  }

  /** Rows [from, from + count) in a call of their own. */
  void run(const Kernels& kernels, ThreadPool& pool, int64_t from, int64_t count, float* y) const {
    LinearCall call = {};
    const int64_t held = count < kRowsAtOnce ? count : kRowsAtOnce;
    const Array<float> activations = array<float>(held * inputs);
    const Array<bf16> widened = array<bf16>(int8 && count > 1 ? pool.threads() * kPanel * inputs : 0);
    call.x = x.get() + from * inputs;
    call.norm = norms.get();
    call.weights = weights.get();
    call.bias = bias.get();
    call.residual = residual ? residual.get() + from * width() : nullptr;
    call.y = y + from * width();
    call.activations = activations.get();
    call.widened = widened.get();
    call.rows = count;
    call.inputs = inputs;
    call.columns = columns;
    call.epsilon = 1e-5f;
    call.gate = gate;
    call.int8 = int8;
    expect(problem(call) == nullptr, "a sound product is allowed");
    kernels.linear(call, pool);
  }

  double expected(int64_t row, int64_t column) const {
    double factor = 1;
    if (norms) {
      double squares = 0;
      for (int64_t k = 0; k < inputs; k++) {
        squares += double{x[row * inputs + k]} * x[row * inputs + k];
      }
      factor = 1 / std::sqrt(squares / static_cast<double>(inputs) + 1e-5);
    }
    const auto product = [&](int64_t n) {
      double sum = 0;
      for (int64_t k = 0; k < inputs; k++) {
        const double scaled = x[row * inputs + k] * factor * (norms ? norms[k] : 1.f);
        sum += double{widen(narrow(static_cast<float>(scaled)))} * weight(k, n);
      }
      return sum;
    };
    if (gate != kNoGate) {
      const double x = product(column / 16 * 32 + column % 16);
      const double t = std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x);
      const double opening = gate == kSilu ? x / (1 + std::exp(-x)) : x / 2 * (1 + std::tanh(t));
      return opening * product(column / 16 * 32 + 16 + column % 16);
    }
    return product(column) + (bias ? bias[column] : 0) + (residual ? residual[row * width() + column] : 0);
  }

  int64_t rows, inputs, columns, panels;
  bool int8;
  Gate gate;
  Array<float> x, norms, bias, residual;
  Array<char> weights;
};

void test_linear(const Kernels& kernels, bool int8, Random& random) {
  ThreadPool one(1), three(3);
  // every height of a register block, widths that do not divide among the threads, several chunks
  const int64_t shapes[][3] = {{1, 16, 32},   {1, 48, 160}, {2, 64, 37}, {7, 32, 64},
                               {8, 48, 96},   {11, 32, 37}, {12, 16, 64}, {13, 80, 96},
                               {37, 16, 1},   {97, 16, 64}, {kRowsAtOnce + 1, 48, 64}};
  for (const auto& shape : shapes) {
    for (int kind = 0; kind < 5; kind++) {
      const Gate gate = kind < 3 || shape[2] % kPanel != 0 ? kNoGate : kind == 3 ? kSilu : kGelu;
      const Product product(random, int8, shape[0], shape[1], shape[2], gate, kind > 0, kind == 2,
                            gate == kNoGate && kind % 2 == 1);
      const std::string name = text(kernels.name, {int8, shape[0], shape[1], shape[2], kind});
      const int64_t size = product.rows * product.width();
      const Array<float> together = array<float>(size), pieces = array<float>(size);
      product.run(kernels, three, 0, product.rows, together.get());
      for (int64_t i = 0; i < size; i++) {
        const double expected = product.expected(i / product.width(), i % product.width());
        // a rounding of an activation may go the other way: one part in 256 of one term
        expect(std::abs(together[i] - expected) < 0.02 + 0.01 * std::abs(expected),
               name + " at " + std::to_string(i) + ": " + std::to_string(together[i]) + " for " +
                   std::to_string(expected));
      }
      for (int64_t from = 0; from < product.rows;) {
        const int64_t count = std::min<int64_t>(product.rows - from, 1 + random() % 13);
        product.run(kernels, random() % 2 ? one : three, from, count, pieces.get());
        from += count;
      }
      expect(std::memcmp(together.get(), pieces.get(), size * sizeof(float)) == 0,
             name + ": rows depend on what else is in the call");
    }
  }
}

void test_normalise(const Kernels& kernels, Random& random) {
  ThreadPool one(1), three(3);
  const int64_t rows = 37, width = 48;
  const Array<float> x = gaussian(random, rows * width, 2), norm = gaussian(random, width, 1),
                     residual = gaussian(random, rows * width, 1);
  const Array<float> together = array<float>(rows * width), alone = array<float>(rows * width);
  const auto run = [&](int64_t from, int64_t count, ThreadPool& pool, float* y) {
    const NormCall call = {x.get() + from * width, norm.get(), residual.get() + from * width,
                           y + from * width, count, width, 1e-5f};
    expect(problem(call) == nullptr, "a sound normalisation is allowed");
    kernels.normalise(call, pool);
  };
  run(0, rows, three, together.get());
  for (int64_t row = 0; row < rows; row++) {
    run(row, 1, one, alone.get());
    double squares = 0;
    for (int64_t i = 0; i < width; i++) {
      squares += double{x[row * width + i]} * x[row * width + i];
    }
    for (int64_t i = row * width; i < (row + 1) * width; i++) {
      const double expected = x[i] / std::sqrt(squares / width + 1e-5) * norm[i % width] + residual[i];
      expect(std::abs(together[i] - expected) < 1e-5 * (1 + std::abs(expected)),
             std::string(kernels.name) + ": a normalisation is not what it should be");
    }
  }
  expect(std::memcmp(together.get(), alone.get(), rows * width * sizeof(float)) == 0,
         std::string(kernels.name) + ": a normalised row depends on what else is in the call");
}

// ----------------------------------------------------------------------------------------- attention

struct Model {
  int heads, kv_heads, size, block;
  int window = 0;
  bool norms = false;
  int width() const { return (heads + 2 * kv_heads) * size; }
};

constexpr float kQueryScale = 0.1f;

/** Sequences, and KV memory whose blocks each of them has somewhere. */
struct Conversation {
  Conversation(Random& random, const Model& model, std::vector<int64_t> lengths)
      : model(model), lengths(std::move(lengths)) {
    for (int64_t length : this->lengths) {
      longest = std::max(longest, length);
      qkv.push_back(gaussian(random, length * model.width(), 1));
    }
    head_norms = gaussian(random, 2 * model.size, 1);
    const Array<float> steps = gaussian(random, model.size / 2, 0.3f);
    frequencies = array<float>(model.size / 2);
    std::memcpy(frequencies.get(), steps.get(), model.size / 2 * sizeof(float));
    columns = (longest + model.block - 1) / model.block;
  }

  const Model model;
  const std::vector<int64_t> lengths;
  int64_t longest = 0, columns = 0;
  std::vector<Array<float>> qkv;
  Array<float> frequencies, head_norms;
};

/** KV memory and the outputs of one way to run a conversation. */
struct Run {
  Run(const Conversation& c, Random& random) : conversation(c) {
    const auto sequences = static_cast<int64_t>(c.lengths.size());
    blocks = sequences * c.columns + 3;
    tables = array<int32_t>(sequences * c.columns);
    std::vector<int32_t> ids(blocks);
    for (int64_t i = 0; i < blocks; i++) {
      ids[i] = static_cast<int32_t>(i);
    }
    std::shuffle(ids.begin(), ids.end(), random);
    std::copy(ids.begin(), ids.begin() + sequences * c.columns, tables.get());
    const int64_t size = blocks * c.model.kv_heads * c.model.block * c.model.size;
    keys = array<bf16>(size);
    values = array<bf16>(size);
    for (int64_t i = 0; i < size; i++) {  // what another sequence left
      keys[i] = narrow(std::numeric_limits<float>::quiet_NaN());
      values[i] = keys[i];
    }
    for (int64_t length : c.lengths) {
      y.push_back(array<float>(length * c.model.heads * c.model.size));
    }
  }

  struct Row {
    int32_t sequence, position;
  };

  void step(const Kernels& kernels, ThreadPool& pool, const std::vector<Row>& rows) {
    const Model& m = conversation.model;
    const auto count = static_cast<int64_t>(rows.size());
    const Array<float> qkv = array<float>(count * m.width());
    const Array<float> rotation = array<float>(count * m.size), out = array<float>(count * m.heads * m.size);
    const Array<int32_t> positions = array<int32_t>(count), sequences = array<int32_t>(count);
    for (int64_t i = 0; i < count; i++) {
      positions[i] = rows[i].position;
      sequences[i] = rows[i].sequence;
      std::memcpy(qkv.get() + i * m.width(),
                  conversation.qkv[rows[i].sequence].get() + rows[i].position * m.width(),
                  m.width() * sizeof(float));
    }
    rotate(positions.get(), count, conversation.frequencies.get(), m.size / 2, rotation.get());
    AttentionCall call = {};
    call.qkv = qkv.get();
    call.rotation = rotation.get();
    call.positions = positions.get();
    call.sequences = sequences.get();
    call.tables = tables.get();
    call.keys = keys.get();
    call.values = values.get();
    call.y = out.get();
    call.rows = count;
    call.sequenceCount = static_cast<int64_t>(conversation.lengths.size());
    call.tableColumns = conversation.columns;
    call.blocks = blocks;
    call.scoreStride = score_stride(positions.get(), count);
    call.heads = m.heads;
    call.kvHeads = m.kv_heads;
    call.headSize = m.size;
    call.block = m.block;
    call.window = m.window;
    call.headNorms = m.norms ? conversation.head_norms.get() : nullptr;
    call.queryScale = kQueryScale;
    call.epsilon = 1e-5f;
    const Array<float> scores = array<float>(pool.threads() * kScoreRows * call.scoreStride);
    call.scores = scores.get();
    expect(problem(call) == nullptr, "sound attention is allowed");
    kernels.attention(call, pool);
    for (int64_t i = 0; i < count; i++) {
      std::memcpy(y[rows[i].sequence].get() + rows[i].position * m.heads * m.size,
                  out.get() + i * m.heads * m.size, m.heads * m.size * sizeof(float));
    }
  }

  const Conversation& conversation;
  int64_t blocks;
  Array<int32_t> tables;
  Array<bf16> keys, values;
  std::vector<Array<float>> y;
};

/** The definition, in double precision from the rounded queries, keys and values. */
void check_attention(const Conversation& c, const Run& run, const std::string& name) {
  const Model& m = c.model;
  const int group = m.heads / m.kv_heads;
  for (size_t s = 0; s < c.lengths.size(); s++) {
    const auto turned = [&](int64_t p, int head, int i, double factor) {
      const float* x = c.qkv[s].get() + p * m.width() + head * m.size;
      const double angle = static_cast<double>(p) * c.frequencies[i / 2];
      double a = x[i / 2 * 2], b = x[i / 2 * 2 + 1];
      if (m.norms) {
        const float* norm = c.head_norms.get() + (head < m.heads ? 0 : m.size);
        double squares = 0;
        for (int j = 0; j < m.size; j++) {
          squares += double{x[j]} * x[j];
        }
        const double divisor = std::sqrt(squares / m.size + 1e-5);
        a *= norm[i / 2 * 2] / divisor;
        b *= norm[i / 2 * 2 + 1] / divisor;
      }
      const double value = i % 2 == 0 ? a * std::cos(angle) - b * std::sin(angle)
                                      : a * std::sin(angle) + b * std::cos(angle);
      return double{widen(narrow(static_cast<float>(value * factor)))};
    };
    for (int64_t p = 0; p < c.lengths[s]; p += 1 + p / 7) {
      for (int head = 0; head < m.heads; head++) {
        std::vector<double> weights(p + 1), query(m.size);
        for (int i = 0; i < m.size; i++) {
          query[i] = turned(p, head, i, kQueryScale);
        }
        const int64_t begin = m.window == 0 ? 0 : std::max<int64_t>(0, p + 1 - m.window);
        double total = 0;
        for (int64_t j = begin; j <= p; j++) {
          double score = 0;
          for (int i = 0; i < m.size; i++) {
            score += query[i] * turned(j, m.heads + head / group, i, 1);
          }
          total += weights[j] = std::exp(score);
        }
        for (int i = 0; i < m.size; i++) {
          double expected = 0;
          for (int64_t j = begin; j <= p; j++) {
            const int at = (m.heads + m.kv_heads + head / group) * m.size + i;
            expected += weights[j] / total * widen(narrow(c.qkv[s][j * m.width() + at]));
          }
          const float got = run.y[s][(p * m.heads + head) * m.size + i];
          expect(std::abs(got - expected) < 0.03, name + ": attention is not what it should be");
        }
      }
    }
  }
}

void test_attention(const Kernels& kernels, Random& random) {
  ThreadPool one(1), three(3);
  const Model models[] = {{3, 1, 64, 16},
                          {9, 3, 64, 64},
                          {4, 4, 128, 16},
                          {8, 1, 64, 32},
                          {2, 1, 128, 32, 0, true},
                          {3, 1, 64, 16, 1},
                          {4, 1, 256, 16, 21, true}};
  for (const Model& model : models) {
    const Conversation c(random, model, {1, 40, 17, 70, 5});
    Run together(c, random), pieces(c, random);
    std::vector<Run::Row> all;
    for (size_t s = 0; s < c.lengths.size(); s++) {
      for (int64_t p = 0; p < c.lengths[s]; p++) {
        all.push_back({static_cast<int32_t>(s), static_cast<int32_t>(p)});
      }
    }
    together.step(kernels, three, all);
    const std::string name = text(
        kernels.name, {model.heads, model.kv_heads, model.size, model.block, model.window});
    check_attention(c, together, name);

    std::vector<int64_t> done(c.lengths.size());
    for (bool more = true; more;) {
      more = false;
      std::vector<Run::Row> rows;
      for (size_t s = 0; s < done.size(); s++) {
        const int64_t count = std::min<int64_t>(c.lengths[s] - done[s], random() % 9);
        for (int64_t i = 0; i < count; i++) {
          rows.push_back({static_cast<int32_t>(s), static_cast<int32_t>(done[s]++)});
        }
        more |= done[s] < c.lengths[s];
      }
      if (!rows.empty()) {
        pieces.step(kernels, random() % 2 ? one : three, rows);
      }
    }
    for (size_t s = 0; s < done.size(); s++) {
      const int64_t size = c.lengths[s] * model.heads * model.size;
      expect(std::memcmp(together.y[s].get(), pieces.y[s].get(), size * sizeof(float)) == 0,
             name + ": a row depends on what else is in the call");
    }
  }
}

/** A value that is not finite harms the rows that see it, not the earlier ones of the same call. */
void test_later_infinity(const Kernels& kernels, Random& random) {
  ThreadPool pool(2);
  const Model model = {3, 1, 64, 16};
  const int64_t length = 21;
  const Conversation c(random, model, {length});
  const auto value_of = [&](int64_t position) {
    return c.qkv[0].get() + position * model.width() + (model.heads + model.kv_heads) * model.size;
  };
  value_of(9)[0] = std::numeric_limits<float>::infinity();
  value_of(12)[1] = std::numeric_limits<float>::quiet_NaN();
  Run together(c, random), alone(c, random);
  std::vector<Run::Row> all;
  for (int32_t p = 0; p < length; p++) {
    all.push_back({0, p});
    alone.step(kernels, pool, {{0, p}});
  }
  together.step(kernels, pool, all);
  const int64_t width = model.heads * model.size;
  expect(std::memcmp(together.y[0].get(), alone.y[0].get(), length * width * sizeof(float)) == 0,
         std::string(kernels.name) + ": a later value that is not finite changes a row");
  for (int64_t i = 0; i < 9 * width; i++) {
    expect(std::isfinite(together.y[0][i]), std::string(kernels.name) + ": a row before it is finite");
  }
}

// --------------------------------------------------------------------------------------------- others

void test_checks() {
  const int32_t positions[] = {3, 4}, sequences[] = {0, 0}, tables[] = {1};
  AttentionCall good = {};
  good.positions = positions;
  good.sequences = sequences;
  good.tables = tables;
  good.rows = 2;
  good.sequenceCount = 1;
  good.tableColumns = 1;
  good.blocks = 2;
  good.heads = 2;
  good.kvHeads = 1;
  good.headSize = 64;
  good.block = 16;
  expect(problem(good) == nullptr, "a sound call");
  const auto bad = [&](const char* what, auto change) {
    AttentionCall call = good;
    change(call);
    expect(problem(call) != nullptr, std::string("refused: ") + what);
  };
  const int32_t negative[] = {3, -1}, far[] = {3, 16}, highest[] = {3, std::numeric_limits<int32_t>::max()};
  const int32_t other[] = {0, 1}, below[] = {-1, 0};
  bad("negative position", [&](AttentionCall& c) { c.positions = negative; });
  bad("position past the table", [&](AttentionCall& c) { c.positions = far; });
  bad("highest position", [&](AttentionCall& c) { c.positions = highest; });
  bad("unknown sequence", [&](AttentionCall& c) { c.sequences = other; });
  bad("negative sequence", [&](AttentionCall& c) { c.sequences = below; });
  bad("block out of range", [&](AttentionCall& c) { c.blocks = 1; });
  bad("negative block", [&](AttentionCall& c) { c.tables = below; });
  bad("no table", [&](AttentionCall& c) { c.sequenceCount = 0; });
  bad("head size", [&](AttentionCall& c) { c.headSize = 80; });
  bad("heads", [&](AttentionCall& c) { c.kvHeads = 3; });
  bad("block size", [&](AttentionCall& c) { c.block = 8; });
  bad("window", [&](AttentionCall& c) { c.window = -1; });

  LinearCall product = {};
  product.inputs = 16;
  product.columns = 32;
  expect(problem(product) == nullptr, "a sound product");
  product.inputs = 8;
  expect(problem(product) != nullptr, "refused: inputs");
  product.inputs = 16;
  product.columns = 48;
  product.gate = kSilu;
  expect(problem(product) != nullptr, "refused: columns with a gate");
  product.columns = 32;
  product.gate = kGates;
  expect(problem(product) != nullptr, "refused: an unknown gate");
  const float bias[32] = {};
  product.gate = kGelu;
  product.bias = bias;
  expect(problem(product) != nullptr, "refused: a gate with a bias");

  NormCall norm = {};
  norm.width = 16;
  expect(problem(norm) == nullptr, "a sound normalisation");
  norm.width = 24;
  expect(problem(norm) != nullptr, "refused: width");
}

void test_embedding() {
  const int64_t width = 6, vocabulary = 40;
  const Array<bf16> table = array<bf16>(2 * kPanel * width);
  for (int64_t n = 0; n < vocabulary; n++) {
    for (int64_t k = 0; k < width; k++) {
      table[((n / kPanel * (width / 2) + k / 2) * kPanel + n % kPanel) * 2 + k % 2] =
          narrow(static_cast<float>(n + 64 * k));
    }
  }
  const int32_t tokens[] = {0, 31, 32, 39};
  const Array<float> y = array<float>(4 * width);
  embed(table.get(), tokens, 4, width, 1.5f, y.get());
  for (int64_t i = 0; i < 4 * width; i++) {
    const auto expected = static_cast<float>(tokens[i / width] + 64 * (i % width));
    expect(y[i] == 1.5f * widen(narrow(expected)), "an embedding is its token's, scaled");
  }
}

void test_pool_of_many_callers() {
  ThreadPool pool(4);
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 3; caller++) {  // they take turns
    callers.emplace_back([&pool] {
      for (int job = 0; job < 300; job++) {
        const int64_t items = job % 37;
        std::vector<int> done(items);
        std::vector<std::atomic<int>> busy(pool.threads());
        parallel(pool, items, [&](int64_t item, int thread) {
          expect(busy[thread]++ == 0, "two items on one thread");
          done[item]++;
          busy[thread]--;
        });
        for (int count : done) {
          expect(count == 1, "an item runs once");
        }
      }
    });
  }
  for (std::thread& caller : callers) {
    caller.join();
  }
}

// ------------------------------------------------------------------------------------------- encoder

/** Texts of some rows each, and where they begin. */
struct Texts {
  explicit Texts(std::initializer_list<int32_t> all) : lengths(all) {
    for (const int32_t length : lengths) {
      starts.push_back(rows);
      rows += length;
    }
  }

  std::vector<int32_t> lengths;
  std::vector<int64_t> starts;
  int64_t rows = 0;
};

double normal_share(double x) { return 0.5 * (1 + std::erf(x / std::sqrt(2.0))); }

void test_elementwise(const Kernels& kernels, Random& random) {
  const int64_t rows = 21, width = 48;
  const Array<float> x = gaussian(random, rows * width, 3), residual = gaussian(random, rows * width, 1),
                     bias = gaussian(random, width, 1), scale = gaussian(random, width, 1),
                     shift = gaussian(random, width, 1);
  ThreadPool one(1), three(3);
  const Array<float> y = array<float>(rows * width), again = array<float>(width);
  AddNormCall call = {x.get(), bias.get(), residual.get(), scale.get(), shift.get(),
                      y.get(), rows, width, 1e-12f};
  kernels.add_norm(call, three);
  for (int64_t row = 0; row < rows; row++) {
    std::vector<double> v;
    double mean = 0, variance = 0;
    for (int64_t k = 0; k < width; k++) {
      v.push_back(double{x[row * width + k]} + bias[k] + residual[row * width + k]);
      mean += v[k] / width;
    }
    for (int64_t k = 0; k < width; k++) {
      variance += (v[k] - mean) * (v[k] - mean) / width;
    }
    for (int64_t k = 0; k < width; k++) {
      const double wanted = (v[k] - mean) / std::sqrt(variance) * scale[k] + shift[k];
      expect(std::fabs(y[row * width + k] - wanted) < 1e-4, text("layer normalisation", {row, k}));
    }
    AddNormCall alone = call;
    alone.x += row * width;
    alone.residual += row * width;
    alone.y = again.get();
    alone.rows = 1;
    kernels.add_norm(alone, one);
    expect(std::memcmp(again.get(), y.get() + row * width, width * sizeof(float)) == 0,
           text("a normalised row is the same alone", {row}));
  }

  GeluCall gelu = {x.get(), bias.get(), y.get(), rows, width};
  kernels.gelu(gelu, three);
  for (int64_t i = 0; i < rows * width; i++) {
    const double v = double{x[i]} + bias[i % width];
    expect(std::fabs(y[i] - v * normal_share(v)) < 2e-6 * (1 + std::fabs(v)), text("GELU", {i}));
  }
  const Array<float> far = array<float>(kLanes), none = array<float>(kLanes);
  far[0] = -40, far[1] = 40, far[2] = -3e38f, far[3] = 1e30f;
  gelu = {far.get(), none.get(), y.get(), 1, kLanes};
  kernels.gelu(gelu, one);
  expect(y[0] == 0 && y[1] == 40 && y[2] == 0 && y[3] == 1e30f && y[4] == 0, "GELU far out");
}

Array<float> attend(const Kernels& kernels, ThreadPool& pool, const float* qkv, const float* bias,
                    const Texts& texts, int heads, int size) {
  int32_t longest = 0;
  for (const int32_t length : texts.lengths) {
    longest = std::max(longest, length);
  }
  const int64_t padded = (longest + kLanes - 1) / kLanes * kLanes;
  Array<float> y = array<float>(texts.rows * heads * size);
  TextAttentionCall call = {};
  call.memoryStride = (2 * size + 4) * padded;
  const Array<float> memory = array<float>(pool.threads() * call.memoryStride);
  call.qkv = qkv;
  call.bias = bias;
  call.lengths = texts.lengths.data();
  call.starts = texts.starts.data();
  call.y = y.get();
  call.memory = memory.get();
  call.texts = static_cast<int64_t>(texts.lengths.size());
  call.heads = heads;
  call.headSize = size;
  call.scale = 1 / std::sqrt(static_cast<float>(size));
  kernels.attend_texts(call, pool);
  return y;
}

void test_text_attention(const Kernels& kernels, Random& random) {
  const int heads = 3, size = 32;
  const int64_t width = heads * size;
  const Texts texts{1, 17, 4, 33, 16, 2};
  const Array<float> qkv = gaussian(random, texts.rows * 3 * width, 1),
                     bias = gaussian(random, 3 * width, 1);
  ThreadPool one(1), three(3);
  const Array<float> y = attend(kernels, three, qkv.get(), bias.get(), texts, heads, size);
  for (size_t t = 0; t < texts.lengths.size(); t++) {
    const int64_t from = texts.starts[t], length = texts.lengths[t];
    const auto part = [&](int64_t row, int64_t which, int64_t k) {
      return double{qkv[(from + row) * 3 * width + which * width + k]} + bias[which * width + k];
    };
    for (int64_t row = 0; row < length; row++) {
      for (int64_t head = 0; head < heads; head++) {
        std::vector<double> odds;
        double sum = 0;
        for (int64_t other = 0; other < length; other++) {
          double score = 0;
          for (int64_t k = head * size; k < (head + 1) * size; k++) {
            score += part(row, 0, k) * part(other, 1, k);
          }
          odds.push_back(std::exp(score / std::sqrt(static_cast<double>(size))));
          sum += odds.back();
        }
        for (int64_t k = head * size; k < (head + 1) * size; k++) {
          double wanted = 0;
          for (int64_t other = 0; other < length; other++) {
            wanted += odds[other] / sum * part(other, 2, k);
          }
          expect(std::fabs(y[(from + row) * width + k] - wanted) < 1e-4,
                 text("attention in a text", {static_cast<int64_t>(t), row, k}));
        }
      }
    }
    const Texts alone{texts.lengths[t]};
    const Array<float> same =
        attend(kernels, one, qkv.get() + from * 3 * width, bias.get(), alone, heads, size);
    expect(std::memcmp(same.get(), y.get() + from * width, length * width * sizeof(float)) == 0,
           text("a text is the same alone", {length}));
  }
}

void test_text_pool(const Kernels& kernels, Random& random) {
  const int64_t width = 32;
  const Texts texts{3, 1, 40};
  const Array<float> x = gaussian(random, texts.rows * width, 1);
  ThreadPool pool(2);
  for (const bool unit : {false, true}) {
    const Array<float> y = array<float>(3 * width);
    const PoolCall call = {x.get(), texts.lengths.data(), texts.starts.data(), y.get(), 3, width, unit};
    kernels.pool_texts(call, pool);
    for (int64_t t = 0; t < 3; t++) {
      std::vector<double> mean(width);
      double squares = 0;
      for (int64_t k = 0; k < width; k++) {
        for (int64_t row = 0; row < texts.lengths[t]; row++) {
          mean[k] += x[(texts.starts[t] + row) * width + k] / double{1} / texts.lengths[t];
        }
        squares += mean[k] * mean[k];
      }
      for (int64_t k = 0; k < width; k++) {
        const double wanted = unit ? mean[k] / std::sqrt(squares) : mean[k];
        expect(std::fabs(y[t * width + k] - wanted) < 1e-5, text("the mean of a text", {t, k}));
      }
    }
  }
}

void test_text_checks() {
  const int32_t sound[] = {2, 3}, zero[] = {0, 5}, negative[] = {-1, 6}, large[] = {6, -1};
  expect(problem(sound, 2, 5) == nullptr, "sound lengths are allowed");
  expect(problem(sound, 0, 0) == nullptr, "no texts are allowed");
  expect(problem(sound, 2, 6) != nullptr, "fewer rows than there are");
  expect(problem(sound, 2, 4) != nullptr, "more rows than there are");
  expect(problem(zero, 2, 5) != nullptr, "a text without rows");
  expect(problem(negative, 2, 5) != nullptr, "a negative length");
  expect(problem(large, 2, 5) != nullptr, "a length past the rows");
}

// ------------------------------------------------------------------------------------------- weighing

void test_weigh(const Kernels& kernels, Random& random) {
  ThreadPool one(1), three(3);
  for (const int64_t vocabulary : {1, 64, 200, 1337}) {
    const int64_t rows = 5, blocks = weighed_blocks(vocabulary), width = 1 + blocks;
    const Array<float> logits = gaussian(random, rows * vocabulary, 8);
    logits[0] = -std::numeric_limits<float>::infinity();
    logits[2 * vocabulary] = std::numeric_limits<float>::quiet_NaN();
    logits[3 * vocabulary] = -std::numeric_limits<float>::quiet_NaN();
    logits[4 * vocabulary] = std::numeric_limits<float>::infinity();
    const int32_t chosen[] = {0, 1, 2, 3, 4};
    const double scales[] = {1, 0.7, 1, 1, 1};
    const auto run = [&](ThreadPool& pool, int64_t from, int64_t count) {
      Array<double> y = array<double>(count * width);
      const Array<int32_t> greatest = array<int32_t>(count + pool.threads() * pool.threads());
      const WeighCall call = {logits.get(), chosen + from, scales + from, y.get(), greatest.get(), count, vocabulary};
      kernels.weigh(call, pool);
      return y;
    };
    const Array<double> together = run(three, 0, rows);
    for (int64_t row = 0; row < rows; row++) {
      const float* x = logits.get() + row * vocabulary;
      const double* sums = together.get() + row * width;
      if (row < 2) {
        const double max = *std::max_element(x, x + vocabulary);
        expect(sums[0] == max, text("the greatest logit", {vocabulary, row}));
        for (int64_t block = 0; block < blocks && std::isfinite(max); block++) {
          double wanted = 0;
          for (int64_t i = block * kWeighedBlock; i < std::min(vocabulary, (block + 1) * kWeighedBlock); i++) {
            wanted += std::exp((x[i] - max) * scales[row]);
          }
          expect(std::fabs(sums[1 + block] - wanted) < 1e-10, text("a block's weights", {vocabulary, row, block}));
        }
      } else {
        expect(row < 4 ? std::isnan(sums[0]) : std::isinf(sums[0]), text("a bad row is seen", {vocabulary, row}));
      }
      const Array<double> alone = run(one, row, 1), shared = run(three, row, 1);
      expect(std::memcmp(alone.get(), shared.get(), width * sizeof(double)) == 0 &&
                 std::memcmp(alone.get(), sums, width * sizeof(double)) == 0,
             text("a weighed row is the same alone", {vocabulary, row}));
    }
  }
}

/** Each item of a job waits for all others: it ends only when every thread, asleep before, has come. */
void test_pool_wakes_sleepers() {
  ThreadPool pool(4);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  const auto reached = [&](auto condition) {
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline) {
        return false;
      }
      std::this_thread::yield();
    }
    return true;
  };
  for (int job = 0; job < 20; job++) {
    expect(reached([&] { return pool.sleepers() == pool.threads() - 1; }), "idle threads sleep");
    std::atomic<int> arrived{0};
    parallel(pool, pool.threads(), [&](int64_t, int) {
      arrived++;
      expect(reached([&] { return arrived == pool.threads(); }), "a job wakes all threads");
    });
  }
}

}  // namespace
}  // namespace parley

int main() {
  using namespace parley;
  FlushDenormals flush;
  test_checks();
  test_text_checks();
  test_embedding();
  test_pool_of_many_callers();
  test_pool_wakes_sleepers();
  int variants = 0;
  for (int variant = 0; variant < kVariants; variant++) {
    if (const Kernels* found = kernels(variant)) {
      Random random(7);
      test_linear(*found, false, random);
      test_linear(*found, true, random);
      test_normalise(*found, random);
      test_attention(*found, random);
      test_later_infinity(*found, random);
      test_elementwise(*found, random);
      test_text_attention(*found, random);
      test_text_pool(*found, random);
      test_weigh(*found, random);
      std::printf("%s ", found->name);
      variants++;
    }
  }
  expect(variants > 0, "there is a variant for this CPU");
  std::printf(failures == 0 ? "passed\n" : "%d failures\n", failures);
  return failures == 0 ? 0 : 1;
}
