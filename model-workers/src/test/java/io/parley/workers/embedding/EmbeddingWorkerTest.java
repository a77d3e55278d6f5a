package io.parley.workers.embedding;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import akka.actor.testkit.typed.javadsl.ActorTestKit;
import akka.actor.testkit.typed.javadsl.TestProbe;
import akka.actor.typed.ActorRef;
import com.typesafe.config.ConfigFactory;
import io.parley.routing.WorkerDirectory;
import io.parley.routing.protocol.EmbeddingReply;
import io.parley.routing.protocol.EmbeddingReply.Embedded;
import io.parley.routing.protocol.EmbeddingReply.Reason;
import io.parley.routing.protocol.EmbeddingReply.Refused;
import io.parley.routing.protocol.EmbeddingRequest;
import io.parley.routing.protocol.TenantId;
import io.parley.routing.protocol.WorkerMessage;
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
  private final FakeEncoder encoder = new FakeEncoder(0);
  private final FakeEncoder second = new FakeEncoder(1_000);
  private final Queue<FakeEncoder> encoders = new ArrayDeque<>(List.of(encoder, second));
  private ActorRef<WorkerMessage> worker;

  @BeforeEach
  void startWorker() {
    start(1 << 20);
  }

  private void start(long queueBytes) {
    Duration soon = Duration.ofMillis(20);
    EmbeddingSettings settings =
        new EmbeddingSettings(
            4, queueBytes, Duration.ofSeconds(1), Duration.ofSeconds(60), soon, soon);
    worker =
        KIT.spawn(
            EmbeddingWorker.create(
                FakeEncoder.MODEL, () -> encoders.remove().replica(), settings, () -> NOW));
    WorkerDirectory directory = WorkerDirectory.get(KIT.system());
    await().until(() -> directory.workers(FakeEncoder.MODEL.id()).contains(worker));
  }

  @AfterEach
  void stopWorker() {
    encoder.permits.release(1_000);
    KIT.stop(worker);
  }

  @AfterAll
  static void stopKit() {
    KIT.shutdownTestKit();
  }

  private void ask(String id, TenantId tenant, String... texts) {
    worker.tell(new EmbeddingRequest.Texts(id, tenant, List.of(texts), LATER, caller.getRef()));
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

    worker.tell(
        new EmbeddingRequest.Tokens(
            "b", ALICE, List.of(new int[] {7, 8}, new int[] {9}), LATER, caller.getRef()));
    assertThat(numbers(embedded())).containsExactly(2f, 7f, 1f, 9f);
  }

  @Test
  void batchesGoAcrossRequestsAndTenantsTakeTurns() {
    ask("first", ALICE, "f");
    awaitBatch();
    ask("large", ALICE, "a", "b", "c", "d", "e");
    ask("small", BOB, "z");
    ask("marker", BOB, "123456789"); // refused when tokenized, behind the others
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
        .isEqualTo(
            new Refused("long", Reason.TOO_LONG, 1, "has 12 tokens; the model takes 8", 1000));
    worker.tell(
        new EmbeddingRequest.Tokens(
            "bad", ALICE, List.of(new int[] {1}, new int[] {128}), LATER, caller.getRef()));
    assertThat(refused())
        .extracting(Refused::reason, Refused::index)
        .containsExactly(Reason.BAD_TOKENS, 1);
    ask("empty", ALICE, "");
    assertThat(refused().reason()).isEqualTo(Reason.BAD_TOKENS);
    assertThat(encoder.batches).isEmpty();
  }

  @Test
  void whatCameTooLateIsRefused() {
    worker.tell(new EmbeddingRequest.Texts("late", ALICE, List.of("a"), 999, caller.getRef()));
    assertThat(refused().reason()).isEqualTo(Reason.LATE);
    assertThat(encoder.batches).isEmpty();
  }

  @Test
  void whatIsCancelledIsNotComputed() {
    ask("first", ALICE, "f");
    awaitBatch();
    ask("gone", ALICE, "g");
    ask("kept", ALICE, "k");
    worker.tell(new EmbeddingRequest.Cancel("gone"));
    worker.tell(new EmbeddingRequest.Cancel("first"));
    encoder.permits.release(10);
    assertThat(embedded().id()).isEqualTo("kept");
    assertThat(encoder.batches).containsExactly(List.of((int) 'f'), List.of((int) 'k'));
  }

  @Test
  void refusesPastItsBound() {
    ask("first", ALICE, "a".repeat(1 << 19)); // too long for the model, but that is seen later
    ask("second", ALICE, "b".repeat(1 << 19));
    assertThat(List.of(refused().reason(), refused().reason()))
        .containsExactlyInAnyOrder(Reason.FULL, Reason.TOO_LONG);
  }

  @Test
  void loadsAgainWhenTheEngineBroke() {
    encoder.broken = true;
    ask("running", ALICE, "r");
    awaitBatch();
    ask("waiting", ALICE, "w");
    encoder.permits.release(10);
    assertThat(List.of(refused(), refused()))
        .extracting(Refused::reason)
        .containsOnly(Reason.ENGINE_FAILED);
    await().until(() -> encoder.closed);
    await()
        .untilAsserted(
            () -> {
              ask("again", ALICE, "a");
              assertThat(caller.receiveMessage(Duration.ofSeconds(30)))
                  .isInstanceOf(Embedded.class);
            });
    assertThat(second.batches).isNotEmpty();
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
