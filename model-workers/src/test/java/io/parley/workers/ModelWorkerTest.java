package io.parley.workers;

import static io.parley.workers.ScriptedReplica.give;
import static io.parley.workers.WorkerNode.PATIENCE;
import static io.parley.workers.WorkerNode.newModel;
import static io.parley.workers.WorkerNode.newSession;
import static io.parley.workers.WorkerNode.work;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import akka.actor.testkit.typed.javadsl.TestProbe;
import akka.actor.typed.ActorRef;
import akka.actor.typed.receptionist.Receptionist;
import akka.japi.Pair;
import akka.stream.OverflowStrategy;
import akka.stream.SourceRef;
import akka.stream.javadsl.Keep;
import akka.stream.javadsl.Source;
import akka.stream.javadsl.SourceQueueWithComplete;
import akka.stream.javadsl.StreamRefs;
import io.parley.routing.Dispatcher;
import io.parley.routing.Dispatcher.CancelQueued;
import io.parley.routing.Dispatcher.Full;
import io.parley.routing.Dispatcher.Queued;
import io.parley.routing.Dispatchers;
import io.parley.routing.SessionReports;
import io.parley.routing.WorkerDirectory;
import io.parley.routing.protocol.AttemptId;
import io.parley.routing.protocol.AttemptReport;
import io.parley.routing.protocol.AttemptReport.Admitted;
import io.parley.routing.protocol.AttemptReport.Dispatched;
import io.parley.routing.protocol.AttemptReport.Failed;
import io.parley.routing.protocol.AttemptReport.TokenGroup;
import io.parley.routing.protocol.FailureCode;
import io.parley.routing.protocol.Finish;
import io.parley.routing.protocol.FinishReason;
import io.parley.routing.protocol.ModelInfo;
import io.parley.routing.protocol.PromptInfo;
import io.parley.routing.protocol.SessionId;
import io.parley.routing.protocol.SessionInbox;
import io.parley.routing.protocol.TenantId;
import io.parley.routing.protocol.Token;
import io.parley.routing.protocol.Work;
import io.parley.routing.protocol.WorkerMessage;
import io.parley.routing.protocol.WorkerMessage.DropAttempt;
import io.parley.routing.protocol.WorkerMessage.GroupAccepted;
import io.parley.workers.replica.Replica.Listener;
import io.parley.workers.replica.SimulatedReplica;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

class ModelWorkerTest {
  private static final int QUEUE = 20;
  private static WorkerNode node;

  private final ModelInfo model = newModel();
  private final PromptInfo prompt = new PromptInfo(3, 0, 0, model.id(), "v");
  private final SessionId sessionId = newSession();
  private final TestProbe<SessionInbox> session = node.session(sessionId);
  private final ScriptedReplica replica = new ScriptedReplica(model, 2);
  private Optional<ActorRef<ModelWorker.Command>> worker = Optional.empty();

  @BeforeAll
  static void startNode() {
    node = new WorkerNode("session", "parley.routing.queue-capacity = " + QUEUE);
    node.join(node);
  }

  @AfterAll
  static void stopNode() {
    node.close();
  }

  @AfterEach
  void stopWorker() {
    worker.ifPresent(node.kit::stop);
  }

  @Test
  void carriesAnAnswerToItsSession() {
    start(settings(Duration.ofMinutes(5)), () -> simulated(model));
    Work work = work(model, sessionId, 1, List.of(4, 5));
    node.submit(work);

    expect(Dispatched.class);
    List<Integer> ids = new ArrayList<>();
    int next = 2;
    while (true) {
      TokenGroup group = expect(TokenGroup.class);
      assertThat(group.firstIndex()).isEqualTo(next);
      group.tokens().forEach(token -> ids.add(token.id()));
      next += group.tokens().size();
      group.worker().tell(new GroupAccepted(work.id(), next, group.finish().isPresent()));
      if (group.finish().isPresent()) {
        break;
      }
    }
    List<Integer> expected = new ArrayList<>();
    for (int position = 2; position < 100; position++) {
      expected.add(SimulatedReplica.tokenId(work.messages(), 0, position));
    }
    assertThat(ids).isEqualTo(expected);
  }

