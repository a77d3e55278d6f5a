package io.parley.sessions;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import akka.actor.testkit.typed.javadsl.LoggingTestKit;
import akka.actor.testkit.typed.javadsl.TestProbe;
import akka.cluster.sharding.typed.javadsl.ClusterSharding;
import akka.persistence.testkit.javadsl.SnapshotTestKit;
import io.parley.persistence.chain.ChainCheck;
import io.parley.persistence.chain.ChainHead;
import io.parley.persistence.chain.CheckpointKeys;
import io.parley.persistence.chain.RawRow;
import io.parley.persistence.chain.Seal;
import io.parley.routing.protocol.AttemptId;
import io.parley.routing.protocol.AttemptReport;
import io.parley.routing.protocol.FailureCode;
import io.parley.routing.protocol.Token;
import io.parley.routing.protocol.Work;
import io.parley.routing.protocol.WorkerMessage;
import io.parley.routing.protocol.WorkerMessage.DropAttempt;
import io.parley.routing.protocol.WorkerMessage.GroupAccepted;
import io.parley.sessions.SessionCommand.RefusalReason;
import io.parley.sessions.SessionCommand.Reply;
import io.parley.sessions.SessionCommand.TurnStatus;
import io.parley.sessions.SessionFixture.Worker;
import io.parley.sessions.domain.Absent;
import io.parley.sessions.domain.Session;
import io.parley.sessions.domain.SessionEvent.AttemptStarted;
import io.parley.sessions.domain.SessionEvent.TurnCompleted;
import io.parley.sessions.domain.SessionEvent.TurnStarted;
import io.parley.sessions.journal.ChainedEvent;
import java.io.NotSerializableException;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;

/** Crashes, a failing journal, hand-off and passivation. */
class SessionRecoveryTest {
  private SessionFixture session = SessionFixture.startDefault();

  @AfterEach
  void stop() {
    session.close();
  }

  @Test
  void aRestartInMidTurnAdoptsTheAttemptWhoseWorkerSpeaksUp() {
    session = session.with("parley.session.adoption-lease = 1 h");
    Worker worker = session.runningTurn();
    worker.group(0, "a", "b");
    session.restart();
    // the worker missed the answer of its last group and sends it again with what came since
    assertThat(worker.group(0, "a", "b", "c"))
        .isEqualTo(new GroupAccepted(worker.attempt, 3, false));
    worker.finish(3, "d");
    assertThat(session.readAll(1)).isEqualTo(Samples.tokens(0, "a", "b", "c", "d"));
    assertThat(session.journal()).filteredOn(AttemptStarted.class::isInstance).hasSize(1);
  }

  @Test
  void aRestartWhileThePromptIsComputedAdoptsTheAttemptByItsSignOfLife() {
    session = session.with("parley.session.adoption-lease = 1 h");
    Worker worker = session.runningTurn();
    session.restart();
    worker.signOfLife();
    worker.die(); // is noticed, so it was taken for the attempt's worker again
    assertThat(session.dispatcher.next().id().attempt()).isEqualTo(2);
  }

  @Test
  void anAdoptedWorkerIsWatched() {
    session = session.with("parley.session.adoption-lease = 1 h");
    Worker worker = session.runningTurn();
    worker.group(0, "a");
    session.restart();
    worker.group(1, "b");
    worker.die();
    assertThat(session.dispatcher.next().prefix()).containsExactly(100, 101);
  }

  @Test
  void aRestartInMidTurnStartsAnotherAttemptWhenNobodySpeaksUp() {
    Worker worker = session.runningTurn();
    worker.group(0, "a", "b");
    session.restart();

    Work next = session.dispatcher.next();
    assertThat(next.id().attempt()).isEqualTo(2);
    assertThat(next.prefix()).containsExactly(100, 101);
    assertThat(session.journal())
        .filteredOn(TurnStarted.class::isInstance)
        .extracting(event -> ((TurnStarted) event).at())
        .containsExactly(next.startedAtEpochMillis());
    // the first worker comes back too late
    assertThat(worker.group(2, "x")).isEqualTo(new DropAttempt(worker.attempt));
    session.worker(next).admit().finish(2, "c");
    assertThat(session.readAll(1)).isEqualTo(Samples.tokens(0, "a", "b", "c"));
  }

