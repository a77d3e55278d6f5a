// The operations that TensorFlow sees. Each takes last, where it needs threads, `execution`: the number
// of the kernels' variant and the number of threads.
#include "ops.h"

#include "huge_pages.h"
#include "lookup.h"
#include "memory_rate.h"
#include "thread_pool.h"

namespace parley {
namespace {

/** x = the embeddings of tokens, scaled. */
struct Embedding {
  static constexpr const char* kName = "ParleyEmbedding";
  static constexpr const char* kInputs[] = {"tokens: int32", "table: resource"};
  static constexpr const char* kAttributes[] = {"vocabulary: int", "scale: float"};

  explicit Embedding(const Attributes& attributes)
      : vocabulary(attributes.integer("vocabulary")), scale(attributes.number("scale")) {}

  void compute(const OpContext& context) const {
    const Tensor tokens = context.input(0), table = context.variable(1);
    require(table.rank() == 4 && table.dim(2) == kPanel && table.dim(3) == 2 &&
                table.dim(0) * kPanel >= vocabulary,
            "the table is not panels of the vocabulary");
    const int32_t* ids = tokens.ints();
    for (int64_t i = 0; i < tokens.size(); i++) {
      require(ids[i] >= 0 && ids[i] < vocabulary, "a token is out of range");
    }
    const int64_t width = table.dim(1) * 2;
    const Tensor x = context.output({tokens.size(), width});
    embed(table.narrow(), ids, tokens.size(), width, scale, x.floats());
  }

  const int vocabulary;
  const float scale;
};

/** Cosines and sines of positions. */
struct Rotation {
  static constexpr const char* kName = "ParleyRotation";
  static constexpr const char* kInputs[] = {"positions: int32", "frequencies: float"};
  static constexpr const char* kAttributes[] = {nullptr};

  explicit Rotation(const Attributes&) {}

  void compute(const OpContext& context) const {
    const Tensor positions = context.input(0), frequencies = context.input(1);
    const Tensor y = context.output({positions.size(), 2 * frequencies.size()});
    rotate(positions.ints(), positions.size(), frequencies.floats(), frequencies.size(), y.floats());
  }
};

/**
 * Panels of weights, in a variable: [panels, inputs / 2, 32, 2] of bfloat16, or [panels, bytes of a panel],
 * where they are 8-bit integers. TensorFlow for Java has no signed bytes.
 */
struct Panels {
  explicit Panels(const Tensor& tensor) : int8(tensor.is(TF_UINT8)), count(tensor.dim(0)) {
    if (int8) {
      require(tensor.rank() == 2, "weights are not panels");
      data = tensor.bytes();
      inputs = (tensor.dim(1) - panel_bytes(0, true)) / kPanel;
    } else {
      require(tensor.rank() == 4 && tensor.dim(2) == kPanel && tensor.dim(3) == 2, "weights are not panels");
      data = tensor.narrow();
      inputs = tensor.dim(1) * 2;
    }
    bytes = count * panel_bytes(inputs, int8);
    require(inputs >= 1 && (!int8 || bytes == tensor.size()), "a panel's size is not that of its weights");
  }

  const bool int8;
  const int64_t count;
  int64_t inputs;
  int64_t bytes;
  const void* data;
};

/** y = normalised(x) * weights, then + bias and + residual, or the gate. */
struct Linear {
  static constexpr const char* kName = "ParleyLinear";
  static constexpr const char* kInputs[] = {"x: float",
                                            "weights: resource",
                                            "norm: norms * resource",
                                            "bias: biases * resource",
                                            "residual: residuals * float",
                                            "execution: int32"};
  static constexpr const char* kAttributes[] = {"norms: int >= 0",     "biases: int >= 0",
                                                "residuals: int >= 0", "columns: int",
                                                "epsilon: float",      "gate: int"};

  explicit Linear(const Attributes& attributes)
      : norms(attributes.integer("norms")),
        biases(attributes.integer("biases")),
        residuals(attributes.integer("residuals")),
        columns(attributes.integer("columns")),
        gate(static_cast<Gate>(attributes.integer("gate"))),
        epsilon(attributes.number("epsilon")) {
    require(norms <= 1 && biases <= 1 && residuals <= 1,
            "there is at most one norm, one bias and one residual");
  }

