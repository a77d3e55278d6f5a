// The operations that TensorFlow sees. Each takes last, where it needs threads, `execution`: the number
// of the kernels' variant and the number of threads.
#include <cstdio>
#include <new>

#include "checks.h"
#include "flush_denormals.h"
#include "huge_pages.h"
#include "kernels.h"
#include "lookup.h"
#include "op_context.h"
#include "thread_pool.h"

namespace parley {
namespace {

struct Attributes {
  explicit Attributes(TF_OpKernelConstruction* construction) : construction(construction) {}

  int integer(const char* name) const {
    int32_t value = 0;
    Status status;
    TF_OpKernelConstruction_GetAttrInt32(construction, name, &value, status);
    status.check();
    return value;
  }

  float number(const char* name) const {
    float value = 0;
    Status status;
    TF_OpKernelConstruction_GetAttrFloat(construction, name, &value, status);
    status.check();
    return value;
  }

  TF_OpKernelConstruction* const construction;
};

struct Execution {
  explicit Execution(const Tensor& tensor) {
    require(tensor.size() == 2, "execution is not a variant and a number of threads");
    const int variant = tensor.ints()[0];
    const int count = tensor.ints()[1];
    require(count >= 1 && count <= kThreadsMax, "the number of threads is out of range");
    kernels = parley::kernels(variant);
    if (kernels == nullptr) {
      throw OpError(TF_UNIMPLEMENTED, "this CPU or this build lacks the variant of the kernels");
    }
    threads = &ThreadPool::shared(count);
  }

  const Kernels* kernels;
  ThreadPool* threads;
};

void require_no(const char* problem) {
  if (problem != nullptr) {
    refuse(problem);
  }
}

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
    LinearCall call = {};
    call.x = x.floats();
    call.weights = weights.narrow();
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
    const int64_t panels = (columns + kPanel - 1) / kPanel;
    require(weights.size() == panels * kPanel * call.inputs, "weights and x do not fit each other");
    pages.ask(call.weights, weights.size() * sizeof(bf16));
    const int64_t width = gate == kNoGate ? columns : columns / 2;
    const Tensor y = context.output({call.rows, width});
    call.y = y.floats();
    const int64_t held = call.rows < kRowsAtOnce ? call.rows : kRowsAtOnce;
    call.activations = working_memory(held * call.inputs * sizeof(float));
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

// --------------------------------------------------------------------------- the border to TensorFlow

template <class Fail>
void report(TF_Code code, const char* op, const char* message, Fail fail) {
  Status status;
  TF_SetStatus(status, code, (std::string(op) + ": " + message).c_str());
  fail(status);
}

/** Runs what may throw; no exception crosses the border. */
template <class Op, class Run, class Fail>
void guarded(Run run, Fail fail) {
  try {
    run();
  } catch (const OpError& error) {
    report(error.code, Op::kName, error.what(), fail);
  } catch (const std::bad_alloc&) {
    report(TF_RESOURCE_EXHAUSTED, Op::kName, "out of memory", fail);
  } catch (const std::exception& error) {
    report(TF_INTERNAL, Op::kName, error.what(), fail);
  }
}

template <class Op>
void* create(TF_OpKernelConstruction* construction) {
  Op* op = nullptr;
  guarded<Op>([&] { op = new Op(Attributes(construction)); },
              [&](TF_Status* status) { TF_OpKernelConstruction_Failure(construction, status); });
  return op;
}

template <class Op>
void compute(void* op, TF_OpKernelContext* context) {
  FlushDenormals flush;
  guarded<Op>([&] { static_cast<Op*>(op)->compute(OpContext(context)); },
              [&](TF_Status* status) { TF_OpKernelContext_Failure(context, status); });
}

template <class Op>
void destroy(void* op) {
  delete static_cast<Op*>(op);
}

void leave_shape_open(TF_ShapeInferenceContext* context, TF_Status* status) {
  TF_ShapeInferenceContextSetUnknownShape(context, status);
}

/**
 * Nothing may be thrown while the library is loaded: where an operation is refused, building or loading
 * a graph that has it fails.
 */
bool registered(const char* op, TF_Status* status) {
  if (TF_GetCode(status) == TF_OK) {
    return true;
  }
  std::fprintf(stderr, "%s cannot be registered: %s\n", op, TF_Message(status));
  return false;
}

template <class Op>
void add() {
  TF_OpDefinitionBuilder* definition = TF_NewOpDefinitionBuilder(Op::kName);
  for (const char* input : Op::kInputs) {
    TF_OpDefinitionBuilderAddInput(definition, input);
  }
  for (const char* attribute : Op::kAttributes) {
    if (attribute != nullptr) {
      TF_OpDefinitionBuilderAddAttr(definition, attribute);
    }
  }
  TF_OpDefinitionBuilderAddOutput(definition, "y: float");
  TF_OpDefinitionBuilderSetIsStateful(definition, true);  // they read variables
  TF_OpDefinitionBuilderSetShapeInferenceFunction(definition, leave_shape_open);
  Status status;
  TF_RegisterOpDefinition(definition, status);
  if (registered(Op::kName, status)) {
    TF_RegisterKernelBuilder(
        Op::kName, TF_NewKernelBuilder(Op::kName, "CPU", create<Op>, compute<Op>, destroy<Op>), status);
    registered(Op::kName, status);
  }
}

/** TensorFlow registers what a library's initialisers add while it loads the library. */
[[maybe_unused]] const bool added = [] {
  add<Embedding>();
  add<Rotation>();
  add<Linear>();
  add<Normalise>();
  add<Attention>();
  return true;
}();

}  // namespace
}  // namespace parley
