#include "huge_pages.h"

#include <cstdint>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace parley {

#if defined(__linux__)
namespace {

constexpr uintptr_t kPage = uintptr_t{2} << 20;
constexpr uintptr_t kSmallPage = uintptr_t{4} << 10;
constexpr int kCollapse = 25;  // MADV_COLLAPSE, since Linux 6.1; older headers lack it

}  // namespace

void HugePages::ask(const void* data, size_t bytes) const {
  if (asked_.exchange(data, std::memory_order_relaxed) == data) {
    return;
  }
  // Variables lie one behind the other, most of them smaller than a few pages: those at both ends count,
  // too. Whatever else is in them keeps its content, and a page that is not of one mapping is refused.
  const auto start = reinterpret_cast<uintptr_t>(data);
  for (uintptr_t page = start / kPage * kPage; page < start + bytes; page += kPage) {
    void* const at = reinterpret_cast<void*>(page);
    if (madvise(at, kPage, kCollapse) != 0) {
      madvise(at, kPage, MADV_HUGEPAGE);  // an older kernel does it by and by
    }
  }
}

size_t give_back(void* data, size_t bytes) {
  const auto begin = reinterpret_cast<uintptr_t>(data);
  const uintptr_t first = (begin + kSmallPage - 1) / kSmallPage * kSmallPage;
  const uintptr_t end = (begin + bytes) / kSmallPage * kSmallPage;
  if (first >= end) {
    return 0;
  }
  void* const at = reinterpret_cast<void*>(first);
  if (madvise(at, end - first, MADV_DONTNEED) != 0) {
    return 0;  // a system of larger pages, or memory that is not to be had back
  }
  madvise(at, end - first, MADV_HUGEPAGE);
  return end - first;
}
#else
void HugePages::ask(const void*, size_t) const {}

size_t give_back(void*, size_t) { return 0; }
#endif

}  // namespace parley