  @Test
  void holdsNoMoreWorksThanItHasSlots() {
    startScripted();
    node.submit(work(model, sessionId, 1, List.of()));
    node.submit(work(model, sessionId, 2, List.of()));
    await().atMost(PATIENCE).until(() -> replica.started.size() == 2);

    // the rest stays with the dispatcher: nothing parks on the way
    for (int turn = 3; turn < 3 + QUEUE; turn++) {
      assertThat(node.submit(work(model, sessionId, turn, List.of()))).isInstanceOf(Queued.class);
    }
    assertThat(node.submit(work(model, sessionId, 99, List.of()))).isInstanceOf(Full.class);
    assertThat(Dispatchers.get(node.kit.system()).retryAfterMillis(TenantId.DEFAULT, model.id()))
        .isPresent();
    assertThat(replica.started).hasSize(2);

    // a slot that gets free makes room for one more, and a place in the queue
    replica.admit(replica.started.get(0)).finished(new Finish(FinishReason.STOP, ""));
    await().atMost(PATIENCE).until(() -> replica.started.size() == 3);
    await()
        .atMost(PATIENCE)
        .until(() -> node.submit(work(model, sessionId, 99, List.of())) instanceof Queued);
    assertThat(node.submit(work(model, sessionId, 100, List.of()))).isInstanceOf(Full.class);
  }

  @Test
  void tokensMadeMeanwhileTravelInTheNextGroup() {
    Work work = startWithOne();
    Listener listener = replica.admit(work.id(), 1);
    TokenGroup first = expect(TokenGroup.class);
    assertThat(ids(first)).containsExactly(1);
    give(listener, 2, 3, 4);
    listener.finished(new Finish(FinishReason.STOP, "tail"));
    session.expectNoMessage(Duration.ofMillis(100));

    first.worker().tell(new GroupAccepted(work.id(), 1, false));

    TokenGroup second = expect(TokenGroup.class);
    assertThat(second.firstIndex()).isEqualTo(1);
    assertThat(ids(second)).containsExactly(2, 3, 4);
    assertThat(second.finish()).contains(new Finish(FinishReason.STOP, "tail"));
    second.worker().tell(new GroupAccepted(work.id(), 4, true));
    session.expectNoMessage(Duration.ofMillis(600));
  }

  @Test
  void aGroupIsSentAgainUntilItIsAnswered() {
    Work work = startWithOne();
    replica.admit(work.id(), 1);
    TokenGroup first = expect(TokenGroup.class);

    assertThat(expect(TokenGroup.class)).isEqualTo(first);
    assertThat(expect(TokenGroup.class)).isEqualTo(first);

    // what the session had already is an answer too
    first.worker().tell(new GroupAccepted(work.id(), 0, false));
    assertThat(expect(TokenGroup.class)).isEqualTo(first);
    first.worker().tell(new GroupAccepted(work.id(), 1, false));
    // nothing is owed any more, so only the sign of life is left to say
    assertThat(session.receiveMessage(PATIENCE)).isInstanceOf(Admitted.class);
  }

  @Test
  void aWorkThatBrokeTheEngineBehindItsAdmissionIsSaidToHaveBegun() {
    Work work = startWithOne();
    replica.admit(work.id()).failed(FailureCode.ENGINE_FAILED, "out of memory");

    List<Class<?>> kinds = new ArrayList<>();
    while (!kinds.contains(Failed.class)) {
      kinds.add(session.receiveMessage(PATIENCE).getClass());
    }
    assertThat(kinds).containsSubsequence(Admitted.class, Failed.class);
  }

  @Test
  void aFailureIsSentAgainUntilItIsAnswered() {
    Work work = startWithOne();
    Listener listener = replica.admit(work.id());
    listener.failed(FailureCode.CONTEXT_LENGTH_EXCEEDED, "too long");

    Failed failed = expect(Failed.class);
    assertThat(failed.code()).isEqualTo(FailureCode.CONTEXT_LENGTH_EXCEEDED);
    assertThat(expect(Failed.class)).isEqualTo(failed);
    failed.worker().orElseThrow().tell(new GroupAccepted(work.id(), 0, true));
    session.expectNoMessage(Duration.ofMillis(600));
    assertThat(replica.closed).isFalse();
  }

  @Test
  void theFirstGroupSaysThatTheAttemptWasAdmitted() {
    AttemptBuffer buffer = new AttemptBuffer(9, () -> {});
    RunningAttempt attempt = attempt(buffer);
    buffer.admitted(prompt);
    attempt.look(1);
    attempt.tick();
    assertThat(attempt.next(1)).isEmpty(); // alone it would cost the session a write

    give(buffer, 7);
    attempt.look(2);

    TokenGroup group = (TokenGroup) attempt.next(2).orElseThrow();
    assertThat(group.prompt()).isEqualTo(prompt);
    assertThat(ids(group)).containsExactly(7);
  }

