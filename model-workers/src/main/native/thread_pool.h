// Threads that share the items of one job at a time.
#pragma once
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

namespace parley {

/**
 * The caller takes part in its job. Between jobs the others spin for some microseconds, which is
 * longer than the pause between two operations of a step, and then sleep.
 */
class ThreadPool {
 public:
  /** @param thread less than threads(); no two items run on the same one at once */
  using Item = void (*)(const void* context, int64_t item, int thread);

  /**
   * @param threads with the caller, at least 1
   * @throws std::system_error when the system has no more threads
   */
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const { return threads_; }

  /** How many have gone to sleep for want of a job. */
  int sleepers() const { return sleepers_; }

  /**
   * Runs all items, which must not throw. Each thread has a share of neighbouring items, in order, and
   * helps the others when it is done. A second caller waits for its turn.
   */
  void run(int64_t items, Item item, const void* context);

  /**
   * The pool with so many threads of a group of cores, which lives as long as the process. Its threads are
   * bound to the cores of whoever asks for it first.
   *
   * @param group 0: of no cores of its own
   */
  static ThreadPool& shared(int threads, int group);

 private:
  struct alignas(64) Share {  // a cache line each
    std::atomic<int64_t> next{0};
    int64_t end = 0;
  };

  void close();
  void work(int thread);
  bool await(uint32_t seen, uint32_t* job);
  void drain(int thread);

  const int threads_;
  std::mutex job_mutex_;
  Item item_ = nullptr;
  const void* context_ = nullptr;
  std::vector<Share> shares_;

  std::atomic<uint32_t> generation_{0};  // odd while a job is open
  std::atomic<int> active_{0};  // threads that may touch the open job

  std::mutex sleep_mutex_;
  std::condition_variable wake_;
  std::atomic<int> sleepers_{0};
  std::atomic<bool> closing_{false};
  std::vector<std::thread> workers_;
};

/** Calls f(item, thread) for each item. */
template <class F>
static inline void parallel(ThreadPool& pool, int64_t items, const F& f) {
  pool.run(
      items,
      [](const void* context, int64_t item, int thread) {
        (*static_cast<const F*>(context))(item, thread);
      },
      &f);
}

}  // namespace parley
