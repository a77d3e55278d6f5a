#include "huge_pages.h"

#include <cstdint>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace parley {

#if defined(__linux__)
namespace {

constexpr uintptr_t kPage = uintptr_t{2} << 20;
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
#else
void HugePages::ask(const void*, size_t) const {}
#endif

}  // namespace parley
