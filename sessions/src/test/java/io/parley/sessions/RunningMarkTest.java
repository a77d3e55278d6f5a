package io.parley.sessions;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import akka.actor.testkit.typed.javadsl.TestProbe;
import io.parley.persistence.RunningTurns.Entry;
import io.parley.sessions.SessionCommand.Reply;
import io.parley.sessions.SessionFixture.Worker;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** A turn that runs is in the list of those that do. */
class RunningMarkTest {
  private SessionFixture session = SessionFixture.startDefault();
  private final Entry first = new Entry(session.id.entityId(), 1);

  @AfterEach
  void stop() {
    session.close();
  }

  private void awaitListed(Entry... entries) {
    await().untilAsserted(() -> assertThat(session.running.entries).containsOnly(entries));
  }

  @Test
  void isListedWhileItRuns() {
    Worker worker = session.runningTurn();
    awaitListed(first);
    worker.finish(0, "a");
    awaitListed();
    session.startTurn("next");
    awaitListed(new Entry(session.id.entityId(), 2));
    session.ask(to -> new SessionCommand.CancelTurn(2, to));
    awaitListed();
  }

  @Test
  void aBackgroundTurnIsAcceptedWhenItIsListed() {
    session.running.gate = new CompletableFuture<>();
    TestProbe<Reply> caller =
        session.send(SessionFixture.start("k", Samples.inBackground("hello")));
    session.dispatcher.next(); // it runs already
    TestProbe<Reply> again = session.send(SessionFixture.start("k", Samples.inBackground("hello")));
    caller.expectNoMessage(java.time.Duration.ofMillis(50));
    again.expectNoMessage(java.time.Duration.ZERO);

    session.running.gate.complete(null);

    assertThat(caller.receiveMessage()).isEqualTo(new Reply.TurnAccepted(1, false));
    assertThat(again.receiveMessage()).isEqualTo(new Reply.TurnAccepted(1, true));
    assertThat(session.running.entries).containsOnly(first);
  }

  @Test
  void anotherTurnDoesNotWaitForTheList() {
    session.running.gate = new CompletableFuture<>();
    assertThat(session.startTurn("k")).isEqualTo(new Reply.TurnAccepted(1, false));
  }

  @Test
  void aBackgroundTurnThatEndedMeanwhileIsAcceptedToo() {
    session.running.gate = new CompletableFuture<>();
    TestProbe<Reply> caller =
        session.send(SessionFixture.start("k", Samples.inBackground("hello")));
    session.worker(session.dispatcher.next()).admit().finish(0, "a");
    assertThat(caller.receiveMessage()).isEqualTo(new Reply.TurnAccepted(1, false));
  }

  @Test
  void isListedByALaterTryWhenTheListFails() {
    session.running.failNext(3);
    assertThat(session.startTurn("k", Samples.inBackground("hello")))
        .isEqualTo(new Reply.TurnAccepted(1, false));
    assertThat(session.running.entries).containsOnly(first);
  }

  @Test
  void isListedByTheRecoveryThatComesBeforeTheLaterTry() {
    session.close();
    session = SessionFixture.start("parley.session.journal-retry.max-backoff = 1 h");
    session.running.failNext(1);
    TestProbe<Reply> caller =
        session.send(SessionFixture.start("k", Samples.inBackground("hello")));
    Worker worker = session.worker(session.dispatcher.next());
    await().until(() -> session.running.failures.get() == 0);

    SessionFixture.JOURNAL.failNextPersisted(session.persistenceId());
    worker.admit();

    assertThat(caller.receiveMessage()).isEqualTo(new Reply.TurnAccepted(1, false));
    assertThat(session.running.entries).containsOnly(new Entry(session.id.entityId(), 1));
  }

  @Test
  void isListedAgainByItsRecovery() {
    session.runningTurn();
    awaitListed(first);
    session.running.entries.clear();
    session.restart();
    awaitListed(first);
  }

  @Test
  void aWakeUpTakesAnEndedTurnOutOfTheList() {
    Worker worker = session.runningTurn();
    awaitListed(first);
    session.running.failNext(1);
    worker.finish(0, "a");
    assertThat(session.read(1, 0).last()).isTrue();
    session.restart();
    assertThat(session.running.entries).containsOnly(first);

    assertThat(session.ask(to -> new SessionCommand.Resume(1, to))).isEqualTo(new Reply.Done());

    awaitListed();
  }

  @Test
  void aWakeUpLetsARunningTurnBe() {
    session.runningTurn();
    awaitListed(first);
    assertThat(session.ask(to -> new SessionCommand.Resume(1, to))).isEqualTo(new Reply.Done());
    assertThat(session.running.entries).containsOnly(first);
  }
}
