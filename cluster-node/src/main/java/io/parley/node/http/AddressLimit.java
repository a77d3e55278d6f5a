package io.parley.node.http;

import akka.http.javadsl.model.HttpEntities;
import akka.http.javadsl.model.HttpResponse;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;

/** Counts requests in progress for each remote address; an open stream is one in progress. */
final class AddressLimit {
  private final ConcurrentHashMap<String, Integer> inProgress = new ConcurrentHashMap<>();
  private final int max;

  AddressLimit(int max) {
    this.max = max;
  }

  /** Counts a request, unless the address has as many as it may. */
  boolean enter(String address) {
    AtomicBoolean admitted = new AtomicBoolean();
    inProgress.compute(
        address,
        (key, count) -> {
          int now = count == null ? 0 : count;
          admitted.set(now < max);
          return now < max ? Integer.valueOf(now + 1) : count;
        });
    return admitted.get();
  }

  /** Ends the request with its response: at once, or when a streamed one ends. */
  HttpResponse leaveAfter(String address, Connection connection, HttpResponse response) {
    if (response.entity().isStrict()) {
      leave(address);
      return response;
    }
    AtomicBoolean left = new AtomicBoolean();
    Runnable leaveOnce =
        () -> {
          if (left.compareAndSet(false, true)) {
            leave(address);
          }
        };
    // a stream whose connection broke before it began never starts
    var unused = connection.terminated().thenRun(leaveOnce);
    var watched =
        response
            .entity()
            .getDataBytes()
            .watchTermination(
                (ignored, done) -> {
                  done.whenComplete((end, failure) -> leaveOnce.run());
                  return ignored;
                });
    return response.withEntity(HttpEntities.create(response.entity().getContentType(), watched));
  }

  private void leave(String address) {
    inProgress.computeIfPresent(address, (key, count) -> count == 1 ? null : count - 1);
  }

  /** Requests in progress, over all addresses. */
  int total() {
    return inProgress.values().stream().mapToInt(Integer::intValue).sum();
  }
}
