// How fast memory can be read.
#pragma once
#include "thread_pool.h"

namespace parley {

/**
 * Bytes a second that all threads together read from memory, far more of it than the caches hold, one
 * address behind the other; the best of some tries.
 *
 * @throws std::bad_alloc when there is less than 1 GiB
 */
double memory_rate(ThreadPool& pool);

}  // namespace parley
