package io.parley.routing;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import akka.actor.testkit.typed.javadsl.ActorTestKit;
import akka.actor.testkit.typed.javadsl.TestProbe;
import akka.actor.typed.ActorRef;
import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import io.parley.routing.EmbeddingDispatcher.Broke;
import io.parley.routing.EmbeddingDispatcher.Cancel;
import io.parley.routing.EmbeddingDispatcher.Command;
import io.parley.routing.EmbeddingDispatcher.Handed;
import io.parley.routing.EmbeddingDispatcher.Pull;
import io.parley.routing.EmbeddingDispatcher.Submit;
import io.parley.routing.EmbeddingDispatcher.Withdrawn;
import io.parley.routing.protocol.EmbeddingReply;
import io.parley.routing.protocol.EmbeddingReply.Embedded;
import io.parley.routing.protocol.EmbeddingReply.Reason;
import io.parley.routing.protocol.EmbeddingReply.Refused;
import io.parley.routing.protocol.EmbeddingRequest;
import io.parley.routing.protocol.ModelId;
import io.parley.routing.protocol.ModelInfo;
import io.parley.routing.protocol.TenantId;
import io.parley.routing.protocol.WorkerMessage;
import java.time.Duration;
import java.time.Instant;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class EmbeddingDispatcherTest {
  private static final ModelInfo ENCODER =
      new ModelInfo(ModelId.parse("encoder@1"), 8, 0, "tests", "Apache-2.0", 4);
  private static final TenantId ALICE = new TenantId("alice");
  private static final TenantId BOB = new TenantId("bob");
  private static final long DEADLINE = 60_000;
  private static final Duration LONG = Duration.ofSeconds(30);
  private static final Config CONFIG =
      ConfigFactory.parseString(
              """
              akka.actor.provider = local
              akka.loglevel = WARNING
              parley.routing { sweep-interval = 20ms, embeddings.queue-memory = 1MiB }
              """)
          .withFallback(ConfigFactory.load());
  private static final ActorTestKit KIT = ActorTestKit.create("embedding-dispatcher", CONFIG);

  private final TestProbe<EmbeddingReply> edge = KIT.createTestProbe();
  private final AtomicBoolean served = new AtomicBoolean(true);
  private final AtomicLong now = new AtomicLong();
  private ActorRef<Command> dispatcher;

  @BeforeEach
  void start() {
    dispatcher =
        KIT.spawn(
            EmbeddingDispatcherBehavior.create(
                EmbeddingQueueSettings.from(CONFIG),
                model -> served.get(),
                () -> Instant.ofEpochMilli(now.get())));
  }

  @AfterEach
  void stop() {
    KIT.stop(dispatcher);
  }

  @AfterAll
  static void stopKit() {
    KIT.shutdownTestKit();
  }

  /** An encoder's worker that computes nothing by itself. */
  private final class Worker {
    final TestProbe<WorkerMessage> probe = KIT.createTestProbe();
    long number = 100;

    Worker pull(int tokens) {
      dispatcher.tell(new Pull(probe.getRef(), ENCODER.id(), number, tokens));
      return this;
    }

    /** The ids in the answer to its pull. */
    List<String> handed() {
      Handed handed = answer();
      assertThat(handed.number()).isEqualTo(number);
      number++;
      return handed.requests().stream().map(EmbeddingRequest::id).toList();
    }

    private Handed answer() {
      return probe.expectMessageClass(Handed.class, LONG);
    }

    void embeds(String id) {
      dispatcher.tell(new Cancel("unknown")); // does no harm
      reply(new Embedded(id, 1, new byte[0]));
    }

    void refuses(String id, Reason reason) {
      reply(new Refused(id, reason, -1, "is so", 0));
    }

    private void reply(EmbeddingReply reply) {
      replies().tell(reply);
    }
  }

  private ActorRef<EmbeddingReply> replyTo;

  private ActorRef<EmbeddingReply> replies() {
    if (replyTo == null) { // any answer to a pull has it
      Worker asker = new Worker();
      submit("for the address", ALICE, 1);
      asker.pull(1);
      replyTo = asker.answer().replyTo();
      dispatcher.tell(new Cancel("for the address"));
      dispatcher.tell(new Withdrawn(asker.probe.getRef()));
    }
    return replyTo;
  }

  /** Each text counts as 2 tokens. */
  private void submit(String id, TenantId tenant, int texts) {
    submit(id, tenant, Collections.nCopies(texts, "a"));
  }

  private void submit(String id, TenantId tenant, List<String> texts) {
    dispatcher.tell(
        new Submit(
            ENCODER, new EmbeddingRequest.Texts(id, tenant, texts, DEADLINE), edge.getRef()));
  }

  private void expectRefused(String id, Reason reason) {
    Refused refused = edge.expectMessageClass(Refused.class, LONG);
    assertThat(refused.id()).isEqualTo(id);
    assertThat(refused.reason()).isEqualTo(reason);
  }

  @Test
  void nothingIsPushed() {
    Worker worker = new Worker();
    submit("a", ALICE, 1);
    worker.pull(0);
    submit("b", ALICE, 1);
    worker.probe.expectNoMessage();
    worker.pull(3);
    assertThat(worker.handed()).containsExactly("a", "b");
    submit("c", ALICE, 1);
    worker.probe.expectNoMessage(); // its pull is answered
    worker.pull(1);
    assertThat(worker.handed()).containsExactly("c");
  }

  @Test
  void aPullThatWaitsIsAnsweredWhenSomethingComesAndTenantsTakeTurns() {
    Worker worker = new Worker().pull(1);
    submit("a1", ALICE, 1);
    assertThat(worker.handed()).containsExactly("a1");
    submit("a2", ALICE, 1);
    submit("a3", ALICE, 1);
    submit("b1", BOB, 1);
    worker.pull(5);
    assertThat(worker.handed()).containsExactly("a2", "b1", "a3");
  }

  @Test
  void severalWorkersShareTheLoadOfOneModel() {
    for (int i = 0; i < 4; i++) {
      submit("r" + i, ALICE, 32);
    }
    Worker one = new Worker();
    Worker two = new Worker();
    one.pull(64);
    two.pull(64);
    assertThat(one.handed()).containsExactly("r0");
    assertThat(two.handed()).containsExactly("r1");
    // what waits goes to the one that wants more, part by part
    one.pull(0);
    two.pull(0);
    submit("r4", ALICE, 32);
    one.pull(64);
    assertThat(one.handed()).containsExactly("r2");
    two.pull(128);
    assertThat(two.handed()).containsExactly("r3", "r4");
  }

  @Test
  void anAnswerGoesToWhoAsked() {
    replies();
    Worker worker = new Worker().pull(4);
    submit("a", ALICE, 1);
    worker.handed();
    worker.embeds("a");
    assertThat(edge.expectMessageClass(Embedded.class, LONG).id()).isEqualTo("a");
    worker.embeds("a"); // again: nobody waits for it
    edge.expectNoMessage();
  }

  @Test
  void aLostPullOrAnswerLosesAndRepeatsNothing() {
    Worker worker = new Worker().pull(2);
    submit("a", ALICE, 1);
    assertThat(worker.answer().requests()).hasSize(1); // and it got lost
    worker.pull(2);
    assertThat(worker.handed()).as("the same again").containsExactly("a");
    submit("b", ALICE, 1);
    worker.pull(2);
    assertThat(worker.handed()).containsExactly("b");
  }

  @Test
  void whatAWorkerThatBeganAnewHeldIsHandedOutAgain() {
    Worker worker = new Worker().pull(2);
    submit("a", ALICE, 1);
    worker.handed();
    worker.number = 5_000;
    worker.pull(2);
    assertThat(worker.handed()).containsExactly("a");
  }

  @Test
  void aDeadWorkersRequestsGoToAnotherOnce() {
    submit("a", ALICE, 1);
    for (int i = 0; i < 2; i++) {
      Worker worker = new Worker().pull(2);
      assertThat(worker.handed()).containsExactly("a");
      worker.probe.stop();
    }
    expectRefused("a", Reason.WORKER_LOST);
  }

  @ParameterizedTest
  @EnumSource(names = {"ENGINE_FAILED", "STOPPING"})
  void soDoTheRequestsOfOneThatFailsOrLeaves(Reason reason) {
    replies();
    submit("a", ALICE, 1);
    Worker one = new Worker().pull(2);
    one.handed();
    Worker two = new Worker().pull(2);
    one.refuses("a", reason);
    assertThat(two.handed()).containsExactly("a");
    two.refuses("a", reason);
    expectRefused("a", reason);
  }

  @Test
  void oneThatBrokeIsHandedNothingAndWhatItHeldGoesToAnother() {
    Worker one = new Worker().pull(2);
    submit("a", ALICE, 1);
    one.handed();
    one.pull(2); // said before it noticed
    dispatcher.tell(new Broke(one.probe.getRef()));
    one.probe.expectNoMessage();
    assertThat(new Worker().pull(2).handed()).containsExactly("a");

    one.number = 7_000; // it is there again
    one.pull(2);
    submit("b", ALICE, 1);
    assertThat(one.handed()).containsExactly("b");
  }

  @Test
  void whatIsWrongWithATextIsNotTriedAgain() {
    replies();
    submit("a", ALICE, 1);
    Worker worker = new Worker().pull(2);
    worker.handed();
    worker.refuses("a", Reason.TOO_LONG);
    expectRefused("a", Reason.TOO_LONG);
  }

  @Test
  void refusesPastItsBoundAndKeepsRoomForOthers() {
    String large = "x".repeat(1 << 18); // half of the queue
    submit("a1", ALICE, List.of(large));
    submit("a2", ALICE, List.of(large));
    Refused refused = edge.expectMessageClass(Refused.class, LONG);
    assertThat(refused.id()).isEqualTo("a2");
    assertThat(refused.reason()).isEqualTo(Reason.FULL);
    assertThat(refused.retryAfterMillis()).isBetween(1_000L, 60_000L);
    submit("b1", BOB, 1);
    Worker worker = new Worker().pull(1 << 20);
    assertThat(worker.handed()).containsExactly("a1", "b1");
  }

  @Test
  void whatIsCancelledIsNotHandedOutOrNotComputed() {
    Worker worker = new Worker().pull(2);
    submit("handed", ALICE, 1);
    worker.handed();
    submit("waiting", ALICE, 1);
    dispatcher.tell(new Cancel("handed"));
    dispatcher.tell(new Cancel("waiting"));
    worker.probe.expectMessage(new EmbeddingRequest.Cancel("handed"));
    submit("next", ALICE, 1);
    worker.pull(8);
    assertThat(worker.handed()).containsExactly("next");
    edge.expectNoMessage();
  }

  @Test
  void aDeadlineEndsWhatWaitsAndSoonAfterwardsWhatAWorkerHas() {
    Worker worker = new Worker().pull(2);
    submit("handed", ALICE, 1);
    worker.handed();
    submit("waiting", ALICE, 1);
    now.set(DEADLINE);
    expectRefused("waiting", Reason.LATE);
    now.set(DEADLINE + 1_000);
    expectRefused("handed", Reason.WORKER_LOST);
    worker.probe.expectMessage(LONG, new EmbeddingRequest.Cancel("handed"));
  }

  @Test
  void whatWaitsForAModelThatGoesIsRefused() {
    Worker worker = new Worker().pull(2);
    submit("handed", ALICE, 1);
    worker.handed();
    submit("waiting", ALICE, 1);
    dispatcher.tell(new Withdrawn(worker.probe.getRef()));
    edge.expectNoMessage();
    served.set(false);
    expectRefused("waiting", Reason.NO_WORKER);
    submit("later", ALICE, 1);
    expectRefused("later", Reason.NO_WORKER);
  }

  @Test
  void aDispatcherThatStopsRefusesWhatItHas() {
    submit("a", ALICE, 1);
    Worker worker = new Worker().pull(2);
    worker.handed();
    submit("b", ALICE, 1);
    KIT.stop(dispatcher);
    List<Refused> refused =
        List.of(
            edge.expectMessageClass(Refused.class, LONG),
            edge.expectMessageClass(Refused.class, LONG));
    assertThat(refused).extracting(Refused::id).containsExactlyInAnyOrder("a", "b");
    assertThat(refused).extracting(Refused::reason).containsOnly(Reason.WORKER_LOST);
    await().untilAsserted(() -> worker.probe.expectMessage(new EmbeddingRequest.Cancel("a")));
  }
}
