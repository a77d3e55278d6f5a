package io.parley.workers;

import io.parley.routing.protocol.AttemptId;
import io.parley.routing.protocol.Finish;
import io.parley.routing.protocol.FinishReason;
import io.parley.routing.protocol.ModelInfo;
import io.parley.routing.protocol.PromptInfo;
import io.parley.routing.protocol.Token;
import io.parley.routing.protocol.Work;
import io.parley.workers.replica.Replica;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import java.util.function.LongSupplier;

/** A replica whose works take a time and give one token; many share one timer. */
final class TimedReplica implements Replica {
  private final ModelInfo model;
  private final int slots;
  private final ScheduledExecutorService timer;
  private final LongSupplier serviceNanos;
  private final Consumer<Work> started;
  private final AtomicLong busyNanos;
  private final Set<AttemptId> running = ConcurrentHashMap.newKeySet();

  TimedReplica(
      ModelInfo model,
      int slots,
      ScheduledExecutorService timer,
      LongSupplier serviceNanos,
      Consumer<Work> started,
      AtomicLong busyNanos) {
    this.model = model;
    this.slots = slots;
    this.timer = timer;
    this.serviceNanos = serviceNanos;
    this.started = started;
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
    started.accept(work);
    long began = System.nanoTime();
    listener.admitted(new PromptInfo(1, 0, 0, model.id(), variant()));
    Runnable end =
        () -> {
          if (running.remove(work.id())) {
            busyNanos.addAndGet(System.nanoTime() - began);
            listener.token(new Token(1, "x"));
            listener.finished(new Finish(FinishReason.STOP, ""));
          }
        };
    running.add(work.id());
    Future<?> unused = timer.schedule(end, serviceNanos.getAsLong(), TimeUnit.NANOSECONDS);
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