  @Test
  void anAdmissionWhosePromptTakesLongIsToldAlone() {
    WorkerSettings settings = settings(Duration.ofMinutes(5));
    AttemptBuffer buffer = new AttemptBuffer(9, () -> {});
    RunningAttempt attempt = attempt(buffer);
    buffer.admitted(prompt);
    attempt.look(1);

    long later = settings.resendMin().toNanos();
    assertThat(attempt.next(later)).containsInstanceOf(Admitted.class);
    assertThat(attempt.next(later + 1)).isEmpty();
  }

  @Test
  void prefillIsMeasuredFromTheAdmissionThoughNobodyLookedThen() {
    AtomicLong nanos = new AtomicLong();
    AttemptBuffer buffer = new AttemptBuffer(9, () -> {}, nanos::get);
    LoadMeter meter = new LoadMeter();
    RunningAttempt attempt = attempt(buffer, meter);
    buffer.admitted(new PromptInfo(1_000, 200, 0, model.id(), "v"));
    nanos.set(2_000_000_000);
    give(buffer, 7);
    nanos.set(2_500_000_000L);
    give(buffer, 8);

    attempt.look(nanos.get()); // both at once

    assertThat(meter.prefillTokensPerSecond()).isEqualTo(400);
  }

  private RunningAttempt attempt(AttemptBuffer buffer) {
    return attempt(buffer, new LoadMeter());
  }

  private RunningAttempt attempt(AttemptBuffer buffer, LoadMeter meter) {
    TestProbe<WorkerMessage> owner = node.kit.createTestProbe(WorkerMessage.class);
    WorkerSettings settings = settings(Duration.ofMinutes(5));
    Work work = work(model, sessionId, 1, List.of());
    return new RunningAttempt(work, owner.ref(), buffer, settings, meter, 0);
  }

  @Test
  void attemptsThatOweNothingSayThatTheyLive() {
    startScripted();
    List<AttemptId> ids = new ArrayList<>();
    for (int turn = 1; turn <= 2; turn++) {
      Work work = work(model, sessionId, turn, List.of());
      node.submit(work);
      replica.listener(work.id());
      ids.add(work.id());
    }
    replica.admit(ids.get(0));
    Admitted admitted = expect(Admitted.class);

    // one in prefill, one before it: signs go on, and repeat what the session may have missed
    for (int sign = 0; sign < 3; sign++) {
      assertThat(expect(ids.get(0), AttemptReport.class)).isEqualTo(admitted);
      expect(ids.get(1), Dispatched.class);
    }
    ActorRef<WorkerMessage> owner = admitted.worker();

    // and one that is not the session's any more is dropped
    owner.tell(new DropAttempt(ids.get(1)));
    await().atMost(PATIENCE).until(() -> replica.cancelled.contains(ids.get(1)));
  }

  @Test
  void aParkedAttemptSaysThatItLives() {
    replica.full = true;
    startScripted();
    Work work = work(model, sessionId, 1, List.of());
    node.submit(work);
    await().atMost(PATIENCE).until(() -> replica.refused);

    for (int sign = 0; sign < 4; sign++) {
      expect(work.id(), Dispatched.class);
    }
  }

  @Test
  void anAttemptThatFailedGivesNoSignOfLife() {
    Work work = startWithOne();
    replica.admit(work.id()).failed(FailureCode.CONTEXT_LENGTH_EXCEEDED, "too long");
    expect(Failed.class);
    for (int again = 0; again < 3; again++) {
      assertThat(session.receiveMessage(PATIENCE)).isInstanceOf(Failed.class);
    }
  }

  @Test
  void aDroppedAttemptFreesItsSlot() {
    startScripted();
    for (int turn = 1; turn <= 3; turn++) {
      node.submit(work(model, sessionId, turn, List.of()));
    }
    Dispatched dispatched = expect(Dispatched.class);
    await().atMost(PATIENCE).until(() -> replica.started.size() == 2);

    dispatched.worker().tell(new DropAttempt(dispatched.id()));

    await().atMost(PATIENCE).until(() -> replica.started.size() == 3);
    assertThat(replica.cancelled).containsExactly(dispatched.id());
  }