  @Test
  void anAdoptedAttemptThatIsNotAdmittedIsTimedAsOneThatAWorkerHas() {
    session.startTurn("k");
    Worker worker = session.worker(session.dispatcher.next());
    session.restart(
        "parley.session { adoption-lease = 1 h, queue-timeout = 1 ms, first-token-timeout = 50 ms }");
    worker.signOfLife();
    assertThat(failureOf(1)).isEqualTo(FailureCode.FIRST_TOKEN_TIMEOUT);
    worker.probe.expectMessage(new DropAttempt(worker.attempt));
  }

  @Test
  void anAdoptedAttemptWithoutATokenIsTimedFromItsRepeatedAdmission() {
    Worker worker = session.runningTurn();
    session.view();
    session.restart("parley.session { adoption-lease = 1 h, first-token-timeout = 50 ms }");
    worker.admit();
    assertThat(failureOf(1)).isEqualTo(FailureCode.FIRST_TOKEN_TIMEOUT);
    worker.probe.expectMessage(new DropAttempt(worker.attempt));
  }

  @Test
  void anAdoptedWorkerThatFallsSilentIsReplaced() {
    Worker worker = session.runningTurn();
    worker.group(0, "a");
    session.restart("parley.session { adoption-lease = 1 h, stall-timeout = 50 ms }");
    assertThat(worker.group(0, "a")).isEqualTo(new GroupAccepted(worker.attempt, 1, false));
    assertThat(session.dispatcher.next().id().attempt()).isEqualTo(2);
    worker.probe.expectMessage(new DropAttempt(worker.attempt));
  }

  private FailureCode failureOf(int turn) {
    await().until(() -> session.view().turns().get(turn - 1).status().ended());
    return session.view().turns().get(turn - 1).failure().orElseThrow().code();
  }

  @Test
  void aWorkerWhoseFailureIsTheFirstThatIsHeardOfItIsToldToDropTheAttempt() {
    Worker worker = session.runningTurn();
    session.view();
    session.restart("parley.session.adoption-lease = 1 h");
    worker.fail(FailureCode.ENGINE_FAILED);
    assertThat(session.dispatcher.next().id().attempt()).isEqualTo(2);
    worker.probe.expectMessage(new DropAttempt(worker.attempt));
  }

  @Test
  void aFinishSentAgainAfterARestartIsNotASecondOne() {
    Worker worker = session.runningTurn();
    worker.finish(0, "a");
    session.restart();
    assertThat(worker.finish(0, "a")).isEqualTo(new GroupAccepted(worker.attempt, 1, true));
    assertThat(session.journal()).filteredOn(TurnCompleted.class::isInstance).hasSize(1);
  }

  @Test
  void aKeySentAgainAfterARestartMeansTheSameTurn() {
    session.runningTurn().finish(0, "a");
    session.restart();
    assertThat(session.startTurn("k")).isEqualTo(new Reply.TurnAccepted(1, true));
  }

  @Test
  void aReplayedJournalGivesTheSameSessionAndTheSameStream() {
    session = session.with("parley.session.snapshot { every = 3, keep = 1 }");
    for (int turn = 1; turn <= 4; turn++) {
      session.startTurn("k" + turn);
      Worker worker = session.worker(session.dispatcher.next()).admit();
      worker.group(0, "a", "b");
      worker.group(2, "c");
      worker.finish(3, "d" + turn);
    }
    Reply.SessionView before = session.view();
    List<Token> stream = session.readAll(3);
    Session replayed = new Absent().applyAll(session.journal());
    assertThat(SessionViews.session(replayed)).contains(before);

    SnapshotTestKit snapshots = SnapshotTestKit.create(SessionFixture.KIT.system());
    await().until(() -> !snapshots.persistedInStorage(session.persistenceId()).isEmpty());
    session.restart();
    assertThat(session.view()).isEqualTo(before);
    assertThat(session.readAll(3)).isEqualTo(stream);

    snapshots.clearByPersistenceId(session.persistenceId());
    session.restart();
    assertThat(session.view()).isEqualTo(before);
    assertThat(session.readAll(3)).isEqualTo(stream);
  }

