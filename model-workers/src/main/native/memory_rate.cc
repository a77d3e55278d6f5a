#include "memory_rate.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <vector>

#include "huge_pages.h"

namespace parley {
namespace {

constexpr int64_t kBytes = int64_t{1} << 30;
constexpr int64_t kPiece = int64_t{8} << 20;
constexpr int64_t kLine = 64;
constexpr int64_t kAhead = 2048;  // as a single row's product reads its weights
constexpr int kTries = 5;

/** A sum, so that the compiler cannot leave the reading out. */
uint64_t read(const char* from) {
  uint64_t sums[kLine / 8] = {};
  for (int64_t at = 0; at < kPiece; at += kLine) {
    __builtin_prefetch(from + at + kAhead, 0, 3);
    uint64_t line[kLine / 8];
    memcpy(line, from + at, sizeof line);
    for (int64_t i = 0; i < kLine / 8; i++) {
      sums[i] += line[i];
    }
  }
  uint64_t sum = 0;
  for (uint64_t part : sums) {
    sum += part;
  }
  return sum;
}

}  // namespace

double memory_rate(ThreadPool& pool) {
  const std::unique_ptr<char, void (*)(void*)> memory(static_cast<char*>(aligned_alloc(size_t{2} << 20, kBytes)), free);
  if (!memory) {
    throw std::bad_alloc();
  }
  memset(memory.get(), 1, kBytes);
  HugePages().ask(memory.get(), kBytes);
  std::vector<uint64_t> sums(kBytes / kPiece);
  double best = 0;
  for (int i = 0; i < kTries; i++) {
    const auto started = std::chrono::steady_clock::now();
    parallel(pool, kBytes / kPiece, [&](int64_t piece, int) { sums[piece] = read(memory.get() + piece * kPiece); });
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - started;
    best = std::max(best, static_cast<double>(kBytes) / took.count());
  }
  // of no use but to be used
  return std::all_of(sums.begin(), sums.end(), [&](uint64_t sum) { return sum == sums[0]; }) ? best : 0;
}

}  // namespace parley
