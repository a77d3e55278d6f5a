package io.parley.node.http;

import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;

/** Counts something for each remote address: connections, or requests in progress. */
final class AddressLimit {
  private final ConcurrentHashMap<String, Integer> counts = new ConcurrentHashMap<>();
  private final int max;

  AddressLimit(int max) {
    this.max = max;
  }

  /** Counts one more, unless the address has as many as it may. */
  boolean enter(String address) {
    AtomicBoolean admitted = new AtomicBoolean();
    counts.compute(
        address,
        (key, count) -> {
          int now = count == null ? 0 : count;
          admitted.set(now < max);
          return now < max ? Integer.valueOf(now + 1) : count;
        });
    return admitted.get();
  }

  /** Takes back what {@link #enter} has counted. */
  void leave(String address) {
    counts.computeIfPresent(address, (key, count) -> count == 1 ? null : count - 1);
  }

  /** Over all addresses. */
  int total() {
    return counts.values().stream().mapToInt(Integer::intValue).sum();
  }
}
