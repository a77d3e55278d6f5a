package io.parley.sessions;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import akka.actor.testkit.typed.javadsl.TestProbe;
import akka.actor.typed.ActorRef;
import akka.cluster.sharding.typed.javadsl.ClusterSharding;
import io.parley.routing.protocol.AttemptReport;
import io.parley.routing.protocol.FailureCode;
import io.parley.routing.protocol.Finish;
import io.parley.routing.protocol.FinishReason;
import io.parley.routing.protocol.Message;
import io.parley.routing.protocol.Role;
import io.parley.routing.protocol.SessionInbox;
import io.parley.routing.protocol.Token;
import io.parley.routing.protocol.Work;
import io.parley.routing.protocol.WorkerMessage.DropAttempt;
import io.parley.routing.protocol.WorkerMessage.GroupAccepted;
import io.parley.sessions.SessionCommand.Item;
import io.parley.sessions.SessionCommand.Origin;
import io.parley.sessions.SessionCommand.RefusalReason;
import io.parley.sessions.SessionCommand.Reply;
import io.parley.sessions.SessionCommand.TurnStatus;
import io.parley.sessions.SessionFixture.Worker;
import io.parley.sessions.WorkSubmitter.Submission;
import io.parley.sessions.domain.SessionEvent;
import io.parley.sessions.domain.SessionEvent.TokensAppended;
import io.parley.sessions.domain.SessionEvent.TurnStarted;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class SessionEntityTest {
  private SessionFixture session = SessionFixture.startDefault();

  @AfterEach
  void stop() {
    session.close();
  }

  @Test
  void runsATurnToItsEnd() {
    assertThat(session.startTurn("k")).isEqualTo(new Reply.TurnAccepted(1, false));
    Work work = session.dispatcher.next();
    assertThat(work.messages()).containsExactly(new Message(Role.USER, "hello"));
    Worker worker = session.worker(work).admit();

    assertThat(worker.group(0, "a", "b")).isEqualTo(new GroupAccepted(work.id(), 2, false));
    assertThat(worker.finish(2, "c")).isEqualTo(new GroupAccepted(work.id(), 3, true));

    Reply.TurnSlice slice = session.read(1, 0);
    assertThat(slice.tokens()).isEqualTo(Samples.tokens(0, "a", "b", "c"));
    assertThat(slice.turn().status()).isEqualTo(TurnStatus.COMPLETED);
    assertThat(slice.last()).isTrue();
    assertThat(session.view().messages())
        .containsExactly(new Message(Role.USER, "hello"), new Message(Role.ASSISTANT, "abc"));
  }

  @Test
  void theSameKeyAtOnceFromManyCallersIsOneTurn() {
    List<TestProbe<Reply>> callers = new ArrayList<>();
    for (int i = 0; i < 50; i++) {
      callers.add(session.send(SessionFixture.start("k", Samples.request("hello"))));
    }
    long first =
        callers.stream()
            .map(TestProbe::receiveMessage)
            .peek(reply -> assertThat(((Reply.TurnAccepted) reply).turn()).isEqualTo(1))
            .filter(reply -> !((Reply.TurnAccepted) reply).repeated())
            .count();

    assertThat(first).isEqualTo(1);
    assertThat(session.journal()).filteredOn(TurnStarted.class::isInstance).hasSize(1);
    session.dispatcher.next();
    assertThat(session.dispatcher.works).isEmpty();
  }

  @Test
  void anotherTurnIsRefusedWhileOneRuns() {
    session.startTurn("k");
    Reply.Refused refused = (Reply.Refused) session.startTurn("other");
    assertThat(refused.reason()).isEqualTo(RefusalReason.TURN_RUNNING);
    assertThat(refused.runningTurn()).contains(1);
  }

  @Test
  void aFullQueueRefusesTheTurnAndJournalsNothing() {
    session.dispatcher.full = Optional.of(700L);
    Reply.Refused refused = (Reply.Refused) session.startTurn("k");
    assertThat(refused.reason()).isEqualTo(RefusalReason.OVERLOADED);
    assertThat(refused.retryAfterMillis()).contains(700L);
    assertThat(session.journal()).isEmpty();
  }

  @Test
  void aNodeThatMayHaveLostTheSessionWritesNothingAndTellsNobody() {
    Worker worker = session.runningTurn();
    session.view(); // the worker's word was handled
    List<SessionEvent> before = session.journal();
    AtomicInteger asked = new AtomicInteger();
    session.mayWrite = () -> asked.incrementAndGet() < 0;
    worker.send(0, Optional.empty(), "a");
    TestProbe<Reply> caller = session.send(to -> new SessionCommand.SetMetadata(Map.of(), to));
    TestProbe<Reply> reader = session.send(to -> new SessionCommand.ReadTurn(1, 0, false, to));
    await().until(() -> asked.get() >= 3); // all of it was handled
    session.mayWrite = () -> true;
    session.view();

    assertThat(session.journal()).isEqualTo(before);
    reader.expectNoMessage(Duration.ZERO);
    caller.expectNoMessage(Duration.ZERO);
    worker.probe.expectNoMessage(Duration.ZERO);
  }

  @Test
  void whatWasWrittenWhenTheNodeStoodStillIsToldByNobody() {
    Worker worker = session.runningTurn();
    session.view(); // the worker's word was handled
    AtomicInteger asked = new AtomicInteger();
    session.mayWrite = () -> asked.incrementAndGet() <= 2; // when it is handled, and is written
    worker.send(0, Optional.empty(), "a");
    await()
        .untilAsserted(
            () ->
                assertThat(session.journal())
                    .filteredOn(TokensAppended.class::isInstance)
                    .hasSize(1));
    TestProbe<Reply> reader = session.send(to -> new SessionCommand.ReadTurn(1, 0, false, to));
    await().until(() -> asked.get() >= 4); // what came behind the write was handled

    reader.expectNoMessage(Duration.ZERO);
    worker.probe.expectNoMessage(Duration.ZERO);
  }

  @Test
  void nothingBeginsWhenTheNodesMemoryIsFullAndAnIdleSessionLeaves() {
    session.runningTurn().finish(0, "a");
    TestProbe<SessionInbox> another = SessionFixture.KIT.createTestProbe(SessionInbox.class);
    session.live.update(another.ref(), SessionFixture.MEMORY_BYTES, false);

    assertThat(session.shard.receiveMessage()).isInstanceOf(ClusterSharding.Passivate.class);
    assertThat(refusal(SessionFixture.start("other", Samples.request("hello"))))
        .isEqualTo(RefusalReason.OVERLOADED);
    assertThat(refusal(to -> new SessionCommand.AppendMessages("m", List.of(), to)))
        .isEqualTo(RefusalReason.OVERLOADED);
    // what was done before is answered as ever
    assertThat(session.startTurn("k")).isEqualTo(new Reply.TurnAccepted(1, true));

    session.live.remove(another.ref());
    assertThat(session.startTurn("other")).isEqualTo(new Reply.TurnAccepted(2, false));
  }

  @Test
  void aSessionThatLeftWeighsNothing() {
    TestProbe<SessionInbox> another = SessionFixture.KIT.createTestProbe(SessionInbox.class);
    session.startTurn("k");
    session.live.update(
        another.ref(), SessionFixture.MEMORY_BYTES - LiveSessions.ENTITY_BYTES, false);
    assertThat(session.live.isFull()).isTrue();
    session.stop();
    await().until(() -> !session.live.isFull());
  }

  private RefusalReason refusal(Function<ActorRef<Reply>, SessionCommand> command) {
    return ((Reply.Refused) session.ask(command)).reason();
  }

  @Test
  void submitsAgainWhenTheQueueFilledUpMeanwhile() {
    session.dispatcher.answer = new Submission.Full(1);
    session.startTurn("k");
    Work work = session.dispatcher.next();
    assertThat(session.dispatcher.next().id()).isEqualTo(work.id());
  }

  @Test
  void failsTheTurnWhenTheQueueStaysFull() {
    session = session.with("parley.session.queue-timeout = 100 ms");
    session.dispatcher.answer = new Submission.Full(1);
    session.startTurn("k");
    assertThat(failureOf(1)).isEqualTo(FailureCode.QUEUE_TIMEOUT);
  }

  @Test
  void aTurnThatAWorkerTookInTheLastMomentIsNotLateInTheQueue() {
    session = session.with("parley.session { queue-timeout = 1 ms, first-token-timeout = 300 ms }");
    session.startTurn("k");
    // its prompt takes longer than what was left, and the admission comes with the first token
    session.worker(session.dispatcher.next()).signOfLife();
    assertThat(failureOf(1)).isEqualTo(FailureCode.FIRST_TOKEN_TIMEOUT);
  }

  private FailureCode failureOf(int turn) {
    await().until(() -> session.read(turn, 0).turn().status().ended());
    return session.read(turn, 0).turn().failure().orElseThrow().code();
  }

  @Test
  void aModelThatNobodyServesFailsTheTurn() {
    session.dispatcher.answer = new Submission.NoWorker();
    session.startTurn("k");
    assertThat(failureOf(1)).isEqualTo(FailureCode.MODEL_NOT_FOUND);
  }

  @Test
  void timesOutWithoutAFirstToken() {
    session = session.with("parley.session.first-token-timeout = 50 ms");
    Worker worker = session.runningTurn();
    assertThat(failureOf(1)).isEqualTo(FailureCode.FIRST_TOKEN_TIMEOUT);
    worker.probe.expectMessage(new DropAttempt(worker.attempt));
  }

  @Test
  void timesOutAltogether() {
    session = session.with("parley.session.turn-timeout = 100 ms");
    session.runningTurn().group(0, "a");
    assertThat(failureOf(1)).isEqualTo(FailureCode.TURN_TIMEOUT);
  }

  @Test
  void aSilentWorkerIsReplaced() {
    session = session.with("parley.session.stall-timeout = 50 ms");
    Worker worker = session.runningTurn();
    worker.group(0, "a");
    Work next = session.dispatcher.next();
    assertThat(next.id().attempt()).isEqualTo(2);
    worker.probe.expectMessage(new DropAttempt(worker.attempt));
  }

  @Test
  void aDeadWorkersTurnGoesOnFromItsTokens() {
    Worker worker = session.runningTurn();
    worker.group(0, "a", "b");
    worker.die();

    Work next = session.dispatcher.next();
    assertThat(next.id().attempt()).isEqualTo(2);
    assertThat(next.prefix()).containsExactly(100, 101);
    Worker second = session.worker(next).admit();
    second.finish(2, "c");
    assertThat(session.readAll(1)).isEqualTo(Samples.tokens(0, "a", "b", "c"));
  }

  @Test
  void aReportOlderThanItsWorkersDeathDoesNotHoldUpTheNextAttempt() {
    session = session.with("parley.session.retry { min-backoff = 300 ms, max-backoff = 300 ms }");
    Worker worker = session.runningTurn();
    worker.group(0, "a");
    worker.die();
    session.view(); // the entity has heard of the death
    worker.send(1, Optional.empty(), "b");

    Work next = session.dispatcher.next();
    assertThat(next.id().attempt()).isEqualTo(2);
    assertThat(next.prefix()).containsExactly(100, 101);
  }

  @Test
  void aFailureOfAnotherAttemptIsAnswered() {
    session = session.with("parley.session.stall-timeout = 50 ms");
    Worker worker = session.runningTurn();
    worker.group(0, "a");
    Work next = session.dispatcher.next();
    worker.probe.expectMessage(new DropAttempt(worker.attempt));

    worker.fail(FailureCode.ENGINE_FAILED);
    worker.probe.expectMessage(new DropAttempt(worker.attempt));
    session.worker(next).finish(1, "b");
    worker.fail(FailureCode.ENGINE_FAILED);
    worker.probe.expectMessage(new DropAttempt(worker.attempt));
    assertThat(session.readAll(1)).isEqualTo(Samples.tokens(0, "a", "b"));
  }

  @Test
  void givesUpAfterTooManyAttemptsWithoutAToken() {
    session = session.with("parley.session.max-attempts = 3");
    session.startTurn("k");
    for (int attempt = 1; attempt <= 3; attempt++) {
      Work work = session.dispatcher.next();
      assertThat(work.id().attempt()).isEqualTo(attempt);
      session.tell(new AttemptReport.Failed(work.id(), FailureCode.ENGINE_FAILED, "x"));
    }
    assertThat(failureOf(1)).isEqualTo(FailureCode.ATTEMPTS_EXHAUSTED);
    assertThat(session.dispatcher.works).isEmpty();
  }

  @Test
  void aTurnAtWhichTwoWorkersDieIsNotTriedAgain() {
    session.startTurn("k");
    Work first = session.dispatcher.next();
    assertThat(first.suspect()).isFalse();
    session.worker(first).admit().die();

    Work second = session.dispatcher.next();
    assertThat(second.suspect()).isTrue();
    session.worker(second).admit().fail(FailureCode.ENGINE_FAILED);

    assertThat(failureOf(1)).isEqualTo(FailureCode.POISON_WORK);
    assertThat(session.dispatcher.works).isEmpty();
  }

  @Test
  void aTurnThatKillsItsWorkersAsSoonAsTheyBeginIsNotTriedAgain() {
    session.startTurn("k");
    for (int attempt = 1; attempt <= 2; attempt++) {
      Work work = session.dispatcher.next();
      assertThat(work.suspect()).isEqualTo(attempt == 2);
      Worker worker = session.worker(work);
      session.tell(new AttemptReport.Dispatched(work.id(), worker.ref, true));
      session.view(); // it is heard
      worker.die();
    }
    assertThat(failureOf(1)).isEqualTo(FailureCode.POISON_WORK);
    assertThat(session.dispatcher.works).isEmpty();
  }

  @Test
  void aTurnThatWasParkedAtWorkersThatDiedIsNotSuspected() {
    session.startTurn("k");
    for (int attempt = 1; attempt <= 3; attempt++) {
      Work work = session.dispatcher.next();
      assertThat(work.suspect()).isFalse();
      Worker worker = session.worker(work);
      worker.signOfLife();
      session.view();
      worker.die();
    }
    session.worker(session.dispatcher.next()).admit().finish(0, "a");
    assertThat(session.readAll(1)).isEqualTo(Samples.tokens(0, "a"));
  }

  @Test
  void tellsItsDispatcherThatAnAttemptIsOver() throws InterruptedException {
    session.startTurn("k");
    Work work = session.dispatcher.next();
    session.worker(work).admit().finish(0, "a");

    assertThat(session.dispatcher.ended.poll(10, TimeUnit.SECONDS)).isEqualTo(work.id());
    assertThat(session.dispatcher.ended).isEmpty();
  }

  @Test
  void aFailureThatNoRetryHealsEndsTheTurn() {
    session.startTurn("k");
    Work work = session.dispatcher.next();
    session.tell(
        new AttemptReport.Failed(work.id(), FailureCode.CONTEXT_LENGTH_EXCEEDED, "too long"));
    assertThat(failureOf(1)).isEqualTo(FailureCode.CONTEXT_LENGTH_EXCEEDED);
  }

  @Test
  void lostAnswersAreRepairedByResends() {
    Worker worker = session.runningTurn();
    worker.group(0, "a", "b");
    // the same again, then overlapping, then with a gap
    assertThat(worker.group(0, "a", "b")).isEqualTo(new GroupAccepted(worker.attempt, 2, false));
    assertThat(worker.group(1, "b", "c")).isEqualTo(new GroupAccepted(worker.attempt, 3, false));
    assertThat(worker.group(7, "x")).isEqualTo(new GroupAccepted(worker.attempt, 3, false));
    assertThat(worker.finish(3)).isEqualTo(new GroupAccepted(worker.attempt, 3, true));
    assertThat(worker.finish(3)).isEqualTo(new GroupAccepted(worker.attempt, 3, true));
    assertThat(session.readAll(1)).isEqualTo(Samples.tokens(0, "a", "b", "c"));
  }

  @Test
  void aWaitingReaderHearsOfTokensOnlyWhenTheyAreJournaled() {
    session = session.with("parley.session { adoption-lease = 1 h, read.wait = 1 h }");
    Worker worker = session.runningTurn();
    TestProbe<Reply> reader = session.send(to -> new SessionCommand.ReadTurn(1, 0, true, to));
    assertThat(session.view().turns().get(0).status()).isEqualTo(TurnStatus.RUNNING);
    SessionFixture.JOURNAL.failNextPersisted(session.persistenceId());
    // what is never journaled differs from what is, so that having shown it would be seen
    worker.send(0, Optional.of(new Finish(FinishReason.STOP, "")), "lost");
    assertThat(worker.group(0, "a")).isEqualTo(new GroupAccepted(worker.attempt, 1, false));
    Reply.TurnSlice slice = (Reply.TurnSlice) reader.receiveMessage();
    assertThat(slice.tokens()).isEqualTo(Samples.tokens(0, "a"));
    assertThat(slice.turn().status()).isEqualTo(TurnStatus.RUNNING);
  }

  @Test
  void aReaderIsAnsweredAtTheLatestAfterTheReadWait() {
    session.runningTurn();
    await().until(() -> session.read(1, 0).turn().status() == TurnStatus.RUNNING);
    Reply.TurnSlice slice = session.read(1, 0);
    assertThat(slice.tokens()).isEmpty();
    assertThat(slice.last()).isFalse();
  }

  @Test
  void tooManyReadersAreAnsweredEarly() {
    session = session.with("parley.session.read { wait = 1 h, max-waiting = 2 }");
    session.startTurn("k");
    List<TestProbe<Reply>> readers = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      readers.add(session.send(to -> new SessionCommand.ReadTurn(1, 0, false, to)));
    }
    assertThat(readers.get(0).receiveMessage()).isInstanceOf(Reply.TurnSlice.class);
    readers.get(1).expectNoMessage();
  }

  @Test
  void aReaderThatAsksAgainWaitsOnce() {
    session = session.with("parley.session { adoption-lease = 1 h, read.wait = 1 h }");
    Worker worker = session.runningTurn();
    TestProbe<Reply> reader = session.send(to -> new SessionCommand.ReadTurn(1, 0, true, to));
    session.tell(new SessionCommand.ReadTurn(1, 0, true, reader.ref()));
    worker.group(0, "a");
    assertThat(((Reply.TurnSlice) reader.receiveMessage()).tokens()).hasSize(1);
    session.view(); // whatever would be told twice was told by now
    reader.expectNoMessage(Duration.ZERO);
  }

  @Test
  void aSlowReaderGetsAllInBoundedSlices() {
    session = session.with("parley.session.read.max-tokens = 2");
    Worker worker = session.runningTurn();
    worker.group(0, "a", "b", "c");
    worker.finish(3, "d", "e");
    assertThat(session.read(1, 0).tokens()).hasSize(2);
    assertThat(session.read(1, 0).last()).isFalse();
    assertThat(session.readAll(1)).extracting(Token::text).containsExactly("a", "b", "c", "d", "e");
  }

  @Test
  void whatNamesAnItemOutlivesATurnThatFails() {
    session.ask(to -> new SessionCommand.Create("f", List.of(user("before")), Map.of(), to));
    session.startTurn("k", Samples.request("lost"));
    assertThat(session.view().items())
        .containsExactly(
            new Item(Origin.HISTORY, 0, 0, user("before")),
            new Item(Origin.INPUT, 1, 0, user("lost")));
    session.worker(session.dispatcher.next()).fail(FailureCode.CONTEXT_LENGTH_EXCEEDED);
    assertThat(failureOf(1)).isEqualTo(FailureCode.CONTEXT_LENGTH_EXCEEDED);

    List<Message> two = List.of(user("x"), user("y"));
    for (int i = 0; i < 2; i++) {
      assertThat(session.ask(to -> new SessionCommand.AppendMessages("m", two, to)))
          .isEqualTo(new Reply.Appended(1));
    }
    assertThat(session.ask(to -> new SessionCommand.AppendMessages("n", two, to)))
        .isEqualTo(new Reply.Appended(2));
    session.startTurn("k2", Samples.request("hello"));
    session.worker(session.dispatcher.next()).admit().finish(0, "a");
    assertThat(session.view().items())
        .containsExactly(
            new Item(Origin.HISTORY, 0, 0, user("before")),
            new Item(Origin.ADDITION, 1, 0, user("x")),
            new Item(Origin.ADDITION, 1, 1, user("y")),
            new Item(Origin.ADDITION, 2, 0, user("x")),
            new Item(Origin.ADDITION, 2, 1, user("y")),
            new Item(Origin.INPUT, 2, 0, user("hello")),
            new Item(Origin.OUTPUT, 2, 0, new Message(Role.ASSISTANT, "a")));
  }

  private static Message user(String text) {
    return new Message(Role.USER, text);
  }

  @Test
  void cancelEndsAQueuedTurn() {
    session.startTurn("k");
    Work work = session.dispatcher.next();
    assertThat(session.ask(to -> new SessionCommand.CancelTurn(1, to))).isEqualTo(new Reply.Done());
    assertThat(session.read(1, 0).turn().status()).isEqualTo(TurnStatus.CANCELLED);
    assertThat(session.dispatcher.cancelled).contains(work.id());
    Worker late = session.worker(work).admit();
    late.probe.expectMessage(new DropAttempt(work.id()));
  }

  @Test
  void cancelKeepsWhatARunningTurnSaid() {
    Worker worker = session.runningTurn();
    worker.group(0, "a");
    session.ask(to -> new SessionCommand.CancelTurn(1, to));
    worker.probe.expectMessage(new DropAttempt(worker.attempt));
    assertThat(session.ask(to -> new SessionCommand.CancelTurn(1, to))).isEqualTo(new Reply.Done());
    assertThat(session.readAll(1)).isEqualTo(Samples.tokens(0, "a"));
    assertThat(session.view().messages())
        .containsExactly(new Message(Role.USER, "hello"), new Message(Role.ASSISTANT, "a"));
  }
}
