// The operations of text encoders that TensorFlow sees; ops.cc says what they have in common.
#include "ops.h"

#include <vector>

namespace parley {
namespace {

/** Where each text's rows begin. */
struct Texts {
  Texts(const Tensor& tensor, int64_t rows) : lengths(tensor.ints()), count(tensor.size()) {
    require_no(problem(lengths, count, rows));
    int64_t row = 0;
    for (int64_t i = 0; i < count; i++) {
      starts.push_back(row);
      row += lengths[i];
      longest = lengths[i] > longest ? lengths[i] : longest;
    }
  }

  const int32_t* const lengths;
  const int64_t count;
  std::vector<int64_t> starts;
  int64_t longest = 0;
};

void require_width(const Tensor& x) {
  require(x.rank() == 2 && x.dim(1) >= kLanes && x.dim(1) % kLanes == 0,
          "x is not a matrix of a multiple of 16 columns");
}

/** y = layer normalisation of x + bias + residual. */
struct AddNorm {
  static constexpr const char* kName = "ParleyAddNorm";
  static constexpr const char* kInputs[] = {"x: float",        "bias: resource",  "residual: float",
                                            "scale: resource", "shift: resource", "execution: int32"};
  static constexpr const char* kAttributes[] = {"epsilon: float"};

  explicit AddNorm(const Attributes& attributes) : epsilon(attributes.number("epsilon")) {}

  void compute(const OpContext& context) const {
    const Tensor x = context.input(0), bias = context.variable(1), residual = context.input(2),
                 scale = context.variable(3), shift = context.variable(4);
    const Execution execution(context.input(5));
    require_width(x);
    AddNormCall call = {};
    call.rows = x.dim(0);
    call.width = x.dim(1);
    require(bias.size() == call.width && scale.size() == call.width && shift.size() == call.width &&
                residual.size() == x.size(),
            "x and what is added to it do not fit each other");
    call.x = x.floats();
    call.bias = bias.floats();
    call.residual = residual.floats();
    call.scale = scale.floats();
    call.shift = shift.floats();
    call.epsilon = epsilon;
    const Tensor y = context.output({call.rows, call.width});
    call.y = y.floats();
    execution.kernels->add_norm(call, *execution.threads);
  }

  const float epsilon;
};

/** y = GELU of x + bias. */
struct Gelu {
  static constexpr const char* kName = "ParleyGelu";
  static constexpr const char* kInputs[] = {"x: float", "bias: resource", "execution: int32"};
  static constexpr const char* kAttributes[] = {nullptr};

  explicit Gelu(const Attributes&) {}

  void compute(const OpContext& context) const {
    const Tensor x = context.input(0), bias = context.variable(1);
    const Execution execution(context.input(2));
    require_width(x);
    GeluCall call = {};
    call.rows = x.dim(0);
    call.width = x.dim(1);
    require(bias.size() == call.width, "x and bias do not fit each other");
    call.x = x.floats();
    call.bias = bias.floats();
    const Tensor y = context.output({call.rows, call.width});
    call.y = y.floats();
    execution.kernels->gelu(call, *execution.threads);
  }
};

/** Attention within each text. */
struct TextAttention {
  static constexpr const char* kName = "ParleyTextAttention";
  static constexpr const char* kInputs[] = {"qkv: float", "bias: resource", "lengths: int32",
                                            "execution: int32"};
  static constexpr const char* kAttributes[] = {"heads: int"};

  explicit TextAttention(const Attributes& attributes) : heads(attributes.integer("heads")) {
    require(heads >= 1, "there are no heads");
  }

  void compute(const OpContext& context) const {
    const Tensor qkv = context.input(0), bias = context.variable(1), lengths = context.input(2);
    const Execution execution(context.input(3));
    const int64_t parts = int64_t{3} * heads;
    require(qkv.rank() == 2 && qkv.dim(1) % (parts * kLanes) == 0 && qkv.dim(1) > 0,
            "qkv is not made of heads of a multiple of 16");
    require(bias.size() == qkv.dim(1), "qkv and bias do not fit each other");
    const Texts texts(lengths, qkv.dim(0));
    TextAttentionCall call = {};
    call.qkv = qkv.floats();
    call.bias = bias.floats();
    call.lengths = texts.lengths;
    call.starts = texts.starts.data();
    call.texts = texts.count;
    call.heads = heads;
    call.headSize = static_cast<int>(qkv.dim(1) / parts);
    call.scale = 1.f / __builtin_sqrtf(static_cast<float>(call.headSize));
    const Tensor y = context.output({qkv.dim(0), int64_t{heads} * call.headSize});
    call.y = y.floats();
    const int64_t padded = (texts.longest + kLanes - 1) / kLanes * kLanes;
    call.memoryStride = (2 * int64_t{call.headSize} + 4) * padded;
    call.memory = static_cast<float*>(
        working_memory(execution.threads->threads() * call.memoryStride * sizeof(float)));
    execution.kernels->attend_texts(call, *execution.threads);
  }

  const int heads;
};

/** The mean of each text's rows. */
struct Pool {
  static constexpr const char* kName = "ParleyPool";
  static constexpr const char* kInputs[] = {"x: float", "lengths: int32", "execution: int32"};
  static constexpr const char* kAttributes[] = {"unit: int"};

  explicit Pool(const Attributes& attributes) : unit(attributes.integer("unit") != 0) {}

  void compute(const OpContext& context) const {
    const Tensor x = context.input(0), lengths = context.input(1);
    const Execution execution(context.input(2));
    require_width(x);
    const Texts texts(lengths, x.dim(0));
    PoolCall call = {};
    call.x = x.floats();
    call.lengths = texts.lengths;
    call.starts = texts.starts.data();
    call.texts = texts.count;
    call.width = x.dim(1);
    call.unit = unit;
    const Tensor y = context.output({call.texts, call.width});
    call.y = y.floats();
    execution.kernels->pool_texts(call, *execution.threads);
  }

  const bool unit;
};

[[maybe_unused]] const bool added = [] {
  add<AddNorm>();
  add<Gelu>();
  add<TextAttention>();
  add<Pool>();
  return true;
}();

}  // namespace
}  // namespace parley
