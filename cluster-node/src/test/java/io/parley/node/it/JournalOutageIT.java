package io.parley.node.it;

import static org.assertj.core.api.Assertions.assertThat;

import io.parley.node.chaos.NodeProcess;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** The journal's process dies in the middle of an answer; the node lives on. */
@ExtendWith(SharedNode.class)
class JournalOutageIT {
  private static final int TOKENS = 200;
  private static final int SEEN_BEFORE = 10;

  @Test
  void aStreamPausesWhileTheJournalIsAwayAndThenGoesOn(NodeProcess node) {
    long pid = node.pid();
    ApiClient api = new ApiClient(node);
    StreamingClient client = new ResponseStreamingClient(api, "What is the sea?", TOKENS);
    CompletableFuture<Void> inMidAnswer = new CompletableFuture<>();
    AtomicInteger seen = new AtomicInteger();

    CompletableFuture<Void> answer =
        CompletableFuture.runAsync(
            () ->
                client.run(
                    () -> {
                      if (seen.incrementAndGet() == SEEN_BEFORE) {
                        inMidAnswer.complete(null);
                      }
                    }));
    CompletableFuture.anyOf(inMidAnswer, answer).join();
    node.killCassandra();
    boolean cut = !answer.isDone();
    answer.orTimeout(5, TimeUnit.MINUTES).join();

    assertThat(cut).as("the journal died before the answer was whole").isTrue();
    assertThat(client.losses()).as("lost connections: a pause is no loss").isZero();
    assertThat(node.pid()).isEqualTo(pid);
    assertThat(node.isAlive()).as("the node's process").isTrue();
    JournaledSession session = new JournaledSession(api, client.session());
    session.assertSaw(client, TOKENS);
    session.assertSound();
    assertThat(session.attempts()).as("attempts: the one that lived was adopted").isEqualTo(1);
  }
}