  @Test
  void cancellingAtTheDispatcherReachesARunningAttempt() {
    Work work = startWithOne();
    replica.listener(work.id());

    Dispatchers.get(node.kit.system()).local().tell(new CancelQueued(work.id()));

    await().atMost(PATIENCE).until(() -> replica.cancelled.contains(work.id()));
  }

  @Test
  void anAttemptWhoseSessionIsSilentIsDropped() {
    start(settings(Duration.ofMillis(700)), () -> replica);
    for (int turn = 1; turn <= 3; turn++) {
      node.submit(work(model, sessionId, turn, List.of()));
    }
    await().atMost(PATIENCE).until(() -> replica.started.size() == 2);

    replica.admit(work(model, sessionId, 1, List.of()).id(), 1);

    await().atMost(PATIENCE).until(() -> replica.started.size() == 3);
    assertThat(replica.cancelled).containsExactly(work(model, sessionId, 1, List.of()).id());
  }

  @Test
  void aBrokenReplicaFailsItsAttemptsAndIsReplaced() {
    List<ScriptedReplica> opened = new CopyOnWriteArrayList<>();
    start(
        settings(Duration.ofMinutes(5)),
        () -> {
          opened.add(new ScriptedReplica(model, 2));
          return opened.get(opened.size() - 1);
        });
    Work one = work(model, sessionId, 1, List.of());
    Work two = work(model, sessionId, 2, List.of());
    node.submit(one);
    node.submit(two);
    await().atMost(PATIENCE).until(() -> !opened.isEmpty() && opened.get(0).started.size() == 2);

    Listener first = opened.get(0).listener(one.id());
    opened.get(0).broken = true;
    first.failed(FailureCode.ENGINE_FAILED, "out of memory");

    List<Failed> failures = List.of(expect(Failed.class), expect(Failed.class));
    assertThat(failures).extracting(Failed::id).contains(one.id(), two.id());
    assertThat(failures).allMatch(failed -> failed.code() == FailureCode.ENGINE_FAILED);
    failures.forEach(failed -> failed.worker().orElseThrow().tell(new DropAttempt(failed.id())));
    await().atMost(PATIENCE).until(() -> opened.size() == 2 && opened.get(0).closed);
    Work three = work(model, sessionId, 3, List.of());
    node.submit(three);
    opened.get(1).listener(three.id());
  }

  @Test
  void aStalledReplicaIsReplacedAndTheNewOneIsProbedWithOneWork() {
    List<ScriptedReplica> opened = new CopyOnWriteArrayList<>();
    start(
        settings(Duration.ofMinutes(5)),
        () -> {
          opened.add(new ScriptedReplica(model, 2));
          return opened.get(opened.size() - 1);
        });
    Work one = work(model, sessionId, 1, List.of());
    node.submit(one);
    await().atMost(PATIENCE).until(() -> !opened.isEmpty() && opened.get(0).started.size() == 1);

    opened.get(0).iterationAge = Duration.ofSeconds(2); // and the settings allow one

    Failed failed = expect(Failed.class);
    assertThat(failed.code()).isEqualTo(FailureCode.ENGINE_FAILED);
    failed.worker().orElseThrow().tell(new DropAttempt(failed.id()));
    Work two = work(model, sessionId, 2, List.of());
    Work three = work(model, sessionId, 3, List.of());
    node.submit(two);
    node.submit(three);
    await().atMost(PATIENCE).until(() -> opened.size() == 2);
    Listener probe = opened.get(1).listener(two.id());
    expect(two.id(), Dispatched.class); // and again: time for another one to come
    expect(two.id(), Dispatched.class);
    assertThat(opened.get(1).started).containsExactly(two.id());

    opened.get(1).admit(two.id(), 1);
    assertThat(probe).isNotNull();
    opened.get(1).listener(three.id());
  }

