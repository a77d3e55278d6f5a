// Pages of memory that TensorFlow has allocated: large ones under what a step reads from end to end, and
// those of variables that are no longer needed back to the system.
#pragma once
#include <atomic>
#include <cstddef>

namespace parley {

/**
 * With pages of 4 KiB, a step over hundreds of megabytes of weights looks up one translation of an
 * address for each of them; with pages of 2 MiB it runs up to a third faster. Linux gives them only to
 * who asks, in most settings. A wish: where the system refuses, nothing changes.
 */
class HugePages {
 public:
  /** Asks once for each place: calls with the same data again cost nothing. */
  void ask(const void* data, size_t bytes) const;

 private:
  mutable std::atomic<const void*> asked_{nullptr};
};

/**
 * Gives the pages that lie wholly in here back to the system; their content is lost. The addresses stay
 * with TensorFlow's allocator, which returns no memory but hands it to the next who asks: it gets large
 * pages then, as it touches them.
 *
 * @return how many bytes
 */
size_t give_back(void* data, size_t bytes);

}  // namespace parley
