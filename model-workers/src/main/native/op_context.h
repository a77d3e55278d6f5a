// TensorFlow's C API for kernels, as the operations use it: tensors that free themselves, and errors as
// exceptions, which end at the border.
#pragma once
#include <initializer_list>
#include <memory>
#include <stdexcept>
#include <string>

#include "kernels.h"
#include "tf_c_api.h"

namespace parley {

/** An error that TensorFlow is to report; its caller sees the code and the message. */
class OpError : public std::runtime_error {
 public:
  OpError(TF_Code code, const std::string& message) : std::runtime_error(message), code(code) {}
  const TF_Code code;
};

[[noreturn]] inline void refuse(const std::string& message) {
  throw OpError(TF_INVALID_ARGUMENT, message);
}

inline void require(bool condition, const char* message) {
  if (!condition) {
    refuse(message);
  }
}

class Status {
 public:
  Status() : status_(TF_NewStatus(), TF_DeleteStatus) {}
  operator TF_Status*() { return status_.get(); }
  void check() {
    if (TF_GetCode(status_.get()) != TF_OK) {
      throw OpError(TF_GetCode(status_.get()), TF_Message(status_.get()));
    }
  }

 private:
  std::unique_ptr<TF_Status, void (*)(TF_Status*)> status_;
};

/** A tensor that an operation holds while it runs. */
class Tensor {
 public:
  explicit Tensor(TF_Tensor* tensor) : tensor_(tensor, TF_DeleteTensor) {}

  int rank() const { return TF_NumDims(tensor_.get()); }
  int64_t dim(int i) const { return TF_Dim(tensor_.get(), i); }
  int64_t size() const { return TF_TensorElementCount(tensor_.get()); }

  float* floats() const { return data<float>(TF_FLOAT); }
  double* doubles() const { return data<double>(TF_DOUBLE); }
  int32_t* ints() const { return data<int32_t>(TF_INT32); }
  bf16* narrow() const { return data<bf16>(TF_BFLOAT16); }
  char* bytes() const { return data<char>(TF_UINT8); }

  /** Of whatever type. */
  void* memory() const { return TF_TensorData(tensor_.get()); }
  size_t memory_size() const { return TF_TensorByteSize(tensor_.get()); }

  bool is(TF_DataType type) const { return TF_TensorType(tensor_.get()) == type; }

 private:
  template <class T>
  T* data(TF_DataType type) const {
    require(is(type), "an input has the wrong type");
    return static_cast<T*>(TF_TensorData(tensor_.get()));
  }

  std::unique_ptr<TF_Tensor, void (*)(TF_Tensor*)> tensor_;
};

class OpContext {
 public:
  explicit OpContext(TF_OpKernelContext* context) : context_(context) {}

  Tensor input(int index) const;

  /** The memory of a variable itself, not a copy. */
  Tensor variable(int index) const;

  Tensor output(std::initializer_list<int64_t> dims) const { return output(dims, TF_FLOAT, sizeof(float)); }

  Tensor output_of_doubles(std::initializer_list<int64_t> dims) const { return output(dims, TF_DOUBLE, sizeof(double)); }

 private:
  Tensor output(std::initializer_list<int64_t> dims, TF_DataType type, size_t bytes) const;

  TF_OpKernelContext* const context_;
};

/** Bytes for working memory of this thread, aligned; kept for the next call. */
void* working_memory(size_t bytes);

}  // namespace parley