  @Test
  void aModelWhoseWorkerCrashesStaysListedAndWhatComesMeanwhileWaits() {
    CompletableFuture<ScriptedReplica> second = new CompletableFuture<>();
    List<ScriptedReplica> opened = new CopyOnWriteArrayList<>();
    start(
        settings(Duration.ofMinutes(5)),
        () -> {
          opened.add(opened.isEmpty() ? replica : second.get());
          return opened.get(opened.size() - 1);
        });
    WorkerDirectory directory = WorkerDirectory.get(node.kit.system());
    await().atMost(PATIENCE).until(() -> directory.serves(model.id()));

    replica.bug = true; // in the worker's next look at it
    await().atMost(PATIENCE).until(() -> !directory.serves(model.id()));
    assertThat(directory.find(model.id().name())).contains(model);
    Work work = work(model, sessionId, 1, List.of());
    assertThat(node.submit(work)).isInstanceOf(Queued.class);

    ScriptedReplica another = new ScriptedReplica(model, 2);
    second.complete(another);
    another.listener(work.id());
    await().atMost(PATIENCE).until(() -> directory.serves(model.id()));
  }

  @Test
  void aReplicaThatComesBackWithAnotherContextIsListedAnew() {
    ModelInfo smaller =
        new ModelInfo(
            model.id(), 100, model.createdEpochSeconds(), model.ownedBy(), model.licence());
    List<ScriptedReplica> opened = new CopyOnWriteArrayList<>();
    start(
        settings(Duration.ofMinutes(5)),
        () -> {
          opened.add(opened.isEmpty() ? replica : new ScriptedReplica(smaller, 2));
          return opened.get(opened.size() - 1);
        });
    WorkerDirectory directory = WorkerDirectory.get(node.kit.system());
    await().atMost(PATIENCE).until(() -> directory.models().contains(model));

    replica.iterationAge = Duration.ofMinutes(1);

    await().atMost(PATIENCE).until(() -> directory.models().contains(smaller));
    assertThat(directory.models()).doesNotContain(model);
  }

  @Test
  void worksBeyondItsSlotsParkOnlyInASmallNumberAndOthersAreGivenBack() {
    List<TestProbe<Dispatcher.WorkerCommand>> others = new ArrayList<>();
    List<SourceQueueWithComplete<Work>> streams = new ArrayList<>();
    for (int i = 0; i < 5; i++) {
      others.add(node.kit.createTestProbe(Dispatcher.WorkerCommand.class));
      node.kit
          .system()
          .receptionist()
          .tell(Receptionist.register(Dispatcher.SERVICE_KEY, others.get(i).ref()));
    }
    startScripted();
    for (int i = 0; i < 5; i++) {
      streams.add(offerStream(others.get(i), i).first());
    }
    // all of them see two free slots, and give a work each
    for (int i = 0; i < 5; i++) {
      streams.get(i).offer(work(model, sessionId, i + 1, List.of()));
    }

    int taken = 0;
    int givenBack = 0;
    for (TestProbe<Dispatcher.WorkerCommand> other : others) {
      Dispatcher.WorkerCommand said;
      do {
        said = other.receiveMessage(PATIENCE);
      } while (!(said instanceof Dispatcher.Taken || said instanceof Dispatcher.GivenBack));
      taken += said instanceof Dispatcher.Taken ? 1 : 0;
      givenBack += said instanceof Dispatcher.GivenBack ? 1 : 0;
    }
    assertThat(taken).as("two run and one parks").isEqualTo(3);
    assertThat(givenBack).isEqualTo(2);
    assertThat(replica.started).hasSize(2);
    others.forEach(TestProbe::stop);
  }

  @Test
  void anAttemptThatFailsByItselfLeavesTheOthersAlone() {
    startScripted();
    Work bad = work(model, sessionId, 1, List.of());
    Work good = work(model, sessionId, 2, List.of());
    node.submit(bad);
    node.submit(good);
    Listener running = replica.listener(good.id());

    replica.listener(bad.id()).failed(FailureCode.ENGINE_FAILED, "not a number");

    Failed failed = expect(Failed.class);
    assertThat(failed.id()).isEqualTo(bad.id());
    failed.worker().orElseThrow().tell(new GroupAccepted(bad.id(), 0, true));
    replica.admit(good.id(), 1);
    TokenGroup group = expect(TokenGroup.class);
    assertThat(group.id()).isEqualTo(good.id());
    group.worker().tell(new GroupAccepted(good.id(), 1, false));
    running.finished(new Finish(FinishReason.STOP, ""));
    expect(TokenGroup.class);
    assertThat(replica.closed).isFalse();
  }

