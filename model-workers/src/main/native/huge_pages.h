// Large pages under what a step reads from end to end.
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

}  // namespace parley
