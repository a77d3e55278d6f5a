package io.parley.sessions;

import akka.actor.testkit.typed.javadsl.ActorTestKit;
import akka.actor.testkit.typed.javadsl.TestProbe;
import akka.actor.typed.ActorRef;
import akka.cluster.sharding.typed.javadsl.ClusterSharding;
import akka.persistence.testkit.PersistenceTestKitPlugin;
import akka.persistence.testkit.PersistenceTestKitSnapshotPlugin;
import akka.persistence.testkit.javadsl.PersistenceTestKit;
import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import io.parley.persistence.chain.ChainHead;
import io.parley.routing.protocol.AttemptId;
import io.parley.routing.protocol.AttemptReport;
import io.parley.routing.protocol.FailureCode;
import io.parley.routing.protocol.Finish;
import io.parley.routing.protocol.FinishReason;
import io.parley.routing.protocol.ModelId;
import io.parley.routing.protocol.SessionId;
import io.parley.routing.protocol.SessionInbox;
import io.parley.routing.protocol.TenantId;
import io.parley.routing.protocol.Token;
import io.parley.routing.protocol.Work;
import io.parley.routing.protocol.WorkerMessage;
import io.parley.sessions.SessionCommand.Reply;
import io.parley.sessions.SessionCommand.TurnRequest;
import io.parley.sessions.domain.SessionEvent;
import io.parley.sessions.journal.ChainedEvent;
import io.parley.sessions.journal.Sealer;
import java.time.Duration;
import java.time.InstantSource;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import java.util.function.Function;

/**
 * One session's entity on an in-memory journal, with a dispatcher and workers played by the test.
 */
final class SessionFixture implements AutoCloseable {
  private static final AtomicInteger NUMBER = new AtomicInteger();
  private static final Duration PATIENCE = Duration.ofSeconds(10);

  /** Serialization is on, so what is stored and sent is what a real journal would hold. */
  private static final Config CONFIG =
      ConfigFactory.parseString(
              """
              parley.session {
                passivate-after = 1 h
                retry { min-backoff = 10 ms, max-backoff = 50 ms }
                journal-retry { min-backoff = 10 ms, max-backoff = 50 ms }
                adoption-lease = 50 ms
                read.wait = 200 ms
              }
              """)
          .withFallback(PersistenceTestKitPlugin.getInstance().config())
          .withFallback(PersistenceTestKitSnapshotPlugin.config())
          .withFallback(ConfigFactory.load());

  private static final Sealer SEALER = new Sealer();
  static final long MEMORY_BYTES = 1 << 20;
  static final ActorTestKit KIT = ActorTestKit.create("sessions", CONFIG);
  static final PersistenceTestKit JOURNAL = PersistenceTestKit.create(KIT.system());

  final SessionId id = new SessionId(TenantId.DEFAULT, "s" + NUMBER.incrementAndGet());
  final FakeDispatcher dispatcher = new FakeDispatcher();
  final ListedTurns running = new ListedTurns();
  final List<ChainHead> checkpoints = new CopyOnWriteArrayList<>();
  final LiveSessions<ActorRef<SessionInbox>> live =
      new LiveSessions<>(MEMORY_BYTES, session -> session.tell(new Internal.Quiet()));
  volatile BooleanSupplier mayWrite = () -> true;
  final TestProbe<ClusterSharding.ShardCommand> shard = KIT.createTestProbe("shard");
  private SessionSettings settings;
  private ActorRef<SessionInbox> entity;

  private SessionFixture(SessionSettings settings) {
    this.settings = settings;
    start();
  }

  static SessionFixture start(String overrides) {
    return new SessionFixture(settings(overrides));
  }

  private static SessionSettings settings(String overrides) {
    return SessionSettings.from(
        ConfigFactory.parseString(overrides).withFallback(CONFIG).resolve());
  }

  static SessionFixture startDefault() {
    return start("");
  }

  /** Another session with these settings, instead of this one. */
  SessionFixture with(String overrides) {
    close();
    return start(overrides);
  }

  /** A turn with the key "k", and its worker. */
  Worker runningTurn() {
    startTurn("k");
    return worker(dispatcher.next()).admit();
  }

  private void start() {
    entity =
        KIT.spawn(
            SessionEntity.create(
                id,
                new SessionEntity.Surroundings(
                    settings,
                    dispatcher,
                    running,
                    live,
                    shard.ref(),
                    () -> mayWrite.getAsBoolean(),
                    SEALER,
                    checkpoints::add,
                    InstantSource.system())));
  }

  /** As a crash and a recovery elsewhere. */
  void restart() {
    KIT.stop(entity, PATIENCE);
    start();
  }

  /** The same, with other settings. */
  void restart(String overrides) {
    KIT.stop(entity, PATIENCE);
    settings = settings(overrides);
    start();
  }

  void stop() {
    entity.tell(SessionEntity.stopMessage());
    expectGone();
  }

  void expectGone() {
    TestProbe<Object> probe = KIT.createTestProbe();
    probe.expectTerminated(entity, PATIENCE);
  }

  void tell(SessionInbox message) {
    entity.tell(message);
  }