  @Test
  void aReplicaWhoseAttemptsAllFailIsReplaced() {
    List<ScriptedReplica> opened = new CopyOnWriteArrayList<>();
    start(
        settings(Duration.ofMinutes(5)),
        () -> {
          opened.add(new ScriptedReplica(model, 1));
          return opened.get(opened.size() - 1);
        });
    for (int turn = 1; turn <= 8; turn++) {
      Work work = work(model, sessionId, turn, List.of());
      node.submit(work);
      await().atMost(PATIENCE).until(() -> opened.size() == 1);
      opened.get(0).listener(work.id()).failed(FailureCode.ENGINE_FAILED, "not a number");
      Failed failed = expect(Failed.class);
      failed.worker().orElseThrow().tell(new GroupAccepted(work.id(), 0, true));
    }

    await().atMost(PATIENCE).until(() -> opened.size() == 2 && opened.get(0).closed);
  }

  @Test
  void aWorkForWhichTheReplicaHasNoRoomYetIsStartedLater() {
    replica.full = true;
    startScripted();
    Work work = work(model, sessionId, 1, List.of());
    node.submit(work);
    await().atMost(PATIENCE).until(() -> replica.refused);

    replica.full = false;

    replica.admit(work.id(), 1);
    assertThat(ids(expect(TokenGroup.class))).containsExactly(1);
  }

  @Test
  void anAttemptWhoseReplicaGivesTooMuchIsStoppedThere() {
    Work work = startWithOne();
    Listener listener = replica.admit(work.id());
    for (int token = 0; token <= work.sampling().maxTokens(); token++) {
      give(listener, token);
    }

    await().atMost(PATIENCE).until(() -> replica.cancelled.contains(work.id()));
  }

  @Test
  void aReplicaThatDoesNotLoadIsTriedAgain() {
    List<Integer> tries = new CopyOnWriteArrayList<>();
    start(
        settings(Duration.ofMinutes(5)),
        () -> {
          tries.add(1);
          if (tries.size() < 3) {
            throw new IllegalStateException("the test's first tries fail");
          }
          return replica;
        });
    Work work = work(model, sessionId, 1, List.of());
    node.submit(work);

    replica.listener(work.id());
    assertThat(tries).hasSize(3);
  }

  @Test
  void aLeavingWorkerHandsItsAttemptsBackWithWhatTheyHave() {
    Work work = startWithOne();
    WorkerDirectory directory = WorkerDirectory.get(node.kit.system());
    await().atMost(PATIENCE).until(() -> directory.serves(model.id()));
    Listener listener = replica.admit(work.id(), 1);
    TokenGroup first = expect(TokenGroup.class);
    give(listener, 2, 3);

    worker.orElseThrow().tell(new ModelWorker.Leave());

    await().atMost(PATIENCE).until(() -> replica.cancelled.contains(work.id()));
    first.worker().tell(new GroupAccepted(work.id(), 1, false));
    TokenGroup rest = expect(TokenGroup.class);
    assertThat(ids(rest)).containsExactly(2, 3);
    assertThat(rest.finish()).isEmpty();
    rest.worker().tell(new GroupAccepted(work.id(), 3, false));
    Failed failed = expect(Failed.class);
    assertThat(failed.code()).isEqualTo(FailureCode.WORKER_LEFT);
    rest.worker().tell(new GroupAccepted(work.id(), 3, true));
    session.expectTerminated(worker.orElseThrow());
    assertThat(replica.closed).isTrue();
    await().atMost(PATIENCE).until(() -> !directory.serves(model.id()));
  }

  @Test
  void aDrainingWorkerTakesNothingMoreAndLetsItsAttemptsEnd() {
    Work work = startWithOne();
    WorkerDirectory directory = WorkerDirectory.get(node.kit.system());
    await().atMost(PATIENCE).until(() -> directory.serves(model.id()));
    Listener listener = replica.admit(work.id(), 1);

    worker.orElseThrow().tell(new Drain(Duration.ofMinutes(5)));

    await().atMost(PATIENCE).until(() -> !directory.serves(model.id()));
    // the dispatcher knows that the model is gone: a later attempt does not wait for it
    Work late = work(model, sessionId, 2, List.of());
    await().atMost(PATIENCE).until(() -> node.submit(late) instanceof Dispatcher.NoWorker);
    assertThat(replica.cancelled).isEmpty();
    give(listener, 2);
    listener.finished(new Finish(FinishReason.STOP, ""));
    int next = 0;
    TokenGroup group;
    do {
      group = expect(work.id(), TokenGroup.class);
      next = Math.max(next, group.firstIndex() + group.tokens().size());
      group.worker().tell(new GroupAccepted(work.id(), next, group.finish().isPresent()));
    } while (group.finish().isEmpty());
    assertThat(next).isEqualTo(2);
    session.expectTerminated(worker.orElseThrow());
    assertThat(replica.closed).isTrue();
  }

