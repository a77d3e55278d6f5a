#include "model_memory.h"

#include <sys/mman.h>

#include <cstdint>
#include <map>
#include <mutex>

namespace parley {
namespace {

constexpr size_t kLine = 64;
constexpr size_t kLargePage = size_t{2} << 20;
constexpr size_t kMapping = size_t{64} << 20;

struct Mapping {
  void* base;  // as the system gave it
  size_t length;
  size_t pieces;
};

// never destroyed: a model may be freed at the end of the process
std::mutex& mutex() {
  static auto* one = new std::mutex;
  return *one;
}

/** By the address of the first byte behind a mapping. */
std::map<uintptr_t, Mapping>& mappings() {
  static auto* all = new std::map<uintptr_t, Mapping>;
  return *all;
}

uintptr_t current_end = 0;  // of the mapping that pieces are taken from; 0: none
uintptr_t next_free = 0;

uintptr_t rounded(uintptr_t value, size_t to) { return (value + to - 1) / to * to; }

/** A mapping for at least so many bytes, which begins at a large page. */
bool map(size_t bytes) {
  const size_t wanted = rounded(bytes < kMapping ? kMapping : bytes, kLargePage);
  const size_t length = wanted + kLargePage;
  void* base = mmap(nullptr, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (base == MAP_FAILED) {
    return false;
  }
  const uintptr_t begin = rounded(reinterpret_cast<uintptr_t>(base), kLargePage);
  madvise(reinterpret_cast<void*>(begin), wanted, MADV_HUGEPAGE);  // a wish
  current_end = begin + wanted;
  next_free = begin;
  mappings()[current_end] = {base, length, 0};
  return true;
}

}  // namespace

void* ModelMemory::take(size_t bytes) {
  const size_t size = rounded(bytes == 0 ? 1 : bytes, kLine);
  std::lock_guard<std::mutex> lock(mutex());
  if (current_end == 0 || current_end - next_free < size) {
    if (!map(size)) {
      return nullptr;
    }
  }
  void* data = reinterpret_cast<void*>(next_free);
  next_free += size;
  mappings()[current_end].pieces++;
  return data;
}

void ModelMemory::give(void* data) {
  std::lock_guard<std::mutex> lock(mutex());
  const auto found = mappings().upper_bound(reinterpret_cast<uintptr_t>(data));
  Mapping& mapping = found->second;
  if (--mapping.pieces == 0) {
    if (found->first == current_end) {
      current_end = 0;
    }
    munmap(mapping.base, mapping.length);
    mappings().erase(found);
  }
}

size_t ModelMemory::mapped() {
  std::lock_guard<std::mutex> lock(mutex());
  size_t bytes = 0;
  for (const auto& one : mappings()) {
    bytes += one.second.length;
  }
  return bytes;
}

}  // namespace parley