  /** Recovered from its first event, from a snapshot in mid-turn, and after a failed write. */
  @Test
  void itsChainIsWholeWhateverItWasRecoveredFrom() {
    session = session.with("parley.session.snapshot { every = 3, keep = 1 }");
    session.startTurn("k1");
    session.worker(session.dispatcher.next()).admit().finish(0, "a");
    session.restart();
    session.startTurn("k2");
    session.worker(session.dispatcher.next()).admit().group(0, "b");
    session.ask(to -> new SessionCommand.CancelTurn(2, to));
    SessionFixture.JOURNAL.failNextPersisted(session.persistenceId());
    session.send(SessionFixture.start("k3", Samples.request("hello")));
    session.startTurn("k3");
    session.restart();
    session.ask(to -> new SessionCommand.CancelTurn(3, to));

    var check = new ChainCheck(session.persistenceId(), CheckpointKeys.none(), List.of());
    List<ChainedEvent> stored = session.storedEvents();
    for (int i = 0; i < stored.size(); i++) {
      ChainedEvent event = stored.get(i);
      check.event(new RawRow(i + 1, "w", 0, event.serializer(), event.manifest(), event.bytes()));
    }
    assertThat(check.end().findings()).isEmpty();
    assertThat(check.end().unsealedEvents()).isZero();
    assertThat(session.checkpoints).extracting(ChainHead::sequence).hasSize(3).isSorted();
    ChainHead last = session.checkpoints.get(2);
    assertThat(last.sequence()).isEqualTo(stored.size());
    assertThat(Seal.of(stored.get(stored.size() - 1).bytes()).orElseThrow().hash())
        .isEqualTo(last.hash());
  }

  @Test
  void aGroupWhoseJournalingFailedIsTakenWhenSentAgain() {
    session = session.with("parley.session.adoption-lease = 1 h");
    Worker worker = session.runningTurn();
    worker.group(0, "a");
    SessionFixture.JOURNAL.failNextPersisted(session.persistenceId());
    worker.send(1, java.util.Optional.empty(), "b");
    worker.probe.expectNoMessage(java.time.Duration.ofMillis(50));
    assertThat(worker.group(1, "b", "c")).isEqualTo(new GroupAccepted(worker.attempt, 3, false));
    worker.finish(3);
    assertThat(session.readAll(1)).isEqualTo(Samples.tokens(0, "a", "b", "c"));
  }

  @Test
  void aTurnWhoseJournalingFailedIsStartedByTheNextTry() {
    SessionFixture.JOURNAL.failNextPersisted(session.persistenceId());
    TestProbe<Reply> lost = session.send(SessionFixture.start("k", Samples.request("hello")));
    assertThat(session.startTurn("k")).isEqualTo(new Reply.TurnAccepted(1, false));
    lost.expectNoMessage(java.time.Duration.ofMillis(50));
    assertThat(session.journal()).filteredOn(TurnStarted.class::isInstance).hasSize(1);
  }

  @Test
  void aRejectedGroupStopsTheEntityAndIsTakenByTheNextOne() {
    session = session.with("parley.session.adoption-lease = 1 h");
    Worker worker = session.runningTurn();
    worker.group(0, "a");
    SessionFixture.JOURNAL.rejectNextPersisted(session.persistenceId());
    worker.send(1, java.util.Optional.empty(), "b");
    session.expectGone();
    session.restart();
    assertThat(worker.group(1, "b")).isEqualTo(new GroupAccepted(worker.attempt, 2, false));
  }

  @Test
  void aJournalThatCannotBeReadIsTriedAgain() {
    session.runningTurn().finish(0, "a");
    SessionFixture.JOURNAL.failNextRead(session.persistenceId());
    session.restart();
    assertThat(session.readAll(1)).isEqualTo(Samples.tokens(0, "a"));
  }

  @Test
  void aJournalThatCannotBeDecodedIsReadOnceAndRefusesAll() {
    Worker worker = session.runningTurn();
    worker.group(0, "a");
    for (int i = 0; i < 3; i++) {
      SessionFixture.JOURNAL.failNextRead(
          session.persistenceId(), new NotSerializableException("turn-started.v99"));
    }
    // said by a logger of its own: the entity's does not reach a node's terminal
    LoggingTestKit.error("cannot be read")
        .withLoggerName(RecoveryGuard.class.getName())
        .expect(
            SessionFixture.KIT.system(),
            () -> {
              session.restart();
              return null;
            });
    for (int i = 0; i < 2; i++) {
      Reply.Refused refused = (Reply.Refused) session.startTurn("other");
      assertThat(refused.reason()).isEqualTo(RefusalReason.UNREADABLE);
    }
    assertThat(worker.group(1, "b")).isEqualTo(new DropAttempt(worker.attempt));
    session.stop();
  }

  @Test
  void aJournalThatTwoNodesWroteIsRefusedByTheReplayFilter() {
    session.startTurn("k");
    SessionFixture.JOURNAL.failNextRead(
        session.persistenceId(),
        new IllegalStateException("Invalid replayed event [sequenceNr=2] from a new writer."));
    session.restart("parley.session.passivate-after = 20 ms");
    assertThat(((Reply.Refused) session.ask(SessionCommand.Get::new)).reason())
        .isEqualTo(RefusalReason.UNREADABLE);
    session.expectGone();
  }