  @Test
  void aDrainingWorkerHandsBackWhatDoesNotEndInTime() {
    Work work = startWithOne();
    replica.admit(work.id(), 1);
    TokenGroup first = expect(TokenGroup.class);

    worker.orElseThrow().tell(new Drain(Duration.ofMillis(50)));

    first.worker().tell(new GroupAccepted(work.id(), 1, false));
    assertThat(expect(work.id(), Failed.class).code()).isEqualTo(FailureCode.WORKER_LEFT);
    assertThat(replica.cancelled).contains(work.id());
    first.worker().tell(new GroupAccepted(work.id(), 1, true));
    session.expectTerminated(worker.orElseThrow());
    assertThat(replica.closed).isTrue();
  }

  @Test
  void aDrainingWorkerWhoseReplicaBreaksEnds() {
    Work work = startWithOne();
    replica.admit(work.id(), 1);
    TokenGroup first = expect(TokenGroup.class);

    worker.orElseThrow().tell(new Drain(Duration.ofMinutes(5)));
    replica.broken = true;

    first.worker().tell(new GroupAccepted(work.id(), 1, false));
    assertThat(expect(work.id(), Failed.class).code()).isEqualTo(FailureCode.ENGINE_FAILED);
    first.worker().tell(new GroupAccepted(work.id(), 1, true));
    session.expectTerminated(worker.orElseThrow());
  }

  @Test
  void theLastWorkerOfAModelGoesOnWhenItsNodeStopsAndWhatWaitsIsNotRefused() {
    Work work = startWithOne();
    WorkerDirectory directory = WorkerDirectory.get(node.kit.system());
    await().atMost(PATIENCE).until(() -> directory.serves(model.id()));
    Listener listener = replica.admit(work.id(), 1);
    expect(TokenGroup.class).worker().tell(new GroupAccepted(work.id(), 1, false));

    worker.orElseThrow().tell(new ModelWorker.Retire());

    await().atMost(PATIENCE).until(() -> !directory.serves(model.id()));
    assertThat(node.submit(work(model, sessionId, 2, List.of()))).isInstanceOf(Queued.class);
    listener.finished(new Finish(FinishReason.STOP, ""));
    TokenGroup last = expect(work.id(), TokenGroup.class);
    assertThat(last.finish()).isPresent();
    assertThat(replica.cancelled).isEmpty();
    last.worker().tell(new GroupAccepted(work.id(), 1, true));
    session.expectTerminated(worker.orElseThrow());
  }

  @Test
  void aWorkerWhoseNodeStopsHandsItsAttemptsToAnotherOneAtOnce() {
    Work work = startWithOne();
    ActorRef<ModelWorker.Command> other =
        node.kit.spawn(
            ModelWorker.create(
                () -> simulated(model),
                settings(Duration.ofMinutes(5)),
                SessionReports.bySharding(node.kit.system())));
    WorkerDirectory directory = WorkerDirectory.get(node.kit.system());
    await().atMost(PATIENCE).until(() -> directory.workers(model.id()).size() == 2);
    replica.admit(work.id(), 1);
    TokenGroup group = expect(TokenGroup.class);

    worker.orElseThrow().tell(new ModelWorker.Retire());

    await().atMost(PATIENCE).until(() -> replica.cancelled.contains(work.id()));
    group.worker().tell(new GroupAccepted(work.id(), 1, false));
    assertThat(expect(work.id(), Failed.class).code()).isEqualTo(FailureCode.WORKER_LEFT);
    group.worker().tell(new GroupAccepted(work.id(), 1, true));
    session.expectTerminated(worker.orElseThrow());
    node.kit.stop(other);
  }

  @Test
  void aSessionThatMovesIsToldAgainAtOnce() {
    start(settings(Duration.ofMinutes(5), Duration.ofMinutes(1)), () -> replica);
    Work work = work(model, sessionId, 1, List.of());
    node.submit(work);
    await().atMost(PATIENCE).until(() -> replica.started.size() == 1);
    replica.admit(work.id(), 1);
    TokenGroup unanswered = expect(work.id(), TokenGroup.class);

    unanswered.worker().tell(new WorkerMessage.SendAgain(work.id()));
    assertThat(expect(work.id(), TokenGroup.class)).isEqualTo(unanswered);

    unanswered.worker().tell(new GroupAccepted(work.id(), 1, false));
    unanswered.worker().tell(new WorkerMessage.SendAgain(work.id()));
    assertThat(expect(work.id(), Admitted.class).worker()).isEqualTo(unanswered.worker());
  }

