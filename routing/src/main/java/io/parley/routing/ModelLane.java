package io.parley.routing;

import akka.actor.typed.ActorRef;
import io.parley.routing.policy.Fleet;
import io.parley.routing.policy.RoutingPolicy;
import io.parley.routing.policy.RoutingPolicy.Choice;
import io.parley.routing.policy.WaitingWork;
import io.parley.routing.protocol.AttemptId;
import io.parley.routing.protocol.ModelId;
import io.parley.routing.protocol.Priority;
import io.parley.routing.protocol.TenantId;
import io.parley.routing.protocol.Work;
import io.parley.routing.protocol.WorkerMessage;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.function.BiConsumer;

/**
 * One model's works on one dispatcher: its queue, its workers' streams, and the policy that brings
 * them together. It knows no actors' ways and no clock, so that a simulation can drive it. Used by
 * the dispatcher's thread alone.
 */
final class ModelLane {
  /** What became of a work that was offered. */
  sealed interface Offer {
    record Queued() implements Offer {}

    /** No room, or none in time. */
    record Refused(Duration retryAfter) implements Offer {}
  }

  /** Stands for a tenant that has no works here. */
  private static final TenantId SOMEBODY = new TenantId("_");

  /**
   * The rate is an estimate: under overload every work that is admitted comes at the last moment
   * that it allows, and half of them would be late.
   */
  private static final double SHARE_OF_PATIENCE = 0.8;

  private final ModelId model;
  private final RoutingSettings settings;
  private final RoutingPolicy policy;
  private final WorkQueue queue;
  private final DrainRate rate = new DrainRate();
  private final Map<ActorRef<WorkerMessage>, WorkStream> streams = new LinkedHashMap<>();

  /** How long a new turn waits: a work that is offered again has less left. */
  private long patienceMillis;

  private Set<TenantId> slow = Set.of(); // whose next interactive work would come too late
  private boolean slowForAll;

  ModelLane(ModelId model, RoutingSettings settings) {
    this(model, settings, settings.policy(model).policy(settings.affinity()));
  }

  ModelLane(ModelId model, RoutingSettings settings, RoutingPolicy policy) {
    this.model = model;
    this.settings = settings;
    this.policy = policy;
    this.queue =
        new WorkQueue(
            settings.queueCapacity(), settings.bulkPatience().toNanos(), settings::tenantWeight);
  }

  ModelId model() {
    return model;
  }

  WorkQueue queue() {
    return queue;
  }

  void add(WorkStream stream) {
    streams.put(stream.worker(), stream);
  }

  void remove(WorkStream stream) {
    streams.remove(stream.worker(), stream);
  }

  Set<ActorRef<WorkerMessage>> workers() {
    return streams.keySet();
  }

  boolean isStreamed() {
    return !streams.isEmpty();
  }

  /** Whether it may be forgotten. */
  boolean isIdle() {
    return queue.isEmpty() && streams.isEmpty();
  }

  /** Queues a work, unless there is no room for it or its turn would come after its deadline. */
  Offer offer(Work work, long nowNanos, long nowEpochMillis) {
    if (queue.isEmpty()) {
      rate.startWaiting(nowNanos);
    }
    long patience = work.queueDeadlineEpochMillis() - nowEpochMillis;
    patienceMillis = Math.max(patienceMillis, patience);
    int ahead = queue.ahead(work.id().session().tenant(), work.priority());
    if (comesTooLate(ahead, patience) || !queue.offer(work, nowNanos)) {
      return new Offer.Refused(retryAfter(nowNanos));
    }
    return new Offer.Queued();
  }

  /** By the rate of late; nobody is refused while there is no measurement to refuse by. */
  private boolean comesTooLate(int ahead, long patience) {
    return ahead > 0
        && isStreamed()
        && rate.intervalNanos().orElse(0) * ahead > SHARE_OF_PATIENCE * patience * 1e6;
  }