  @Test
  void aQuietSessionAsksToLeaveButNotDuringATurn() {
    session = session.with("parley.session { passivate-after = 20 ms, read.wait = 5 ms }");
    Worker worker = session.runningTurn();
    session.shard.expectNoMessage(java.time.Duration.ofMillis(200));
    worker.finish(0, "a");
    assertThat(session.shard.receiveMessage()).isInstanceOf(ClusterSharding.Passivate.class);
  }

  @Test
  void leavesByItselfWhenTheShardsStopMessageIsLost() {
    session = session.with("parley.session.passivate-after = 20 ms");
    session.expectGone();
  }

  @Test
  void stopsBeforeItWasEverUsed() {
    session.stop();
  }

  @Test
  void stopsWhenIdleAndWhenDeleted() {
    session.runningTurn().finish(0, "a");
    session.stop();
    session.restart();
    session.ask(SessionCommand.Delete::new);
    session.stop();
  }

  @Test
  void stopsInMidTurnAndTellsItsReaders() {
    session = session.with("parley.session.read.wait = 1 h");
    Worker worker = session.runningTurn();
    worker.group(0, "a");
    TestProbe<Reply> reader = session.send(to -> new SessionCommand.ReadTurn(1, 1, true, to));
    session.stop();
    assertThat(((Reply.TurnSlice) reader.receiveMessage()).tokens()).isEmpty();
  }

  @Test
  void aMovingSessionLetsItsWorkerSpeakUpAtOnce() {
    session = session.with("parley.session.adoption-lease = 1 h");
    Worker worker = session.runningTurn();
    worker.group(0, "a");
    session.stop();
    assertThat(worker.probe.receiveMessage())
        .isEqualTo(new WorkerMessage.SendAgain(worker.attempt));
    assertThat(session.dispatcher.taken).isEmpty();
  }

  @Test
  void aMovingSessionTakesAnAttemptAlongThatNoWorkerHasAndGoesOnElsewhereAtOnce() {
    session = session.with("parley.session.adoption-lease = 1 h");
    session.startTurn("k");
    AttemptId queued = session.dispatcher.next().id();
    session.stop();
    assertThat(session.dispatcher.taken).containsExactly(queued);

    session.restart(
        "parley.session { adoption-lease = 1 h, retry { min-backoff = 1 h, max-backoff = 1 h } }");
    session.tell(
        new AttemptReport.Failed(queued, FailureCode.WORKER_LEFT, "moved", Optional.empty()));
    assertThat(session.dispatcher.next().id().attempt()).isEqualTo(2);
  }

  // a race: what waits must be let go on after each recovery, in whichever order it came
  @RepeatedTest(5)
  void stopsWhileItsJournalFails() {
    SessionFixture.JOURNAL.failNextNPersisted(session.persistenceId(), 3);
    session.send(SessionFixture.start("k", Samples.request("hello")));
    session.stop();
  }

  @Test
  void deletingEndsTheTurnAndForgetsTheContent() {
    Worker worker = session.runningTurn();
    worker.group(0, "a");
    assertThat(session.ask(SessionCommand.Delete::new)).isEqualTo(new Reply.Done());
    worker.probe.expectMessage(new DropAttempt(worker.attempt));
    assertThat(session.ask(SessionCommand.Delete::new)).isEqualTo(new Reply.Done());
    Reply.Refused refused = (Reply.Refused) session.ask(SessionCommand.Get::new);
    assertThat(refused.reason()).isEqualTo(RefusalReason.NOT_FOUND);
    assertThat(((Reply.Refused) session.startTurn("k")).reason())
        .isEqualTo(RefusalReason.NOT_FOUND);
  }

  @Test
  void aDeletedTurnIsNotFoundButStaysInTheConversation() {
    session.runningTurn().finish(0, "a");
    session.ask(to -> new SessionCommand.DeleteTurn(1, to));
    assertThat(session.ask(to -> new SessionCommand.GetTurn(1, to)))
        .isInstanceOf(Reply.Refused.class);
    assertThat(session.view().messages()).hasSize(2);
    assertThat(session.view().turns().get(0).deleted()).isTrue();
    assertThat(session.view().turns().get(0).status()).isEqualTo(TurnStatus.COMPLETED);
  }
}
