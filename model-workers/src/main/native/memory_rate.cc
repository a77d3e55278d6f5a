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
constexpr int kTries = 5;

typedef uint64_t Two __attribute__((vector_size(16)));

/** A sum, so that the compiler cannot leave the reading out. */
uint64_t read(const char* from) {
  Two a = {}, b = {}, c = {}, d = {};
  for (int64_t at = 0; at < kPiece; at += kLine) {
    const Two* line = reinterpret_cast<const Two*>(from + at);
    a += line[0];
    b += line[1];
    c += line[2];
    d += line[3];
  }
  const Two sum = a + b + c + d;
  return sum[0] + sum[1];
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
