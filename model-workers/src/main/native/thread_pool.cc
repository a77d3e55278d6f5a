#include "thread_pool.h"

#include <map>
#include <memory>

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

ThreadPool::ThreadPool(int threads) : threads_(threads < 1 ? 1 : threads) {
  for (int thread = 1; thread < threads_; thread++) {
    workers_.emplace_back([this, thread] { work(thread); });
  }
}

ThreadPool::~ThreadPool() {
  closing_ = true;
  { std::lock_guard<std::mutex> lock(sleep_mutex_); }
  wake_.notify_all();
  for (std::thread& worker : workers_) {
    worker.join();
  }
}

ThreadPool& ThreadPool::shared(int threads) {
  // never destroyed: at the end of the process a thread may still be in its loop
  static auto* mutex = new std::mutex;
  static auto* pools = new std::map<int, std::unique_ptr<ThreadPool>>;
  std::lock_guard<std::mutex> lock(*mutex);
  std::unique_ptr<ThreadPool>& pool = (*pools)[threads];
  if (!pool) {
    pool = std::make_unique<ThreadPool>(threads);
  }
  return *pool;
}

void ThreadPool::run(int64_t items, Item item, const void* context) {
  std::unique_lock<std::mutex> job(job_mutex_, std::try_to_lock);
  if (threads_ == 1 || items <= 1 || !job.owns_lock()) {
    for (int64_t i = 0; i < items; i++) {
      item(context, i, 0);
    }
    return;
  }
  item_ = item;
  context_ = context;
  items_ = items;
  next_ = 0;
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

void ThreadPool::drain(int thread) {
  for (int64_t i; (i = next_.fetch_add(1, std::memory_order_relaxed)) < items_;) {
    item_(context_, i, thread);
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
