package io.parley.routing;

import static io.parley.routing.Fixtures.MODEL;
import static io.parley.routing.Fixtures.work;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import akka.actor.testkit.typed.javadsl.ActorTestKit;
import akka.actor.testkit.typed.javadsl.TestProbe;
import akka.actor.typed.ActorRef;
import akka.stream.StreamRefAttributes;
import akka.stream.testkit.TestSubscriber;
import akka.stream.testkit.javadsl.TestSink;
import io.parley.routing.Dispatcher.CancelQueued;
import io.parley.routing.Dispatcher.Command;
import io.parley.routing.Dispatcher.Ended;
import io.parley.routing.Dispatcher.FreeSlots;
import io.parley.routing.Dispatcher.Full;
import io.parley.routing.Dispatcher.GivenBack;
import io.parley.routing.Dispatcher.NoWorker;
import io.parley.routing.Dispatcher.OpenStream;
import io.parley.routing.Dispatcher.Queued;
import io.parley.routing.Dispatcher.StreamOpened;
import io.parley.routing.Dispatcher.Submit;
import io.parley.routing.Dispatcher.SubmitReply;
import io.parley.routing.Dispatcher.Taken;
import io.parley.routing.Dispatcher.Withdrawn;
import io.parley.routing.protocol.AttemptReport;
import io.parley.routing.protocol.AttemptReport.Dispatched;
import io.parley.routing.protocol.AttemptReport.Failed;
import io.parley.routing.protocol.FailureCode;
import io.parley.routing.protocol.ModelId;
import io.parley.routing.protocol.Priority;
import io.parley.routing.protocol.Work;
import io.parley.routing.protocol.WorkerMessage;
import io.parley.routing.protocol.WorkerMessage.DropAttempt;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class DispatcherTest {
  private static final Duration PATIENCE = Duration.ofSeconds(20);
  private static final Duration NOTHING = Duration.ofMillis(150);
  private static ActorTestKit kit;

  private final AtomicLong nowEpochMillis = new AtomicLong(1_000);
  private final AtomicBoolean served = new AtomicBoolean(true);
  private final AtomicBoolean fails = new AtomicBoolean();
  private final List<ActorRef<WorkerMessage>> listed = new CopyOnWriteArrayList<>();
  private final Map<ModelId, FullQueue> gauge = new ConcurrentHashMap<>();
  private TestProbe<AttemptReport> sessions;
  private TestProbe<SubmitReply> replies;
  private ActorRef<Command> dispatcher;

  @BeforeAll
  static void startNode() {
    kit = ActorTestKit.create("dispatcher", Fixtures.node());
    Fixtures.join(kit.system(), kit.system());
  }

  @AfterAll
  static void stopNode() {
    kit.shutdownTestKit();
  }

  @BeforeEach
  void startDispatcher() {
    sessions = kit.createTestProbe(AttemptReport.class);
    replies = kit.createTestProbe(SubmitReply.class);
    RoutingSettings settings =
        Fixtures.settings(
            """
            queue-capacity = 100
            models-max = 2
            sweep-interval = 20ms
            recent-attempts = 100
            policy = least-loaded
            worker-silence = 1s
            """);
    dispatcher =
        kit.spawn(
            DispatcherBehavior.create(
                new DispatcherBehavior.Surroundings(
                    settings,
                    model -> {
                      if (fails.get()) {
                        throw new IllegalStateException("a bug");
                      }
                      return served.get();
                    },
                    model -> List.copyOf(listed),
                    sessions.ref()::tell,
                    gauge,
                    () -> Instant.ofEpochMilli(nowEpochMillis.get()))));
  }

  @Test
  void handsAWorkToAWaitingWorkerAndTellsTheSessionWhenItIsTaken() {
    TestWorker worker = new TestWorker(1);
    worker.demand(1);

    submit(work(1));

    Work work = worker.next();
    assertThat(work).isEqualTo(work(1));
    sessions.expectNoMessage(NOTHING);
    worker.confirm(work, 0);
    assertThat(sessions.receiveMessage()).isEqualTo(new Dispatched(work.id(), worker.ref(), false));
  }

  @Test
  void neverParksMoreThanThePrefetchBeyondWhatAWorkerAskedFor() {
    // a worker that claims room for everything and asks for one work
    TestWorker worker = new TestWorker(1_000);
    worker.demand(1);
    List<Work> works = new ArrayList<>();
    for (int turn = 1; turn <= 100; turn++) {
      works.add(work(turn));
      submit(work(turn));
    }
    assertThat(worker.next()).isEqualTo(work(1));
    // the queue holds 100: one work was asked for and one parks, so it takes two more
    await()
        .untilAsserted(
            () -> {
              dispatcher.tell(new Submit(work(102), replies.ref()));
              dispatcher.tell(new Submit(work(101), replies.ref()));
              assertThat(replies.receiveMessage()).isInstanceOf(Queued.class);
              assertThat(replies.receiveMessage()).isInstanceOf(Queued.class);
            });
    worker.expectNothing();
    dispatcher.tell(new Submit(work(103), replies.ref()));
    assertThat(replies.receiveMessage()).isInstanceOf(Full.class);

    worker.demand(99);
    List<Work> received = new ArrayList<>(List.of(work(1)));
    for (int i = 0; i < 99; i++) {
      received.add(worker.next());
    }
    assertThat(received).isEqualTo(works);
  }

  @Test
  void aWorkerWithoutFreeSlotsGetsNothingThoughItsStreamHasRoom() {
    TestWorker worker = new TestWorker(0);
    worker.demand(2);
    submit(work(1));
    worker.expectNothing();

    worker.report(1);

    assertThat(worker.next()).isEqualTo(work(1));
  }

  @Test
  void submittedTwiceIsQueuedOnceAndDispatchedAgainWhenTaken() {
    submit(work(1));
    submit(work(1));
    TestWorker worker = new TestWorker(2);
    worker.demand(2);
    Work work = worker.next();
    worker.expectNothing();
    worker.confirm(work, 1);
    sessions.expectMessageClass(Dispatched.class);

    submit(work(1));

    assertThat(sessions.receiveMessage()).isEqualTo(new Dispatched(work.id(), worker.ref()));
    worker.expectNothing();
  }

  @Test
  void aFullQueueRefusesWithAWaitAndTheGaugeSaysSo() {
    for (int turn = 1; turn <= 100; turn++) {
      submit(work(turn));
    }
    dispatcher.tell(new Submit(work(101), replies.ref()));

    Full full = replies.expectMessageClass(Full.class);
    assertThat(full.id()).isEqualTo(work(101).id());
    assertThat(full.retryAfterMillis()).isBetween(1_000L, 60_000L);
    assertThat(gauge).containsKey(MODEL.id());

    dispatcher.tell(new CancelQueued(work(50).id()));
    submit(work(102));
    dispatcher.tell(new CancelQueued(work(51).id()));
    await().untilAsserted(() -> assertThat(gauge).isEmpty());
  }

  @Test
  void aModelThatNobodyServesIsRefusedAtFirstAndQueuedForALaterAttempt() {
    served.set(false);

    dispatcher.tell(new Submit(work(1), replies.ref()));
    replies.expectMessage(new NoWorker(work(1).id()));

    submit(work(1, 2, Priority.INTERACTIVE, Long.MAX_VALUE));
    TestWorker worker = new TestWorker(1);
    worker.demand(1);
    assertThat(worker.next().id().attempt()).isEqualTo(2);
  }

  @Test
  void whatWaitsForAnUnloadedModelFailsAndLaterAttemptsAreRefused() {
    TestWorker worker = new TestWorker(0);
    listed.add(worker.ref());
    submit(work(1));

    dispatcher.tell(new Withdrawn(worker.ref(), MODEL.id()));
    sessions.expectNoMessage(NOTHING); // its stream is open, and the directory knows it still
    worker.cancelStream();
    sessions.expectNoMessage(NOTHING); // another one of the cluster may serve it
    served.set(false);

    Failed failed = sessions.expectMessageClass(Failed.class);
    assertThat(failed.id()).isEqualTo(work(1).id());
    assertThat(failed.code()).isEqualTo(FailureCode.MODEL_NOT_FOUND);
    Work handedBack = work(2, 2, Priority.INTERACTIVE, Long.MAX_VALUE);
    dispatcher.tell(new Submit(handedBack, replies.ref()));
    replies.expectMessage(new NoWorker(handedBack.id()));

    // loaded again, it is as any other model
    TestWorker again = new TestWorker(1);
    again.demand(1);
    submit(handedBack);
    assertThat(again.next()).isEqualTo(handedBack);
  }

  @Test
  void whatWaitsForAModelThatAnotherWorkerServesGoesThere() {
    TestWorker other = new TestWorker(0);
    TestWorker worker = new TestWorker(0);
    submit(work(1));
    served.set(false);

    dispatcher.tell(new Withdrawn(worker.ref(), MODEL.id()));
    worker.cancelStream();

    sessions.expectNoMessage(NOTHING);
    other.demand(1);
    other.report(1);
    assertThat(other.next()).isEqualTo(work(1));
  }

  @Test
  void whatWaitsWhenTheLastWorkerCrashesIsNotTakenForUnloadedSinceAnotherOneWas() {
    TestWorker other = new TestWorker(0);
    TestWorker unloaded = new TestWorker(0);
    dispatcher.tell(new Withdrawn(unloaded.ref(), MODEL.id()));
    unloaded.cancelStream();
    await().until(() -> inspect().workers().size() == 1);
    sessions.expectNoMessage(NOTHING); // it is swept, and the other one serves on

    served.set(false);
    other.probe.stop();
    await().until(() -> inspect().workers().isEmpty());

    submit(work(1));
    sessions.expectNoMessage(NOTHING);
  }

  @Test
  void aWorkPastItsDeadlineFails() {
    submit(work(1, 1, Priority.INTERACTIVE, 1_500));
    submit(work(2, 1, Priority.INTERACTIVE, 2_500));
    sessions.expectNoMessage(NOTHING);

    nowEpochMillis.set(1_500);

    Failed failed = sessions.expectMessageClass(Failed.class);
    assertThat(failed.id().turn()).isEqualTo(1);
    assertThat(failed.code()).isEqualTo(FailureCode.QUEUE_TIMEOUT);
    assertThat(failed.worker()).isEmpty();
    TestWorker worker = new TestWorker(1);
    worker.demand(1);
    assertThat(worker.next().id().turn()).isEqualTo(2);
  }

  @Test
  void aWorkOnItsWayWhenTheStreamBreaksIsReportedAsLost() {
    TestWorker worker = new TestWorker(5);
    submit(work(1));
    worker.demand(1);
    worker.next();

    worker.cancelStream();

    Failed failed = sessions.expectMessageClass(Failed.class);
    assertThat(failed.id()).isEqualTo(work(1).id());
    assertThat(failed.code()).isEqualTo(FailureCode.WORKER_LOST);
    // and when the worker took it all the same, it is told to drop it
    worker.confirm(work(1), 4);
    worker.probe.expectMessage(new DropAttempt(work(1).id()));
    sessions.expectNoMessage(NOTHING);
  }

  @Test
  void aParkedWorkIsReportedAsLostWhenTheWorkerDies() {
    TestWorker worker = new TestWorker(5);
    submit(work(1));
    submit(work(2));
    worker.demand(1);
    worker.confirm(worker.next(), 4);
    sessions.expectMessageClass(Dispatched.class);
    await().until(() -> inspect().underWay() == 1); // the second work parks

    worker.probe.stop();

    Failed failed = sessions.expectMessageClass(Failed.class);
    assertThat(failed.id()).isEqualTo(work(2).id());
    assertThat(failed.code()).isEqualTo(FailureCode.WORKER_LOST);
    sessions.expectNoMessage(NOTHING);
  }

  @Test
  void aWorkTakenBackWhileItWaitsIsNotHandedOut() {
    submit(work(1));
    submit(work(2));
    dispatcher.tell(new CancelQueued(work(1).id()));
    TestWorker worker = new TestWorker(2);
    worker.demand(2);

    assertThat(worker.next()).isEqualTo(work(2));
    worker.expectNothing();
  }

  @Test
  void aWorkTakenBackOnItsWayIsDroppedByTheWorker() {
    submit(work(1));
    TestWorker worker = new TestWorker(2);
    worker.demand(1);
    Work work = worker.next();
    dispatcher.tell(new CancelQueued(work.id()));

    worker.confirm(work, 1);

    worker.probe.expectMessage(new DropAttempt(work.id()));
    sessions.expectNoMessage(NOTHING);
    // and once more when the session asks again
    dispatcher.tell(new CancelQueued(work.id()));
    worker.probe.expectMessage(new DropAttempt(work.id()));
  }

  @Test
  void aRestartReportsEverythingAsLostAndTakesNewWorks() {
    TestWorker worker = new TestWorker(0);
    worker.demand(1);
    submit(work(1));
    submit(work(2));
    fails.set(true);
    dispatcher.tell(new Withdrawn(worker.ref(), MODEL.id()));
    worker.cancelStream(); // so that it asks the directory

    List<Integer> lost = new ArrayList<>();
    lost.add(sessions.expectMessageClass(Failed.class).id().turn());
    lost.add(sessions.expectMessageClass(Failed.class).id().turn());
    assertThat(lost).containsExactlyInAnyOrder(1, 2);
    fails.set(false);
    submit(work(3));
    TestWorker again = new TestWorker(1);
    again.demand(1);
    assertThat(again.next()).isEqualTo(work(3));
  }

  @Test
  void aWorkThatAWorkerHasNoRoomForGoesToTheNextOne() {
    TestWorker worker = new TestWorker(1);
    worker.demand(1);
    submit(work(1));
    submit(work(2));
    worker.giveBack(worker.next());
    TestWorker other = new TestWorker(2);
    other.demand(2);

    assertThat(other.next()).isEqualTo(work(1));
    other.confirm(work(1), 1);
    assertThat(sessions.receiveMessage())
        .isEqualTo(new Dispatched(work(1).id(), other.ref(), true));
    assertThat(other.next()).isEqualTo(work(2));
    worker.expectNothing();
  }

  @Test
  void aSilentWorkerLosesItsWorksAndComesBackWhenItSpeaks() {
    TestWorker worker = new TestWorker(3);
    submit(work(1));
    submit(work(2));
    submit(work(3));
    worker.demand(3);
    for (int free = 2; free >= 0; free--) {
      worker.confirm(worker.next(), free);
      sessions.expectMessageClass(Dispatched.class);
    }
    dispatcher.tell(new Ended(work(2).id()));

    List<Integer> lost = new ArrayList<>();
    lost.add(sessions.receiveMessage(PATIENCE).id().turn());
    lost.add(sessions.receiveMessage(PATIENCE).id().turn());
    assertThat(lost).containsExactlyInAnyOrder(1, 3); // the second had ended
    worker.expectStreamOver();
    assertThat(inspect().workers()).isEmpty();

    TestWorker again = new TestWorker(worker.probe, 1);
    again.demand(1);
    submit(work(4));
    assertThat(again.next()).isEqualTo(work(4));
  }

  @Test
  void aWorkerHasOneSuspectAtATime() {
    TestWorker worker = new TestWorker(4);
    worker.demand(4);
    submit(Fixtures.suspect(work(1)));
    submit(Fixtures.suspect(work(2)));
    submit(work(3));
    Work first = worker.next();
    worker.confirm(first, 3);
    assertThat(first.id().turn()).isEqualTo(1);
    Work second = worker.next();
    worker.confirm(second, 2);
    assertThat(second.id().turn()).as("others go on").isEqualTo(3);
    worker.expectNothing();

    dispatcher.tell(new Ended(first.id()));
    assertThat(worker.next().id().turn()).isEqualTo(2);
  }

  private Dispatcher.Inspection inspect() {
    TestProbe<Dispatcher.Inspection> probe = kit.createTestProbe(Dispatcher.Inspection.class);
    dispatcher.tell(new Dispatcher.Inspect(probe.ref()));
    return probe.receiveMessage();
  }

  private void submit(Work work) {
    dispatcher.tell(new Submit(work, replies.ref()));
    replies.expectMessage(new Queued(work.id()));
  }

  /** The worker's side of one stream, with demand by hand. */
  private final class TestWorker {
    private final TestProbe<WorkerMessage> probe;
    private final long streamId;
    private final TestSubscriber.Probe<Work> stream;

    TestWorker(int freeSlots) {
      this(kit.createTestProbe(WorkerMessage.class), freeSlots);
    }

    TestWorker(TestProbe<WorkerMessage> probe, int freeSlots) {
      this.probe = probe;
      TestProbe<StreamOpened> opened = kit.createTestProbe(StreamOpened.class);
      dispatcher.tell(new OpenStream(probe.ref(), MODEL, freeSlots, opened.ref(), null));
      StreamOpened answer = opened.receiveMessage();
      streamId = answer.streamId();
      stream =
          answer
              .works()
              .getSource()
              .addAttributes(StreamRefAttributes.bufferCapacity(answer.prefetch()))
              .runWith(TestSink.create(kit.system()), kit.system());
      stream.ensureSubscription();
    }

    ActorRef<WorkerMessage> ref() {
      return probe.ref();
    }

    void demand(long works) {
      stream.request(works);
    }

    Work next() {
      return stream.expectNext();
    }

    void expectNothing() {
      stream.expectNoMessage(scala.concurrent.duration.Duration.fromNanos(NOTHING.toNanos()));
    }

    void expectStreamOver() {
      stream.expectComplete();
    }

    void cancelStream() {
      stream.cancel();
    }

    void confirm(Work work, int freeSlots) {
      dispatcher.tell(new Taken(probe.ref(), streamId, work.id(), freeSlots, freeSlots > 0));
    }

    void giveBack(Work work) {
      dispatcher.tell(new GivenBack(probe.ref(), streamId, work.id()));
    }

    void report(int freeSlots) {
      dispatcher.tell(new FreeSlots(probe.ref(), streamId, freeSlots, null));
    }
  }
}
