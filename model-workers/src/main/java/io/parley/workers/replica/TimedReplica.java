package io.parley.workers.replica;

import io.parley.routing.protocol.AttemptId;
import io.parley.routing.protocol.Finish;
import io.parley.routing.protocol.FinishReason;
import io.parley.routing.protocol.ModelInfo;
import io.parley.routing.protocol.PromptInfo;
import io.parley.routing.protocol.Token;
import io.parley.routing.protocol.Work;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.ToLongFunction;

/**
 * A replica whose works take a time and give one token; many share one timer. For measuring what
 * surrounds a replica.
 */
public final class TimedReplica implements Replica {
  private final ModelInfo model;
  private final int slots;
  private final ScheduledExecutorService timer;
  private final ToLongFunction<AttemptId> start;
  private final AtomicLong busyNanos;
  private final Set<AttemptId> running = ConcurrentHashMap.newKeySet();

  /**
   * Makes one.
   *
   * @param start hears that a work starts, and says how many nanoseconds it takes
   * @param busyNanos what all slots were taken for, of works that have ended
   */
  public TimedReplica(
      ModelInfo model,
      int slots,
      ScheduledExecutorService timer,
      ToLongFunction<AttemptId> start,
      AtomicLong busyNanos) {
    this.model = model;
    this.slots = slots;
    this.timer = timer;
    this.start = start;
    this.busyNanos = busyNanos;
  }

  @Override
  public ModelInfo model() {
    return model;
  }

  @Override
  public int slots() {
    return slots;
  }

  @Override
  public String variant() {
    return "timed";
  }

  @Override
  public boolean start(Work work, Listener listener) {
    long takesNanos = start.applyAsLong(work.id());
    long began = System.nanoTime();
    listener.admitted(new PromptInfo(1, 0, 0, model.id(), variant()));
    running.add(work.id());
    Runnable end =
        () -> {
          if (running.remove(work.id())) {
            busyNanos.addAndGet(System.nanoTime() - began);
            listener.token(new Token(1, "x"));
            listener.finished(new Finish(FinishReason.STOP, ""));
          }
        };
    Future<?> unused = timer.schedule(end, takesNanos, TimeUnit.NANOSECONDS);
    return true;
  }

  @Override
  public boolean isBroken() {
    return false;
  }

  @Override
  public void cancel(AttemptId id) {
    running.remove(id);
  }

  @Override
  public void close() {
    running.clear();
  }
}
