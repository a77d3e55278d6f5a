package io.parley.node.bench;

import static org.assertj.core.api.Assertions.assertThat;

import io.parley.routing.protocol.AttemptId;
import io.parley.routing.protocol.FailureCode;
import io.parley.routing.protocol.Finish;
import io.parley.routing.protocol.FinishReason;
import io.parley.routing.protocol.Message;
import io.parley.routing.protocol.ModelId;
import io.parley.routing.protocol.ModelInfo;
import io.parley.routing.protocol.PromptInfo;
import io.parley.routing.protocol.Role;
import io.parley.routing.protocol.Token;
import io.parley.routing.protocol.Work;
import io.parley.workers.replica.Replica;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class ReplicaLoadTest {
  private final Answering replica = new Answering();

  @Test
  void eachTurnCarriesTheConversationSoFar() throws InterruptedException {
    ReplicaLoad.Result result = new ReplicaLoad(replica, 2, 3, 9, 10_000).run();

    assertThat(replica.works).hasSize(6);
    Work last = replica.works.get(2);
    assertThat(last.messages())
        .extracting(Message::role)
        .containsSequence(Role.USER, Role.ASSISTANT);
    assertThat(last.messages())
        .extracting(Message::content)
        .containsExactly(
            Conversation.input(0, 0),
            "ab!",
            Conversation.input(0, 1),
            "ab!",
            Conversation.input(0, 2));
    assertThat(last.sampling().ignoreEos()).isTrue();
    assertThat(last.sampling().maxTokens()).isEqualTo(9);
    assertThat(result.report().completedTurns()).isEqualTo(6);
    assertThat(result.report().completionTokens()).isEqualTo(12);
    assertThat(result.report().followUpFirstToken().samples()).isEqualTo(4);
    assertThat(result.cachedTokens()).isEqualTo(6 * 4);
    assertThat(result.prefillTokens()).isEqualTo(6 * 6);
  }

  @Test
  void aFailedTurnEndsItsConversationAndIsCounted() throws InterruptedException {
    replica.failing = true;

    LoadReport report = new ReplicaLoad(replica, 2, 3, 9, 10_000).run().report();

    assertThat(report.completedTurns()).isZero();
    assertThat(report.errors()).containsEntry("ENGINE_FAILED", 2);
  }

  @Test
  void whatIsNotDoneInTimeIsCancelled() throws InterruptedException {
    replica.silent = true;

    LoadReport report = new ReplicaLoad(replica, 2, 3, 9, 1).run().report();

    assertThat(replica.cancelled)
        .extracting(id -> id.session().value())
        .containsExactly("u0", "u1");
    assertThat(report.errors()).containsEntry("not in time", 2);
  }

  /** Answers at once, in the caller's thread. */
  private static final class Answering implements Replica {
    private final ModelInfo model = new ModelInfo(new ModelId("m", "1"), 100, 0, "test", "none");
    private final List<Work> works = new ArrayList<>();
    private final List<AttemptId> cancelled = new ArrayList<>();
    private boolean failing;
    private boolean silent;

    @Override
    public boolean start(Work work, Listener listener) {
      works.add(work);
      if (failing) {
        listener.failed(FailureCode.ENGINE_FAILED, "on purpose");
      } else if (!silent) {
        listener.admitted(new PromptInfo(10, 4, 0, model.id(), variant()));
        listener.token(new Token(1, "a"));
        listener.token(new Token(2, "b"));
        listener.finished(new Finish(FinishReason.LENGTH, "!"));
      }
      return true;
    }

    @Override
    public void cancel(AttemptId id) {
      cancelled.add(id);
    }

    @Override
    public ModelInfo model() {
      return model;
    }

    @Override
    public int slots() {
      return 4;
    }

    @Override
    public String variant() {
      return "answering";
    }

    @Override
    public boolean isBroken() {
      return false;
    }

    @Override
    public void close() {}
  }
}
