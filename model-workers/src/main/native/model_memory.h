// Memory of models that goes back to the system when it is freed.
#pragma once
#include <cstddef>

namespace parley {

/**
 * TensorFlow's allocator keeps what it has got for the rest of the process. What stays as long as a
 * model, its weights and KV memory, comes from here instead: from large mappings with large pages, one
 * piece behind the other, so that small tensors share pages. A mapping goes when its last piece is freed.
 */
class ModelMemory {
 public:
  /** So many bytes, aligned to a cache line, all zeros; nullptr when the system has no more. */
  static void* take(size_t bytes);

  static void give(void* data);

  /** Bytes of all mappings that there are. */
  static size_t mapped();
};

}  // namespace parley