  void compute(const OpContext& context) const {
    const Tensor x = context.input(0), weights = context.variable(1);
    const Execution execution(context.input(2 + norms + biases + residuals));
    require(x.rank() == 2, "x is not a matrix");
    const Panels panels(weights);
    LinearCall call = {};
    call.x = x.floats();
    call.weights = panels.data;
    call.int8 = panels.int8;
    call.rows = x.dim(0);
    call.inputs = x.dim(1);
    call.columns = columns;
    call.epsilon = epsilon;
    call.gate = gate;

    // held until the end of the call
    const Tensor norm = norms == 1 ? context.variable(2) : Tensor(nullptr);
    const Tensor bias = biases == 1 ? context.variable(2 + norms) : Tensor(nullptr);
    const Tensor residual = residuals == 1 ? context.input(2 + norms + biases) : Tensor(nullptr);
    if (norms == 1) {
      require(norm.size() == call.inputs, "norm and x do not fit each other");
      call.norm = norm.floats();
    }
    if (biases == 1) {
      require(bias.size() == columns, "bias and product do not fit each other");
      call.bias = bias.floats();
    }
    if (residuals == 1) {
      require(residual.size() == call.rows * columns, "residual and product do not fit each other");
      call.residual = residual.floats();
    }
    require_no(problem(call));
    require(panels.inputs == call.inputs && panels.count == (columns + kPanel - 1) / kPanel,
            "weights and x do not fit each other");
    pages.ask(call.weights, panels.bytes);
    const int64_t width = gate == kNoGate ? columns : columns / 2;
    const Tensor y = context.output({call.rows, width});
    call.y = y.floats();
    const int64_t held = call.rows < kRowsAtOnce ? call.rows : kRowsAtOnce;
    const int64_t activations = held * call.inputs * sizeof(float);
    const int64_t widened = call.int8 && call.rows > 1 ? execution.threads->threads() * panel_bytes(call.inputs, false) : 0;
    char* const memory = static_cast<char*>(working_memory(activations + widened));
    call.activations = memory;
    call.widened = reinterpret_cast<bf16*>(memory + activations);
    execution.kernels->linear(call, *execution.threads);
  }

  const int norms;
  const int biases;
  const int residuals;
  const int columns;
  const Gate gate;
  const float epsilon;
  const HugePages pages;
};

/** y = normalised(x) + residual. */
struct Normalise {
  static constexpr const char* kName = "ParleyNormalise";
  static constexpr const char* kInputs[] = {"x: float", "norm: resource", "residual: float",
                                            "execution: int32"};
  static constexpr const char* kAttributes[] = {"epsilon: float"};

  explicit Normalise(const Attributes& attributes) : epsilon(attributes.number("epsilon")) {}

  void compute(const OpContext& context) const {
    const Tensor x = context.input(0), norm = context.variable(1), residual = context.input(2);
    const Execution execution(context.input(3));
    require(x.rank() == 2, "x is not a matrix");
    NormCall call = {};
    call.x = x.floats();
    call.norm = norm.floats();
    call.residual = residual.floats();
    call.rows = x.dim(0);
    call.width = x.dim(1);
    call.epsilon = epsilon;
    require(norm.size() == call.width, "norm and x do not fit each other");
    require(residual.size() == x.size(), "residual and x do not fit each other");
    require_no(problem(call));
    const Tensor y = context.output({call.rows, call.width});
    call.y = y.floats();
    execution.kernels->normalise(call, *execution.threads);
  }

  const float epsilon;
};

/** Attention of one layer; cache [layers, 2, blocks, kvHeads, block * headSize]. */
struct Attention {
  static constexpr const char* kName = "ParleyAttention";
  static constexpr const char* kInputs[] = {"qkv: float",       "cache: resource",
                                            "rotation: float",  "positions: int32",
                                            "sequences: int32", "tables: int32",
                                            "head_norms: norms * resource",
                                            "execution: int32"};
  static constexpr const char* kAttributes[] = {"norms: int >= 0", "layer: int",  "heads: int",
                                                "kv_heads: int",   "block: int",  "window: int",
                                                "scale: float",    "epsilon: float"};

  explicit Attention(const Attributes& attributes)
      : norms(attributes.integer("norms")),
        layer(attributes.integer("layer")),
        heads(attributes.integer("heads")),
        kv_heads(attributes.integer("kv_heads")),
        block(attributes.integer("block")),
        window(attributes.integer("window")),
        scale(attributes.number("scale")),
        epsilon(attributes.number("epsilon")) {
    require(norms <= 1, "there is at most one pair of the heads' norms");
    require(heads >= 1 && kv_heads >= 1 && block >= 1 && layer >= 0, "an attribute is out of range");
  }

