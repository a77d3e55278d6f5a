package io.parley.routing;

import akka.actor.testkit.typed.javadsl.TestInbox;
import akka.actor.typed.ActorRef;
import akka.actor.typed.ActorSystem;
import akka.cluster.typed.Cluster;
import akka.cluster.typed.Join;
import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import io.parley.routing.protocol.AttemptId;
import io.parley.routing.protocol.ContextPolicy;
import io.parley.routing.protocol.Message;
import io.parley.routing.protocol.ModelId;
import io.parley.routing.protocol.ModelInfo;
import io.parley.routing.protocol.Priority;
import io.parley.routing.protocol.Role;
import io.parley.routing.protocol.SamplingParams;
import io.parley.routing.protocol.SessionId;
import io.parley.routing.protocol.TenantId;
import io.parley.routing.protocol.Work;
import io.parley.routing.protocol.WorkerMessage;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

/** What the tests of this module share. */
final class Fixtures {
  static final ModelInfo MODEL =
      new ModelInfo(ModelId.parse("tiny@1"), 2048, 1_700_000_000L, "tests", "Apache-2.0");

  private static final AtomicInteger REFS = new AtomicInteger();

  private Fixtures() {}

  /** A worker that nobody is; no two are equal. */
  static ActorRef<WorkerMessage> workerRef() {
    return TestInbox.<WorkerMessage>create("worker-" + REFS.incrementAndGet()).getRef();
  }

  /** Defaults of the configuration but for what is given, HOCON under {@code parley.routing}. */
  static RoutingSettings settings(String changes) {
    return RoutingSettings.from(
        ConfigFactory.parseString("parley.routing {" + changes + "}")
            .withFallback(ConfigFactory.load()));
  }

  /** A cluster node on a free port of the loopback; it does not join by itself. */
  static Config node() {
    return ConfigFactory.parseString(
            """
            akka.actor.provider = cluster
            akka.loglevel = WARNING
            akka.logger-startup-timeout = 60s
            akka.remote.artery.canonical { hostname = "127.0.0.1", port = 0 }
            akka.cluster.jmx.multi-mbeans-in-same-jvm = on
            akka.cluster.downing-provider-class = "akka.cluster.sbr.SplitBrainResolverProvider"
            akka.coordinated-shutdown.exit-jvm = off
            akka.coordinated-shutdown.run-by-actor-system-terminate = off
            """)
        .withFallback(ConfigFactory.load());
  }

  static void join(ActorSystem<?> node, ActorSystem<?> seed) {
    Cluster.get(node).manager().tell(Join.create(Cluster.get(seed).selfMember().address()));
  }

  static Work work(int turn) {
    return work(turn, Priority.INTERACTIVE);
  }

  static Work work(int turn, Priority priority) {
    return work(turn, 1, priority, Long.MAX_VALUE);
  }

  static Work work(int turn, int attempt, Priority priority, long deadlineEpochMillis) {
    return work(TenantId.DEFAULT, turn, attempt, priority, deadlineEpochMillis);
  }

  static Work workOf(String tenant, int turn, Priority priority) {
    return work(new TenantId(tenant), turn, 1, priority, Long.MAX_VALUE);
  }

  /** A work of a conversation that consists of these messages, user and assistant in turn. */
  static Work conversation(String session, int turn, String... texts) {
    List<Message> messages = new ArrayList<>();
    for (String text : texts) {
      messages.add(new Message(messages.size() % 2 == 0 ? Role.USER : Role.ASSISTANT, text));
    }
    return with(
        work(TenantId.DEFAULT, session, turn, 1, Priority.INTERACTIVE, Long.MAX_VALUE), messages);
  }

  static Work with(Work work, List<Message> messages) {
    return new Work(
        work.id(),
        work.model(),
        messages,
        work.prefix(),
        work.sampling(),
        work.contextPolicy(),
        work.priority(),
        work.startedAtEpochMillis(),
        work.queueDeadlineEpochMillis());
  }

  /** The same work, whose last attempt ended with its worker. */
  static Work suspect(Work work) {
    return new Work(
        work.id(),
        work.model(),
        work.messages(),
        work.prefix(),
        work.sampling(),
        work.contextPolicy(),
        work.priority(),
        work.startedAtEpochMillis(),
        work.queueDeadlineEpochMillis(),
        true);
  }

  private static Work work(
      TenantId tenant, int turn, int attempt, Priority priority, long deadlineEpochMillis) {
    return work(tenant, "s", turn, attempt, priority, deadlineEpochMillis);
  }

  static Work work(
      TenantId tenant,
      String session,
      int turn,
      int attempt,
      Priority priority,
      long deadlineEpochMillis) {
    return new Work(
        new AttemptId(new SessionId(tenant, session), turn, attempt),
        MODEL.id(),
        List.of(new Message(Role.USER, "hello")),
        List.of(),
        SamplingParams.greedy(16),
        ContextPolicy.ERROR,
        priority,
        0,
        deadlineEpochMillis);
  }
}
