package io.parley.workers.replica;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.parley.routing.protocol.AnswerForm;
import io.parley.routing.protocol.FailureCode;
import io.parley.routing.protocol.FinishReason;
import io.parley.routing.protocol.Message;
import io.parley.routing.protocol.SamplingParams;
import io.parley.routing.protocol.Token;
import io.parley.routing.protocol.Work;
import io.parley.workers.batch.BatcherSettings;
import io.parley.workers.batch.FakeModel;
import io.parley.workers.engine.Engine;
import io.parley.workers.engine.EngineSpec;
import io.parley.workers.engine.StepInput;
import io.parley.workers.text.ChatTemplate;
import io.parley.workers.text.ChatTemplateException;
import io.parley.workers.text.Tokenizer;
import java.nio.FloatBuffer;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class EngineReplicaTest {
  private static final int CONTEXT = 128;

  private final FakeModel fake = new FakeModel(FakeModel.spec(CONTEXT, 8, 64, 64), 4);
  private final GatedModel model = new GatedModel();
  private final EngineReplica replica = replica(model);

  @AfterEach
  void close() {
    model.open();
    replica.close();
  }

  @Test
  void manyWorksFinishAndEachIsWhatItIsAlone() throws InterruptedException {
    model.open();
    List<Recorder> together = new ArrayList<>();
    for (int n = 0; n < 12; n++) {
      Recorder recorder = new Recorder();
      together.add(recorder);
      replica.start(work(n, 20), recorder);
    }
    for (Recorder recorder : together) {
      recorder.await();
    }
    for (int n = 0; n < 12; n++) {
      Recorder alone = new Recorder();
      replica.start(work(n, 20), alone);
      assertThat(together.get(n).ids()).isEqualTo(alone.await().ids());
      assertThat(together.get(n).finish()).isEqualTo(alone.finish());
    }
    assertThat(replica.model().contextLength()).isEqualTo(CONTEXT);
  }

  @Test
  void idleReplicaSleeps() throws InterruptedException {
    model.open();
    Recorder recorder = new Recorder();
    replica.start(work(1, 3), recorder);
    recorder.await();
    Thread engine = model.thread;
    Awaitility.await().until(() -> engine.getState() == Thread.State.WAITING);
    assertThat(engine.getName()).contains("engine-test@1");
  }

  @Test
  void cancelledWorkIsSilentAndItsIdCanBeUsedAgain() throws InterruptedException {
    Recorder first = new Recorder();
    replica.start(work(1, 100), first);
    assertThatThrownBy(() -> replica.start(work(1, 100), first))
        .isInstanceOf(IllegalStateException.class);
    model.steps(3);
    Awaitility.await().until(() -> !first.tokens().isEmpty());
    replica.cancel(Works.id(1));
    int heard = first.tokens().size();
    Recorder second = new Recorder();
    replica.start(work(1, 5), second);
    model.open();
    second.await();
    assertThat(first.verified().isEnded()).isFalse();
    // at most the token whose delivery was under way
    assertThat(first.tokens().size()).isBetween(heard, heard + 1);
    replica.cancel(Works.id(99));
  }

  @Test
  void engineFailureFailsEveryWorkAndIsTold() throws InterruptedException {
    List<Recorder> recorders = new ArrayList<>();
    for (int n = 0; n < 8; n++) {
      Recorder recorder = new Recorder();
      recorders.add(recorder);
      replica.start(work(n, 100), recorder);
    }
    model.steps(3);
    fake.broken = true;
    model.open();
    for (Recorder recorder : recorders) {
      assertThat(recorder.await().failure()).contains(FailureCode.ENGINE_FAILED);
    }
    assertThat(replica.isBroken()).isTrue();
    Recorder late = new Recorder();
    replica.start(work(9, 1), late);
    assertThat(late.await().failure()).contains(FailureCode.ENGINE_FAILED);
    Awaitility.await().until(() -> model.closed.getCount() == 0);
  }

  @Test
  void closeFailsWhatRunsAndClosesTheEngine() throws InterruptedException {
    Recorder recorder = new Recorder();
    replica.start(work(1, 100), recorder);
    model.steps(2);
    Awaitility.await().until(() -> !recorder.tokens().isEmpty());
    Thread closing = new Thread(replica::close);
    closing.start();
    // it has asked for the end and waits for the iteration: only now may that go on
    Awaitility.await().until(() -> closing.getState() == Thread.State.TIMED_WAITING);
    model.open();
    closing.join();
    assertThat(recorder.await().failure()).contains(FailureCode.WORKER_LOST);
    assertThat(model.closed.getCount()).isZero();
    assertThat(replica.isBroken()).isFalse();
  }

  @Test
  void tooManyWorksAreRefusedAtOnce() throws InterruptedException {
    List<Recorder> recorders = new ArrayList<>();
    for (int n = 0; n < 12; n++) {
      Recorder recorder = new Recorder();
      recorders.add(recorder);
      assertThat(replica.start(work(n, 2), recorder)).isTrue();
    }
    Recorder oneTooMany = new Recorder();
    assertThat(replica.start(work(12, 2), oneTooMany)).isFalse();
    model.open();
    for (Recorder recorder : recorders) {
      assertThat(recorder.await().finish()).isPresent();
    }
    assertThat(oneTooMany.verified().isEnded()).isFalse();
    // the places are free again, also after cancellations at every stage
    for (int round = 0; round < 50; round++) {
      replica.start(work(100 + round, 50), new Recorder());
      replica.cancel(Works.id(100 + round));
    }
    Awaitility.await()
        .until(
            () -> {
              Recorder again = new Recorder();
              return replica.start(work(200, 2), again) && again.await().finish().isPresent();
            });
  }

  @Test
  void refusedPromptsFailWithTheirReason() throws InterruptedException {
    model.open();
    Recorder tooLong = new Recorder();
    replica.start(Works.work(1, "x".repeat(500), SamplingParams.greedy(1)), tooLong);
    assertThat(tooLong.await().failure()).contains(FailureCode.CONTEXT_LENGTH_EXCEEDED);
    assertThat(tooLong.message()).contains("504").contains("128");
    Recorder refused = new Recorder();
    replica.start(Works.work(2, "refuse", SamplingParams.greedy(1)), refused);
    assertThat(refused.await().failure()).contains(FailureCode.INVALID_MESSAGES);
    assertThat(refused.message()).isEqualTo("no such role");
    Recorder bug = new Recorder();
    replica.start(Works.work(3, "bug", SamplingParams.greedy(1)), bug);
    assertThat(bug.await().failure()).contains(FailureCode.PROMPT_FAILED);
    assertThat(replica.isBroken()).isFalse();
    assertThat(bug.message()).doesNotContain("secret");
  }

  @Test
  void thePromptTakesTheTurnsStartForNow() throws InterruptedException {
    model.open();
    Work work = Works.withStart(work(1, 3), 1_767_323_045_000L);
    for (int attempt = 1; attempt <= 2; attempt++) {
      Recorder recorder = new Recorder();
      replica.start(work, recorder);
      recorder.await();
      assertThat(model.encodedAt).isEqualTo("2026-01-02T03:04:05Z");
    }
  }

  @Test
  void listenerThatThrowsLosesItsPlaceOnly() throws InterruptedException {
    model.open();
    CountDownLatch heard = new CountDownLatch(1);
    replica.start(
        work(1, 100),
        new Recorder() {
          @Override
          public synchronized void token(Token token) {
            heard.countDown();
            throw new IllegalStateException("on purpose");
          }
        });
    assertThat(heard.await(30, TimeUnit.SECONDS)).isTrue();
    Recorder recorder = new Recorder();
    replica.start(work(2, 5), recorder);
    assertThat(recorder.await().finish().orElseThrow().reason()).isEqualTo(FinishReason.LENGTH);
    Awaitility.await().until(() -> replica.stats().freeBlocks() == 64);
  }

  @Test
  void aFormThatCannotBeHeldToFailsItsWork() throws InterruptedException {
    model.open();
    AnswerForm form = AnswerForm.of(new AnswerForm.JsonFormat("", Optional.of("{\"not\": {}}")));
    Recorder held = new Recorder();
    Recorder free = new Recorder();
    replica.start(
        Works.work(1, "text", SamplingParams.greedy(5).withForm(Optional.of(form))), held);
    replica.start(work(2, 5), free);
    assertThat(held.await().failure()).contains(FailureCode.FORM_FAILED);
    assertThat(free.await().finish()).isPresent();
  }

  private EngineReplica replica(GatedModel gated) {
    return new EngineReplica(
        Works.INFO, gated, fake, gated, new BatcherSettings(4, 64, 16, true, 8, 2, 4, 16));
  }

  private static Work work(int n, int maxTokens) {
    SamplingParams sampling =
        new SamplingParams(1, 1, 0, 0, 1, 0, 0, n % 100, List.of(), maxTokens, true, false, 0);
    return Works.work(n, "text", sampling);
  }

  /** The fake model, one step for each permit. */
  private final class GatedModel implements Engine, ChatTemplate {
    private final Semaphore gate = new Semaphore(0);
    private final CountDownLatch closed = new CountDownLatch(1);
    private volatile Thread thread;
    private volatile Instant encodedAt;

    void steps(int count) {
      gate.release(count);
    }

    void open() {
      gate.release(1_000_000);
    }

    @Override
    public EngineSpec spec() {
      return fake.spec();
    }

    @Override
    public FloatBuffer step(StepInput input) {
      thread = Thread.currentThread();
      gate.acquireUninterruptibly();
      return fake.step(input);
    }

    @Override
    public int[] encode(List<Message> messages, Instant now, Tokenizer tokenizer) {
      if (messages.get(0).content().equals("refuse")) {
        throw new ChatTemplateException("no such role");
      }
      if (messages.get(0).content().equals("bug")) {
        throw new IllegalStateException("secret");
      }
      encodedAt = now;
      return fake.encode(messages, now, tokenizer);
    }

    @Override
    public void close() {
      closed.countDown();
    }
  }
}