  @Test
  void aStreamThatEndedIsOpenedAgainAndRunningAttemptsGoOn() {
    TestProbe<Dispatcher.WorkerCommand> other =
        node.kit.createTestProbe(Dispatcher.WorkerCommand.class);
    node.kit
        .system()
        .receptionist()
        .tell(Receptionist.register(Dispatcher.SERVICE_KEY, other.ref()));
    startScripted();
    Pair<SourceQueueWithComplete<Work>, SourceRef<Work>> stream = offerStream(other, 7);
    Work work = work(model, sessionId, 1, List.of());
    stream.first().offer(work);
    Listener listener = replica.admit(work.id(), 1);
    TokenGroup first = expect(TokenGroup.class);

    stream.first().complete(); // the dispatcher is gone, and comes back

    Pair<SourceQueueWithComplete<Work>, SourceRef<Work>> again = offerStream(other, 8);
    give(listener, 2);
    first.worker().tell(new GroupAccepted(work.id(), 1, false));
    assertThat(ids(expect(TokenGroup.class))).containsExactly(2);
    Work next = work(model, sessionId, 2, List.of());
    again.first().offer(next);
    replica.listener(next.id());
    other.stop();
  }

  private Pair<SourceQueueWithComplete<Work>, SourceRef<Work>> offerStream(
      TestProbe<Dispatcher.WorkerCommand> dispatcher, long streamId) {
    Pair<SourceQueueWithComplete<Work>, SourceRef<Work>> stream =
        Source.<Work>queue(1, OverflowStrategy.backpressure())
            .toMat(StreamRefs.<Work>sourceRef(), Keep.both())
            .run(node.kit.system());
    while (true) {
      if (dispatcher.receiveMessage(PATIENCE) instanceof Dispatcher.OpenStream open) {
        open.replyTo().tell(new Dispatcher.StreamOpened(streamId, stream.second(), 1));
        return stream;
      }
    }
  }

  private Work startWithOne() {
    startScripted();
    Work work = work(model, sessionId, 1, List.of());
    node.submit(work);
    return work;
  }

  private void startScripted() {
    start(settings(Duration.ofMinutes(5)), () -> replica);
  }

  private void start(WorkerSettings settings, ReplicaFactory factory) {
    worker =
        Optional.of(
            node.kit.spawn(
                ModelWorker.create(
                    factory, settings, SessionReports.bySharding(node.kit.system()))));
  }

  /** The next report of a kind; what else comes in between is passed over. */
  private <T extends SessionInbox> T expect(Class<T> kind) {
    while (true) {
      SessionInbox message = session.receiveMessage(PATIENCE);
      if (kind.isInstance(message)) {
        return kind.cast(message);
      }
    }
  }

  /** The same of one attempt. */
  private <T extends AttemptReport> T expect(AttemptId id, Class<T> kind) {
    while (true) {
      T report = expect(kind);
      if (report.id().equals(id)) {
        return report;
      }
    }
  }

  private static List<Integer> ids(TokenGroup group) {
    return group.tokens().stream().map(Token::id).toList();
  }

  private static SimulatedReplica simulated(ModelInfo model) {
    return new SimulatedReplica(SimulatedReplica.Settings.unlimited(model, 2));
  }

  private static WorkerSettings settings(Duration unacknowledgedTimeout) {
    return settings(unacknowledgedTimeout, Duration.ofMillis(200));
  }

  private static WorkerSettings settings(Duration unacknowledgedTimeout, Duration resendMin) {
    return new WorkerSettings(
        Duration.ofMillis(20),
        10_000,
        16,
        resendMin,
        resendMin.multipliedBy(2),
        unacknowledgedTimeout,
        64,
        Duration.ofMillis(100),
        Duration.ofSeconds(5),
        Duration.ofMillis(50),
        Duration.ofMillis(200),
        Duration.ofSeconds(10),
        Duration.ofSeconds(10),
        Duration.ofSeconds(1),
        1,
        1);
  }
}
