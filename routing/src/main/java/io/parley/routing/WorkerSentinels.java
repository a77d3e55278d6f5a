package io.parley.routing;

import akka.actor.typed.ActorRef;
import akka.actor.typed.ActorSystem;
import akka.actor.typed.Extension;
import akka.actor.typed.ExtensionId;
import akka.actor.typed.Props;
import java.net.InetSocketAddress;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Tells within moments that the process of a worker is gone. The cluster's failure detector must
 * not take a silent node for a dead one, so it takes seconds; but when a process ends, its machine
 * says so to whoever holds a connection with it, and refuses a new one. For a worker that is proof
 * enough: should it be wrong, an answer is begun once more behind its journaled tokens.
 *
 * <p>A sentinel is an actor of this node that stands for one worker of another node, and stops when
 * that worker's process is gone or its node has left the cluster. Whoever watches the worker
 * watches its sentinel as well.
 */
public final class WorkerSentinels implements Extension {
  private static final Id ID = new Id();

  private final ActorSystem<?> system;
  private final Map<ActorRef<?>, ActorRef<?>> sentinels = new ConcurrentHashMap<>();
  private final AtomicLong started = new AtomicLong();

  private WorkerSentinels(ActorSystem<?> system) {
    this.system = system;
  }

  public static WorkerSentinels get(ActorSystem<?> system) {
    return ID.apply(system);
  }

  /** What is to be watched beside the worker; empty for a worker of this node. */
  public Optional<ActorRef<?>> of(ActorRef<?> worker) {
    Optional<String> host = worker.path().address().getHost();
    if (host.isEmpty()) {
      return Optional.empty();
    }
    int port = worker.path().address().getPort().orElseThrow();
    return Optional.of(
        sentinels.computeIfAbsent(
            worker,
            absent ->
                system.systemActorOf(
                    // by its name: it may have moved to another address
                    SentinelBehavior.create(
                        () -> new InetSocketAddress(host.get(), port),
                        absent,
                        () -> sentinels.remove(absent)),
                    "parley-sentinel-" + started.incrementAndGet(),
                    Props.empty())));
  }

  /** The same, of a worker that is watched perhaps: none is made for it. */
  public Optional<ActorRef<?>> known(ActorRef<?> worker) {
    return Optional.ofNullable(sentinels.get(worker));
  }

  private static final class Id extends ExtensionId<WorkerSentinels> {
    @Override
    public WorkerSentinels createExtension(ActorSystem<?> system) {
      return new WorkerSentinels(system);
    }
  }
}