  Reply ask(Function<ActorRef<Reply>, SessionCommand> command) {
    TestProbe<Reply> probe = KIT.createTestProbe(Reply.class);
    entity.tell(command.apply(probe.ref()));
    return probe.receiveMessage(PATIENCE);
  }

  TestProbe<Reply> send(Function<ActorRef<Reply>, SessionCommand> command) {
    TestProbe<Reply> probe = KIT.createTestProbe(Reply.class);
    entity.tell(command.apply(probe.ref()));
    return probe;
  }

  static Function<ActorRef<Reply>, SessionCommand> start(String key, TurnRequest request) {
    return to -> new SessionCommand.StartTurn(key, "f", true, Optional.empty(), request, to);
  }

  Reply startTurn(String key) {
    return startTurn(key, Samples.request("hello"));
  }

  Reply startTurn(String key, TurnRequest request) {
    return ask(start(key, request));
  }

  Reply.TurnSlice read(int turn, int from) {
    return (Reply.TurnSlice) ask(replyTo -> new SessionCommand.ReadTurn(turn, from, true, replyTo));
  }

  Reply.SessionView view() {
    return (Reply.SessionView) ask(SessionCommand.Get::new);
  }

  /** All tokens of an ended turn, read as a client would. */
  List<Token> readAll(int turn) {
    List<Token> tokens = new java.util.ArrayList<>();
    Reply.TurnSlice slice;
    do {
      slice = read(turn, tokens.size());
      tokens.addAll(slice.tokens());
    } while (!slice.last());
    return tokens;
  }

  List<SessionEvent> journal() {
    return JOURNAL.persistedInStorage(SessionEntity.persistenceId(id).id()).stream()
        .map(stored -> ((ChainedEvent) stored).event())
        .toList();
  }

  /** What is stored. */
  List<ChainedEvent> storedEvents() {
    return JOURNAL.persistedInStorage(persistenceId()).stream()
        .map(ChainedEvent.class::cast)
        .toList();
  }

  String persistenceId() {
    return SessionEntity.persistenceId(id).id();
  }

  /** A worker that has the attempt. */
  Worker worker(Work work) {
    return new Worker(work.id());
  }

  @Override
  public void close() {
    KIT.stop(entity, PATIENCE);
  }

  final class Worker {
    final AttemptId attempt;
    final TestProbe<WorkerMessage> probe = KIT.createTestProbe(WorkerMessage.class);
    final ActorRef<WorkerMessage> ref =
        KIT.spawn(
            akka.actor.typed.javadsl.Behaviors.receiveMessage(
                message -> {
                  probe.ref().tell(message);
                  return akka.actor.typed.javadsl.Behaviors.same();
                }));

    Worker(AttemptId attempt) {
      this.attempt = attempt;
    }

    void signOfLife() {
      tell(new AttemptReport.Dispatched(attempt, ref));
    }

    Worker admit() {
      signOfLife();
      tell(new AttemptReport.Admitted(attempt, Samples.PROMPT, ref));
      return this;
    }

    WorkerMessage group(int first, String... texts) {
      send(first, Optional.empty(), texts);
      return probe.receiveMessage(PATIENCE);
    }

    WorkerMessage finish(int first, String... texts) {
      send(first, Optional.of(new Finish(FinishReason.STOP, "")), texts);
      return probe.receiveMessage(PATIENCE);
    }

    void send(int first, Optional<Finish> finish, String... texts) {
      tell(
          new AttemptReport.TokenGroup(
              attempt, Samples.PROMPT, first, Samples.tokens(first, texts), finish, ref));
    }

    void fail(FailureCode code) {
      tell(new AttemptReport.Failed(attempt, code, "x", Optional.of(ref)));
    }

    void die() {
      KIT.stop(ref, PATIENCE);
    }
  }

  /** Keeps what is submitted, and answers as told. */
  static final class FakeDispatcher implements WorkSubmitter {
    final BlockingQueue<Work> works = new LinkedBlockingQueue<>();
    final BlockingQueue<AttemptId> cancelled = new LinkedBlockingQueue<>();
    final BlockingQueue<AttemptId> taken = new LinkedBlockingQueue<>();
    final BlockingQueue<AttemptId> ended = new LinkedBlockingQueue<>();
    volatile Submission answer = new Submission.Queued();
    volatile Optional<Long> full = Optional.empty();

    @Override
    public Optional<Long> retryAfterMillis(TenantId tenant, ModelId model) {
      return full;
    }

    @Override
    public CompletionStage<Submission> submit(Work work) {
      works.add(work);
      return CompletableFuture.completedFuture(answer);
    }

    @Override
    public void cancel(AttemptId id) {
      cancelled.add(id);
    }

    @Override
    public void takeAlong(AttemptId id) {
      taken.add(id);
    }

    @Override
    public void ended(AttemptId id) {
      ended.add(id);
    }

    Work next() {
      try {
        Work work = works.poll(PATIENCE.toMillis(), TimeUnit.MILLISECONDS);
        if (work == null) {
          throw new AssertionError("nothing was submitted");
        }
        return work;
      } catch (InterruptedException e) {
        throw new AssertionError(e);
      }
    }
  }
}
