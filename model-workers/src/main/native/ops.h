// What the operations have in common: their attributes and execution, and the border to TensorFlow. For
// the files that define operations alone.
#pragma once
#include <cstdio>
#include <new>

#include "checks.h"
#include "flush_denormals.h"
#include "kernels.h"
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
    const int count = tensor.ints()[1] & 0xffff;
    const int group = tensor.ints()[1] >> 16;
    require(count >= 1 && count <= kThreadsMax, "the number of threads is out of range");
    kernels = parley::kernels(variant);
    if (kernels == nullptr) {
      throw OpError(TF_UNIMPLEMENTED, "this CPU or this build lacks the variant of the kernels");
    }
    require(group >= 0, "the group of cores is out of range");
    threads = &ThreadPool::shared(count, group);
  }

  const Kernels* kernels;
  ThreadPool* threads;
};

void require_no(const char* problem) {
  if (problem != nullptr) {
    refuse(problem);
  }
}

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
void add(const char* output = "y: float") {
  TF_OpDefinitionBuilder* definition = TF_NewOpDefinitionBuilder(Op::kName);
  for (const char* input : Op::kInputs) {
    TF_OpDefinitionBuilderAddInput(definition, input);
  }
  for (const char* attribute : Op::kAttributes) {
    if (attribute != nullptr) {
      TF_OpDefinitionBuilderAddAttr(definition, attribute);
    }
  }
  TF_OpDefinitionBuilderAddOutput(definition, output);
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

}  // namespace
}  // namespace parley
