#include "thread_pool.h"

#include <map>
#include <memory>
#include <utility>

#include "flush_denormals.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace parley {
namespace {

constexpr int kSpins = 2000;

void relax() {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

bool is_open(uint32_t generation) { return (generation & 1) != 0; }

}  // namespace

ThreadPool::ThreadPool(int threads) : threads_(threads < 1 ? 1 : threads), shares_(static_cast<size_t>(threads_)) {
  try {
    for (int thread = 1; thread < threads_; thread++) {
      workers_.emplace_back([this, thread] { work(thread); });
    }
  } catch (...) {  // the system has no more threads; those that there are must not outlive this pool
    close();
    throw;
  }
}

ThreadPool::~ThreadPool() { close(); }

void ThreadPool::close() {
  closing_ = true;
  { std::lock_guard<std::mutex> lock(sleep_mutex_); }
  wake_.notify_all();
  for (std::thread& worker : workers_) {
    worker.join();
  }
}

ThreadPool& ThreadPool::shared(int threads, int group) {
  // never destroyed: at the end of the process a thread may still be in its loop
  static auto* mutex = new std::mutex;
  static auto* pools = new std::map<std::pair<int, int>, std::unique_ptr<ThreadPool>>;
  std::lock_guard<std::mutex> lock(*mutex);
  std::unique_ptr<ThreadPool>& pool = (*pools)[{threads, group}];
  if (!pool) {
    pool = std::make_unique<ThreadPool>(threads);
  }
  return *pool;
}

void ThreadPool::run(int64_t items, Item item, const void* context) {
  if (threads_ == 1 || items <= 1) {
    for (int64_t i = 0; i < items; i++) {
      item(context, i, 0);
    }
    return;
  }
  std::lock_guard<std::mutex> job(job_mutex_);
  item_ = item;
  context_ = context;
  for (int thread = 0; thread < threads_; thread++) {
    shares_[thread].next = items * thread / threads_;
    shares_[thread].end = items * (thread + 1) / threads_;
  }
  generation_.fetch_add(1);
  if (sleepers_ > 0) {
    // a thread counts itself before it looks at the generation: it sees this job, or is seen here
    { std::lock_guard<std::mutex> lock(sleep_mutex_); }
    wake_.notify_all();
  }
  drain(0);
  generation_.fetch_add(1);
  // a thread that comes later sees that the job is closed; those that came in time are waited for
  for (int spins = 0; active_ > 0; spins++) {
    if (spins < kSpins) {
      relax();
    } else {
      std::this_thread::yield();
    }
  }
}

/** A thread's own share in order, then what the others have left. */
void ThreadPool::drain(int thread) {
  for (int i = 0; i < threads_; i++) {
    Share& share = shares_[(thread + i) % threads_];
    for (int64_t item; (item = share.next.fetch_add(1, std::memory_order_relaxed)) < share.end;) {
      item_(context_, item, thread);
    }
  }
}

void ThreadPool::work(int thread) {
  FlushDenormals flush;
  uint32_t job = 0;
  while (await(job, &job)) {
    active_.fetch_add(1);
    if (generation_ == job) {
      drain(thread);
    }
    active_.fetch_sub(1);
  }
}

/** Waits for a job other than the one seen; false when the pool closes. */
bool ThreadPool::await(uint32_t seen, uint32_t* job) {
  auto found = [&] {
    *job = generation_;
    return closing_ || (is_open(*job) && *job != seen);
  };
  for (int spins = 0; spins < kSpins; spins++) {
    if (found()) {
      return !closing_;
    }
    relax();
  }
  std::unique_lock<std::mutex> lock(sleep_mutex_);
  sleepers_.fetch_add(1);
  wake_.wait(lock, found);
  sleepers_.fetch_sub(1);
  return !closing_;
}

}  // namespace parley