  void compute(const OpContext& context) const {
    const Tensor qkv = context.input(0), cache = context.variable(1), rotation = context.input(2),
                 positions = context.input(3), sequences = context.input(4),
                 tables = context.input(5);
    const Tensor head_norms = norms == 1 ? context.variable(6) : Tensor(nullptr);
    const Execution execution(context.input(6 + norms));
    const int parts = heads + 2 * kv_heads;
    require(qkv.rank() == 2 && qkv.dim(1) % parts == 0, "qkv is not made of heads");
    require(tables.rank() == 2, "tables is not a matrix");
    AttentionCall call = {};
    call.qkv = qkv.floats();
    call.rotation = rotation.floats();
    call.positions = positions.ints();
    call.sequences = sequences.ints();
    call.tables = tables.ints();
    call.rows = qkv.dim(0);
    call.sequenceCount = tables.dim(0);
    call.tableColumns = tables.dim(1);
    call.heads = heads;
    call.kvHeads = kv_heads;
    call.headSize = static_cast<int>(qkv.dim(1) / parts);
    call.block = block;
    call.window = window;
    call.queryScale = scale;
    call.epsilon = epsilon;
    if (norms == 1) {
      require(head_norms.size() == 2 * call.headSize, "the heads' norms do not fit the heads");
      call.headNorms = head_norms.floats();
    }
    const int64_t in_block = int64_t{block} * call.headSize;
    require(cache.rank() == 5 && layer < cache.dim(0) && cache.dim(1) == 2 &&
                cache.dim(3) == kv_heads && cache.dim(4) == in_block,
            "the cache does not fit the heads");
    call.blocks = cache.dim(2);
    require(positions.size() == call.rows && sequences.size() == call.rows &&
                rotation.size() == call.rows * call.headSize,
            "the inputs have different numbers of rows");
    require_no(problem(call));

    const int64_t in_layer = call.blocks * kv_heads * in_block;
    call.keys = cache.narrow() + layer * 2 * in_layer;
    call.values = call.keys + in_layer;
    pages.ask(call.keys, 2 * in_layer * sizeof(bf16));
    const Tensor y = context.output({call.rows, int64_t{heads} * call.headSize});
    call.y = y.floats();
    call.scoreStride = score_stride(call.positions, call.rows);
    const int64_t scores = execution.threads->threads() * kScoreRows * call.scoreStride;
    call.scores = static_cast<float*>(working_memory(scores * sizeof(float)));
    execution.kernels->attention(call, *execution.threads);
  }

  const int norms;
  const int layer;
  const int heads;
  const int kv_heads;
  const int block;
  const int window;
  const float scale;
  const float epsilon;
  const HugePages pages;
};

/** What drawing tokens asks of rows of logits: a WeighCall's y. */
struct Weigh {
  static constexpr const char* kName = "ParleyWeigh";
  static constexpr const char* kInputs[] = {"logits: float", "rows: int32", "scales: double", "execution: int32"};
  static constexpr const char* kAttributes[] = {nullptr};

  explicit Weigh(const Attributes&) {}

  void compute(const OpContext& context) const {
    const Tensor logits = context.input(0), rows = context.input(1), scales = context.input(2);
    const Execution execution(context.input(3));
    require(logits.rank() == 2 && logits.dim(1) >= 1, "logits are not rows of a vocabulary");
    require(rows.size() == scales.size(), "rows and scales have different numbers");
    WeighCall call = {};
    call.logits = logits.floats();
    call.rows = rows.ints();
    call.scales = scales.doubles();
    call.count = rows.size();
    call.vocabulary = logits.dim(1);
    for (int64_t i = 0; i < call.count; i++) {
      require(call.rows[i] >= 0 && call.rows[i] < logits.dim(0), "a row is out of range");
      require(call.scales[i] > 0, "a scale is not positive");
    }
    const Tensor y = context.output_of_doubles({call.count, 1 + weighed_blocks(call.vocabulary)});
    call.y = y.doubles();
    const int64_t threads = execution.threads->threads();
    call.greatest = static_cast<int32_t*>(working_memory((call.count + threads * threads) * sizeof(int32_t)));
    execution.kernels->weigh(call, *execution.threads);
  }
};

/** What the machine can do: bytes a second from memory, then multiplications and additions a second. */
struct Limits {
  static constexpr const char* kName = "ParleyLimits";
  static constexpr const char* kInputs[] = {"execution: int32"};
  static constexpr const char* kAttributes[] = {nullptr};

  explicit Limits(const Attributes&) {}

  void compute(const OpContext& context) const {
    const Execution execution(context.input(0));
    const Tensor y = context.output({2});
    y.floats()[0] = static_cast<float>(memory_rate(*execution.threads));
    y.floats()[1] = static_cast<float>(execution.kernels->peak(*execution.threads));
  }
};

/** Gives the memory of variables back to the system, before their session is closed. */
struct GiveBack {
  static constexpr const char* kName = "ParleyGiveBack";
  static constexpr const char* kInputs[] = {"go: int32", "variables: count * resource"};
  static constexpr const char* kAttributes[] = {"count: int >= 1"};

  explicit GiveBack(const Attributes& attributes) : count(attributes.integer("count")) {}

  void compute(const OpContext& context) const {
    const Tensor y = context.output({1});
    size_t bytes = 0;
    for (int i = 0; i < count; i++) {
      const Tensor variable = context.variable(1 + i);
      bytes += give_back(variable.memory(), variable.memory_size());
    }
    y.floats()[0] = static_cast<float>(bytes);
  }

  const int count;
};

/** TensorFlow registers what a library's initialisers add while it loads the library. */
[[maybe_unused]] const bool added = [] {
  add<Embedding>();
  add<Rotation>();
  add<Linear>();
  add<Normalise>();
  add<Attention>();
  add<Weigh>("y: double");
  add<Limits>();
  add<GiveBack>();
  return true;
}();

}  // namespace
}  // namespace parley
