package io.parley.workers.embedding;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import akka.actor.testkit.typed.javadsl.ActorTestKit;
import akka.actor.testkit.typed.javadsl.FishingOutcomes;
import akka.actor.testkit.typed.javadsl.TestProbe;
import akka.actor.typed.ActorRef;
import akka.actor.typed.receptionist.Receptionist;
import com.typesafe.config.ConfigFactory;
import io.parley.routing.EmbeddingDispatcher;
import io.parley.routing.EmbeddingDispatcher.Broke;
import io.parley.routing.EmbeddingDispatcher.Pull;
import io.parley.routing.EmbeddingDispatcher.Withdrawn;
import io.parley.routing.EmbeddingDispatcher.WorkerCommand;
import io.parley.routing.WorkerDirectory;
import io.parley.routing.protocol.EmbeddingReply;
import io.parley.routing.protocol.EmbeddingReply.Embedded;
import io.parley.routing.protocol.EmbeddingReply.Reason;
import io.parley.routing.protocol.EmbeddingReply.Refused;
import io.parley.routing.protocol.EmbeddingRequest;
import io.parley.routing.protocol.TenantId;
import io.parley.routing.protocol.WorkerMessage;
import io.parley.workers.Drain;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.List;
import java.util.Queue;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class EmbeddingWorkerTest {
  private static final ActorTestKit KIT =
      ActorTestKit.create(
          "embeddings",
          ConfigFactory.parseString(
                  """
                  akka.actor.provider = local
                  akka.coordinated-shutdown.exit-jvm = off
                  akka.jvm-shutdown-hooks = off
                  """)
              .withFallback(ConfigFactory.load()));
  private static final TenantId ALICE = new TenantId("alice");
  private static final TenantId BOB = new TenantId("bob");
  private static final Instant NOW = Instant.ofEpochMilli(1_000);
  private static final long LATER = 2_000;

  private final TestProbe<EmbeddingReply> caller = KIT.createTestProbe();
  private final TestProbe<WorkerCommand> dispatcher = KIT.createTestProbe();
  private final FakeEncoder encoder = new FakeEncoder(0);
  private final FakeEncoder second = new FakeEncoder(1_000);
  private final Queue<FakeEncoder> encoders = new ArrayDeque<>(List.of(encoder, second));
  private ActorRef<WorkerMessage> worker;
  private long answered;

  @BeforeEach
  void startWorker() {
    receptionist(Receptionist.register(EmbeddingDispatcher.SERVICE_KEY, dispatcher.getRef()));
    startWorker(Duration.ofMinutes(5));
  }

  private void startWorker(Duration iterationTimeout) {
    Duration soon = Duration.ofMillis(20);
    EmbeddingSettings settings = new EmbeddingSettings(4, soon, iterationTimeout, soon, soon);
    worker =
        KIT.spawn(
            EmbeddingWorker.create(
                FakeEncoder.MODEL, () -> encoders.remove().replica(), settings, () -> NOW));
    WorkerDirectory directory = WorkerDirectory.get(KIT.system());
    await().until(() -> directory.workers(FakeEncoder.MODEL.id()).contains(worker));
  }

  private static void receptionist(Receptionist.Command command) {
    KIT.system().receptionist().tell(command);
  }

  @AfterEach
  void stopWorker() {
    encoder.permits.release(1_000);
    KIT.stop(worker);
    receptionist(Receptionist.deregister(EmbeddingDispatcher.SERVICE_KEY, dispatcher.getRef()));
  }

  @AfterAll
  static void stopKit() {
    KIT.shutdownTestKit();
  }

  private static EmbeddingRequest texts(String id, TenantId tenant, String... texts) {
    return new EmbeddingRequest.Texts(id, tenant, List.of(texts), LATER);
  }

  /** A pull that wants something and has not been answered. */
  private Pull pull() {
    while (true) {
      WorkerCommand said = dispatcher.receiveMessage(Duration.ofSeconds(30));
      if (said instanceof Pull pull
          && pull.worker().equals(worker)
          && pull.tokens() > 0
          && pull.number() != answered) {
        return pull;
      }
    }
  }

  private void hand(EmbeddingRequest... requests) {
    answer(pull().number(), requests);
  }

  private void answer(long number, EmbeddingRequest... requests) {
    answered = number;
    worker.tell(
        new EmbeddingDispatcher.Handed(
            dispatcher.getRef(), number, List.of(requests), caller.getRef()));
  }

  private void ask(String id, TenantId tenant, String... texts) {
    hand(texts(id, tenant, texts));
  }

  private Embedded embedded() {
    return caller.expectMessageClass(Embedded.class, Duration.ofSeconds(30));
  }

  private Refused refused() {
    return caller.expectMessageClass(Refused.class, Duration.ofSeconds(30));
  }

  /** A batch runs, and has not been let through. */
  private void awaitBatch() {
    await().until(() -> encoder.permits.hasQueuedThreads());
  }

  private static List<Float> numbers(Embedded embedded) {
    ByteBuffer bytes = ByteBuffer.wrap(embedded.vectors()).order(ByteOrder.LITTLE_ENDIAN);
    List<Float> numbers = new java.util.ArrayList<>();
    while (bytes.hasRemaining()) {
      numbers.add(bytes.getFloat());
    }
    return numbers;
  }

  @Test
  void answersTextsAndTokensInTheirOrder() {
    encoder.permits.release(10);
    ask("a", ALICE, "one", "x", "three");
    Embedded texts = embedded();
    assertThat(texts.id()).isEqualTo("a");
    assertThat(texts.tokens()).isEqualTo(9);
    assertThat(numbers(texts)).containsExactly(3f, 111f, 1f, 120f, 5f, 116f);

    hand(new EmbeddingRequest.Tokens("b", ALICE, List.of(new int[] {7, 8}, new int[] {9}), LATER));
    assertThat(numbers(embedded())).containsExactly(2f, 7f, 1f, 9f);
  }

  @Test
  void batchesGoAcrossRequestsAndTenantsTakeTurns() {
    ask("first", ALICE, "f");
    awaitBatch();
    hand(
        texts("large", ALICE, "a", "b", "c", "d", "e"),
        texts("small", BOB, "z"),
        texts("marker", BOB, "123456789")); // refused when tokenized, behind the others
    assertThat(refused().id()).isEqualTo("marker");
    encoder.permits.release(10);
    assertThat(List.of(embedded().id(), embedded().id(), embedded().id()))
        .containsExactly("first", "small", "large");
    assertThat(encoder.batches)
        .containsExactly(
            List.of((int) 'f'),
            List.of((int) 'a', (int) 'z', (int) 'b', (int) 'c'),
            List.of((int) 'd', (int) 'e'));
  }

  @Test
  void namesTheTextThatIsAtFault() {
    ask("long", ALICE, "fits", "does not fit");
    assertThat(refused())
        .isEqualTo(new Refused("long", Reason.TOO_LONG, 1, "has 12 tokens; the model takes 8", 0));
    hand(new EmbeddingRequest.Tokens("bad", ALICE, List.of(new int[] {1}, new int[] {128}), LATER));
    assertThat(refused())
        .extracting(Refused::reason, Refused::index)
        .containsExactly(Reason.BAD_TOKENS, 1);
    ask("empty", ALICE, "");
    assertThat(refused().reason()).isEqualTo(Reason.BAD_TOKENS);
    assertThat(encoder.batches).isEmpty();
  }

  @Test
  void whatCameTooLateIsRefused() {
    hand(new EmbeddingRequest.Texts("late", ALICE, List.of("a"), 999));
    assertThat(refused().reason()).isEqualTo(Reason.LATE);
    assertThat(encoder.batches).isEmpty();
  }

  @Test
  void whatIsCancelledIsNotComputed() {
    ask("first", ALICE, "f");
    awaitBatch();
    hand(texts("gone", ALICE, "g"), texts("kept", ALICE, "k"));
    worker.tell(new EmbeddingRequest.Cancel("gone"));
    worker.tell(new EmbeddingRequest.Cancel("first"));
    encoder.permits.release(10);
    assertThat(embedded().id()).isEqualTo("kept");
    assertThat(encoder.batches).containsExactly(List.of((int) 'f'), List.of((int) 'k'));
  }

  @Test
  void pullsOnlyWhileItHasRoom() {
    assertThat(pull().tokens()).as("two batches").isEqualTo(8);
    ask("running", ALICE, "r"); // counts as 2 tokens
    awaitBatch();
    Pull next = pull();
    assertThat(next.tokens()).isEqualTo(6);
    answer(next.number(), texts("waiting", ALICE, "w", "x", "y"));
    Pull full =
        (Pull)
            dispatcher
                .fishForMessage(
                    Duration.ofSeconds(30),
                    said ->
                        said instanceof Pull pull && pull.number() != next.number()
                            ? FishingOutcomes.complete()
                            : FishingOutcomes.continueAndIgnore())
                .get(0);
    assertThat(full).isEqualTo(new Pull(worker, FakeEncoder.MODEL.id(), next.number() + 1, 0));

    encoder.permits.release(10);
    assertThat(List.of(embedded().id(), embedded().id())).containsExactly("running", "waiting");
    assertThat(pull().number()).isEqualTo(full.number());
  }

  @Test
  void repeatsAPullAndTakesItsAnswerOnce() {
    Pull first = pull();
    assertThat(pull()).as("nobody answers").isEqualTo(first);
    encoder.permits.release(10);
    answer(first.number(), texts("once", ALICE, "o"));
    assertThat(embedded().id()).isEqualTo("once");
    answer(first.number(), texts("twice", ALICE, "t"));
    answered = first.number();
    ask("next", ALICE, "n");
    assertThat(embedded().id()).isEqualTo("next");
    assertThat(encoder.batches).containsExactly(List.of((int) 'o'), List.of((int) 'n'));
  }

  @Test
  void drainsWhatItHoldsThenEndsWithTheEncoderFreed() {
    TestProbe<Object> watcher = KIT.createTestProbe();
    ask("running", ALICE, "r");
    awaitBatch();
    Pull open = pull();
    worker.tell(new Drain(Duration.ofMinutes(5)));
    dispatcher.fishForMessage(
        Duration.ofSeconds(30),
        said ->
            said instanceof Withdrawn
                ? FishingOutcomes.complete()
                : FishingOutcomes.continueAndIgnore());
    answer(open.number(), texts("late", ALICE, "l")); // was on its way
    assertThat(refused())
        .extracting(Refused::id, Refused::reason)
        .containsExactly("late", Reason.STOPPING);
    assertThat(encoder.closed).isFalse();

    encoder.permits.release(10);

    assertThat(embedded().id()).isEqualTo("running");
    watcher.expectTerminated(worker, Duration.ofSeconds(30));
    assertThat(encoder.closed).isTrue();
    WorkerDirectory directory = WorkerDirectory.get(KIT.system());
    await().until(() -> directory.workers(FakeEncoder.MODEL.id()).isEmpty());
  }

  @Test
  void oneThatBreaksWhileItDrainsDoesNotBeginAnew() {
    TestProbe<Object> watcher = KIT.createTestProbe();
    encoder.broken = true;
    ask("running", ALICE, "r");
    awaitBatch();
    worker.tell(new Drain(Duration.ofMinutes(5)));
    encoder.permits.release(10);
    assertThat(refused().reason()).isEqualTo(Reason.ENGINE_FAILED);
    watcher.expectTerminated(worker, Duration.ofSeconds(30));
    assertThat(encoder.closed).isTrue();
    assertThat(encoders).as("not loaded").containsExactly(second);
  }

  @Test
  void whatDoesNotEndWithinThePatienceIsHandedBack() {
    ask("running", ALICE, "r");
    awaitBatch();
    worker.tell(new Drain(Duration.ZERO));
    assertThat(refused().reason()).isEqualTo(Reason.STOPPING);
    encoder.permits.release(10);
    await().until(() -> encoder.closed);
  }

  @Test
  void loadsAgainWhenTheEngineBroke() {
    encoder.broken = true;
    ask("running", ALICE, "r");
    awaitBatch();
    ask("waiting", ALICE, "w");
    encoder.permits.release(10);
    expectBroke();
    await().until(() -> encoder.closed);
    hand(texts("again", ALICE, "a"));
    assertThat(embedded().id()).isEqualTo("again");
    assertThat(second.batches).hasSize(1);
  }

  @Test
  void aStalledEncoderIsReplacedAndTheNewOneIsProbedWithOneRequest() {
    KIT.stop(worker);
    encoders.add(encoder);
    encoders.add(new FakeEncoder(1_000));
    second.permits.drainPermits();
    startWorker(Duration.ofMillis(100)); // with the second one
    ask("running", ALICE, "r");

    expectBroke(); // what it held goes to another worker

    encoder.permits.release(10);
    assertThat(pull().tokens()).as("a probe").isEqualTo(1);
    hand(texts("probe", ALICE, "p"));
    assertThat(embedded().id()).isEqualTo("probe");
    assertThat(pull().tokens()).isEqualTo(8);
    assertThat(second.closed).as("its batch still runs").isFalse();
    second.permits.release(10);
    await().until(() -> second.closed);
  }

  private void expectBroke() {
    dispatcher.fishForMessage(
        Duration.ofSeconds(30),
        said ->
            said instanceof Broke
                ? FishingOutcomes.complete()
                : FishingOutcomes.continueAndIgnore());
  }

  @Test
  void refusesWhatItHoldsWhenItStops() {
    ask("running", ALICE, "r");
    awaitBatch();
    KIT.stop(worker);
    assertThat(refused().reason()).isEqualTo(Reason.STOPPING);
    encoder.permits.release(10);
    await().until(() -> encoder.closed);
  }
}
