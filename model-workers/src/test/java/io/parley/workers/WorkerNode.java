package io.parley.workers;

import akka.actor.testkit.typed.javadsl.ActorTestKit;
import akka.actor.testkit.typed.javadsl.TestProbe;
import akka.actor.typed.ActorRef;
import akka.actor.typed.javadsl.Behaviors;
import akka.cluster.sharding.typed.javadsl.ClusterSharding;
import akka.cluster.sharding.typed.javadsl.Entity;
import akka.cluster.typed.Cluster;
import akka.cluster.typed.Join;
import com.typesafe.config.ConfigFactory;
import io.parley.routing.Dispatcher;
import io.parley.routing.Dispatcher.SubmitReply;
import io.parley.routing.Dispatchers;
import io.parley.routing.protocol.AttemptId;
import io.parley.routing.protocol.ContextPolicy;
import io.parley.routing.protocol.Message;
import io.parley.routing.protocol.ModelId;
import io.parley.routing.protocol.ModelInfo;
import io.parley.routing.protocol.Priority;
import io.parley.routing.protocol.Role;
import io.parley.routing.protocol.SamplingParams;
import io.parley.routing.protocol.SessionId;
import io.parley.routing.protocol.SessionInbox;
import io.parley.routing.protocol.TenantId;
import io.parley.routing.protocol.Work;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;

/** A cluster node in this JVM whose sessions are probes, and what tests do with it. */
final class WorkerNode implements AutoCloseable {
  static final Duration PATIENCE = Duration.ofSeconds(20);
  private static final AtomicInteger NAMES = new AtomicInteger();

  final ActorTestKit kit;
  private final Map<String, ActorRef<SessionInbox>> sessions = new ConcurrentHashMap<>();

  /**
   * @param role decides where sessions live: those of the role {@code session}
   * @param settings more of the configuration, HOCON
   */
  WorkerNode(String role, String settings) {
    kit =
        ActorTestKit.create(
            "parley",
            ConfigFactory.parseString(settings)
                .withFallback(
                    ConfigFactory.parseString(
                        """
                        akka.actor.provider = cluster
                        akka.loglevel = WARNING
                        akka.logger-startup-timeout = 60s
                        akka.remote.artery.canonical { hostname = "127.0.0.1", port = 0 }
                        akka.cluster.jmx.multi-mbeans-in-same-jvm = on
                        akka.coordinated-shutdown.exit-jvm = off
                        akka.coordinated-shutdown.run-by-actor-system-terminate = off
                        akka.cluster.sharding.waiting-for-state-timeout = 1s
                        akka.cluster.roles = ["%s"]
                        """
                            .formatted(role)))
                .withFallback(ConfigFactory.load()));
    ClusterSharding.get(kit.system())
        .init(
            Entity.of(
                    SessionInbox.TYPE_KEY,
                    entity ->
                        Behaviors.receiveMessage(
                            message -> {
                              ActorRef<SessionInbox> probe = sessions.get(entity.getEntityId());
                              if (probe != null) {
                                probe.tell(message);
                              }
                              return Behaviors.same();
                            }))
                .withRole("session"));
  }

  WorkerNode join(WorkerNode seed) {
    Cluster.get(kit.system())
        .manager()
        .tell(Join.create(Cluster.get(seed.kit.system()).selfMember().address()));
    return this;
  }

  /** A session whose messages the probe gets. */
  TestProbe<SessionInbox> session(SessionId id) {
    TestProbe<SessionInbox> probe = kit.createTestProbe(SessionInbox.class);
    sessions.put(id.entityId(), probe.ref());
    return probe;
  }

  /** The dispatcher's answer. */
  SubmitReply submit(Work work) {
    TestProbe<SubmitReply> replies = kit.createTestProbe(SubmitReply.class);
    Dispatchers.get(kit.system()).local().tell(new Dispatcher.Submit(work, replies.ref()));
    return replies.receiveMessage(PATIENCE);
  }

  static SessionId newSession() {
    return new SessionId(TenantId.DEFAULT, "session" + NAMES.incrementAndGet());
  }

  static ModelInfo newModel() {
    return new ModelInfo(
        ModelId.parse("model" + NAMES.incrementAndGet() + "@1"), 2048, 1, "tests", "Apache-2.0");
  }

  /** Attempt 2, which is queued before a worker is known. */
  static Work work(ModelInfo model, SessionId session, int turn, List<Integer> prefix) {
    return new Work(
        new AttemptId(session, turn, 2),
        model.id(),
        List.of(new Message(Role.USER, "hello")),
        prefix,
        SamplingParams.greedy(100),
        ContextPolicy.ERROR,
        Priority.INTERACTIVE,
        0,
        Long.MAX_VALUE);
  }

  @Override
  public void close() {
    kit.shutdownTestKit();
  }
}