  /**
   * Gives works to workers until one of them runs out. A work that the policy lets wait is passed
   * by those behind it, {@code lookahead} of which are looked at; one that nobody may take now is
   * passed by all.
   *
   * @return when to look again, on {@link System#nanoTime}'s clock, if some work waits for a
   *     certain worker
   */
  OptionalLong handOut(long nowNanos, BiConsumer<WaitingWork, WorkStream> handed) {
    if (queue.isEmpty()) {
      return OptionalLong.empty(); // most of what workers say comes then: they are not looked at
    }
    List<WorkStream> waiting = new ArrayList<>();
    for (WorkStream stream : streams.values()) {
      if (stream.waits()) {
        waiting.add(stream);
      }
    }
    Set<AttemptId> declined = new HashSet<>();
    Set<AttemptId> barred = new HashSet<>();
    OptionalLong lookAgain = OptionalLong.empty();
    Iterator<WaitingWork> works = queue.inTurn();
    while (!waiting.isEmpty() && works.hasNext() && declined.size() <= settings.lookahead()) {
      WaitingWork work = works.next();
      if (declined.contains(work.id()) || barred.contains(work.id())) {
        continue;
      }
      List<WorkStream> eligible = eligible(work, waiting);
      if (eligible.isEmpty()) {
        barred.add(work.id());
        continue;
      }
      Choice choice = policy.choose(work, new Fleet(eligible, streams), nowNanos);
      if (choice instanceof Choice.WaitUntil wait) {
        declined.add(work.id());
        long until = wait.nanos();
        boolean sooner = lookAgain.isEmpty() || until - lookAgain.getAsLong() < 0;
        lookAgain = sooner ? OptionalLong.of(until) : lookAgain;
        continue;
      }
      WorkStream stream = streams.get(((Choice.Take) choice).worker().worker());
      policy.handedOut(work, stream);
      queue.take(work);
      rate.handedOut(nowNanos);
      stream.hand(work, nowNanos);
      waiting.remove(stream);
      handed.accept(work, stream);
      works = queue.inTurn();
    }
    return lookAgain;
  }

  /**
   * Works that may have killed a worker go one at a time to each: should it happen again, it is
   * known which of them it was.
   */
  private static List<WorkStream> eligible(WaitingWork work, List<WorkStream> waiting) {
    return work.work().suspect()
        ? waiting.stream().filter(stream -> !stream.hasSuspect()).toList()
        : waiting;
  }

  /** Who is refused now, if anyone. */
  Optional<FullQueue> full(long nowNanos) {
    if (!slowForAll && !queue.isFull() && slow.isEmpty()) {
      return Optional.empty();
    }
    long retryAfterMillis = retryAfter(nowNanos).toMillis();
    if (slowForAll) {
      return Optional.of(new FullQueue(retryAfterMillis, true, Set.of()));
    }
    return Optional.of(
        queue.isFull()
            ? queue.full(retryAfterMillis, slow)
            : new FullQueue(retryAfterMillis, false, slow));
  }

  /** Finds out anew whose works would come too late. */
  void sweep() {
    slow = Set.of();
    slowForAll = false;
    if (comesTooLate(queue.size(), patienceMillis)) {
      slow = queue.tenants();
      slow.removeIf(tenant -> !isSlowFor(tenant));
      slowForAll = isSlowFor(SOMEBODY);
    }
  }

  private boolean isSlowFor(TenantId tenant) {
    return comesTooLate(queue.ahead(tenant, Priority.INTERACTIVE), patienceMillis);
  }

  private Duration retryAfter(long nowNanos) {
    int tenth = Math.max(1, settings.queueCapacity() / 10);
    Duration estimate = rate.timeFor(tenth, nowNanos);
    if (estimate.compareTo(settings.retryAfterMin()) < 0) {
      return settings.retryAfterMin();
    }
    return estimate.compareTo(settings.retryAfterMax()) > 0 ? settings.retryAfterMax() : estimate;
  }
}
