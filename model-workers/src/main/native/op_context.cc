#include "op_context.h"

#include <cstdlib>
#include <cstring>
#include <new>

namespace parley {
namespace {

/** TensorFlow wants it only for a variable that something else holds, too. */
void copy(TF_OpKernelContext*, TF_Tensor* from, TF_Tensor* to) {
  memcpy(TF_TensorData(to), TF_TensorData(from), TF_TensorByteSize(from));
}

struct WorkingMemory {
  void* data = nullptr;
  size_t size = 0;
  ~WorkingMemory() { free(data); }
};

}  // namespace

Tensor OpContext::input(int index) const {
  TF_Tensor* tensor = nullptr;
  Status status;
  TF_GetInput(context_, index, &tensor, status);
  status.check();
  return Tensor(tensor);
}

Tensor OpContext::variable(int index) const {
  TF_Tensor* tensor = nullptr;
  Status status;
  TF_GetInputTensorFromVariable(context_, index, false, false, true, copy, &tensor, status);
  status.check();
  require(tensor != nullptr, "a variable has no value");
  return Tensor(tensor);
}

Tensor OpContext::output(std::initializer_list<int64_t> dims, TF_DataType type, size_t bytes) const {
  for (int64_t dim : dims) {
    bytes *= static_cast<size_t>(dim);
  }
  Status status;
  TF_Tensor* tensor = TF_AllocateOutput(context_, 0, type, dims.begin(),
                                        static_cast<int>(dims.size()), bytes, status);
  status.check();
  return Tensor(tensor);
}

void* working_memory(size_t bytes) {
  static thread_local WorkingMemory memory;
  if (memory.size < bytes) {
    free(memory.data);
    memory = {nullptr, 0};
    const size_t rounded = (bytes + 4095) / 4096 * 4096;
    memory.data = aligned_alloc(4096, rounded);
    if (memory.data == nullptr) {
      throw std::bad_alloc();
    }
    memory.size = rounded;
  }
  return memory.data;
}

}  // namespace parley
