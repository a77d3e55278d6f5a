package io.parley.sessions;

import akka.actor.typed.ActorRef;
import akka.actor.typed.Behavior;
import akka.actor.typed.SupervisorStrategy;
import akka.actor.typed.javadsl.ActorContext;
import akka.actor.typed.javadsl.Behaviors;
import akka.actor.typed.javadsl.TimerScheduler;
import akka.cluster.sharding.typed.javadsl.ClusterSharding;
import akka.persistence.typed.PersistenceId;
import akka.persistence.typed.RecoveryCompleted;
import akka.persistence.typed.javadsl.CommandHandlerWithReply;
import akka.persistence.typed.javadsl.EventHandler;
import akka.persistence.typed.javadsl.EventSourcedBehaviorWithEnforcedReplies;
import akka.persistence.typed.javadsl.ReplyEffect;
import akka.persistence.typed.javadsl.RetentionCriteria;
import akka.persistence.typed.javadsl.SignalHandler;
import io.parley.routing.protocol.AttemptReport;
import io.parley.routing.protocol.FailureCode;
import io.parley.routing.protocol.SessionId;
import io.parley.routing.protocol.SessionInbox;
import io.parley.routing.protocol.WorkerMessage;
import io.parley.sessions.SessionCommand.RefusalReason;
import io.parley.sessions.SessionCommand.Reply;
import io.parley.sessions.domain.Absent;
import io.parley.sessions.domain.Decision;
import io.parley.sessions.domain.Decision.Outcome;
import io.parley.sessions.domain.Generating;
import io.parley.sessions.domain.Session;
import io.parley.sessions.domain.SessionAction;
import io.parley.sessions.domain.SessionEvent;
import java.time.Duration;
import java.time.InstantSource;
import java.util.List;
import java.util.Optional;
import java.util.function.BiConsumer;

/**
 * The actor of one session: it brings commands and reports to the pure {@link Session}, journals
 * what that decides, and only then tells anyone. What decides what is in {@link Session}; what is
 * soft (readers, timers, the watched worker) is in {@link Readers} and {@link Attempts} and is made
 * anew by recovery.
 *
 * <p>When the journal fails, whether the events are stored is unknown: the entity recovers after a
 * backoff and the journal tells. Callers and workers, left without an answer, ask again.
 */
public final class SessionEntity
    extends EventSourcedBehaviorWithEnforcedReplies<SessionInbox, SessionEvent, Session> {

  /**
   * What an entity needs of the world around it.
   *
   * @param shard where it asks to be passivated
   * @param clock what the events are dated by
   */
  public record Surroundings(
      SessionSettings settings,
      WorkSubmitter submitter,
      ActorRef<ClusterSharding.ShardCommand> shard,
      InstantSource clock) {}

  /**
   * When a write of several events failed, Akka 2.8 keeps the failures of all but the first among
   * the messages that wait for recovery, and stops at each until another message comes. Those
   * behind it, perhaps the shard's stop message, would wait with it. As many as one decision has
   * events, and one more.
   */
  private static final int NUDGES = 4;

  private final SessionId id;
  private final Surroundings around;
  private final SessionSettings settings;
  private final ActorContext<SessionInbox> context;
  private final TimerScheduler<SessionInbox> timers;
  private final Attempts attempts;
  private final Readers readers;
  private boolean passivating;

  private SessionEntity(
      SessionId id,
      Surroundings around,
      ActorContext<SessionInbox> context,
      TimerScheduler<SessionInbox> timers) {
    super(
        persistenceId(id),
        SupervisorStrategy.restartWithBackoff(
            around.settings().journalRetry().min(), around.settings().journalRetry().max(), 0.2));
    this.id = id;
    this.around = around;
    this.settings = around.settings();
    this.context = context;
    this.timers = timers;
    this.attempts = new Attempts(id, settings, around.submitter(), context, timers);
    this.readers = new Readers(settings.reads());
  }

  /**
   * The behaviour of the session {@code id}. A rejected event or a defect stops it, and the next
   * message starts it from its journal: restarting it in place would lose what it had stashed, the
   * shard's stop message perhaps, which is sent only once.
   */
  public static Behavior<SessionInbox> create(SessionId id, Surroundings around) {
    return Behaviors.setup(
        context -> Behaviors.withTimers(timers -> new SessionEntity(id, around, context, timers)));
  }

  /** The id of a session's journal. */
  public static PersistenceId persistenceId(SessionId id) {
    return PersistenceId.of(SessionInbox.TYPE_KEY.name(), id.entityId());
  }

  /** The message by which a shard stops an entity. */
  public static SessionInbox stopMessage() {
    return new Internal.Stop();
  }

  @Override
  public Session emptyState() {
    return new Absent();
  }

  @Override
  public EventHandler<Session, SessionEvent> eventHandler() {
    return Session::apply;
  }

  @Override
  public RetentionCriteria retentionCriteria() {
    return RetentionCriteria.snapshotEvery(settings.snapshotEvery(), settings.snapshotsKept());
  }

  @Override
  public SignalHandler<Session> signalHandler() {
    return newSignalHandlerBuilder()
        .onSignal(RecoveryCompleted.instance(), this::recovered)
        .build();
  }

  @Override
  public CommandHandlerWithReply<SessionInbox, SessionEvent, Session> commandHandler() {
    return this::handle;
  }

  private void recovered(Session session) {
    passivating = false;
    attempts.forget();
    if (session instanceof Generating generating) {
      context.getLog().debug("recovered {} in turn {}", id, generating.turn().spec().number());
      attempts.recovered(generating.turn());
    }
    watchQuiet(session);
    readers.answerNews(session);
    for (int i = 0; i < NUDGES; i++) {
      context.getSelf().tell(new Internal.Nudge());
    }
  }

  private ReplyEffect<SessionEvent, Session> handle(Session session, SessionInbox message) {
    if (message instanceof AttemptReport report) {
      return report(session, report);
    }
    if (message instanceof SessionCommand command) {
      return command(session, command);
    }
    if (message instanceof Internal internal) {
      return internal(session, internal);
    }
    context.getLog().warn("{} does not understand {}", id, message.getClass().getName());
    return Effect().noReply();
  }

  // ---- callers

  private ReplyEffect<SessionEvent, Session> command(Session session, SessionCommand command) {
    passivating = false;
    if (command instanceof SessionCommand.ReadTurn read) {
      readers.read(read, session, now());
      scheduleReads();
      return Effect().noReply();
    }
    if (command instanceof SessionCommand.StartTurn start) {
      return startTurn(session, start);
    }
    if (command instanceof SessionCommand.Get get) {
      return Effect()
          .reply(
              get.replyTo(),
              SessionViews.session(session).<Reply>map(view -> view).orElseGet(this::notFound));
    }
    if (command instanceof SessionCommand.GetTurn get) {
      return Effect()
          .reply(
              get.replyTo(),
              SessionViews.turn(session, get.turn())
                  .<Reply>map(turn -> new Reply.TurnFound(turn.view()))
                  .orElseGet(Readers::notFound));
    }
    if (command instanceof SessionCommand.CancelTurn cancel) {
      return change(session, new SessionAction.CancelTurn(cancel.turn()), cancel.replyTo());
    }
    if (command instanceof SessionCommand.DeleteTurn delete) {
      return change(session, new SessionAction.DeleteTurn(delete.turn()), delete.replyTo());
    }
    if (command instanceof SessionCommand.Create create) {
      return change(
          session,
          new SessionAction.Create(create.fingerprint(), create.history(), create.metadata()),
          create.replyTo());
    }
    if (command instanceof SessionCommand.AppendMessages append) {
      return change(
          session,
          new SessionAction.AppendMessages(append.key(), append.messages()),
          append.replyTo());
    }
    if (command instanceof SessionCommand.SetMetadata set) {
      return change(session, new SessionAction.SetMetadata(set.metadata()), set.replyTo());
    }
    if (command instanceof SessionCommand.Delete delete) {
      return change(session, new SessionAction.Delete(), delete.replyTo());
    }
    throw new IllegalStateException("no handler for " + command.getClass());
  }

  private ReplyEffect<SessionEvent, Session> startTurn(
      Session session, SessionCommand.StartTurn start) {
    SessionAction action =
        new SessionAction.StartTurn(
            start.key(),
            start.fingerprint(),
            start.createIfAbsent(),
            start.afterTurn(),
            start.request());
    Decision decision = decide(session, action);
    if (decision instanceof Decision.Accept) {
      Optional<Long> full = around.submitter().retryAfterMillis(start.request().model());
      if (full.isPresent()) {
        Reply overloaded =
            new Reply.Refused(
                RefusalReason.OVERLOADED, "the queue is full", Optional.empty(), full);
        return Effect().reply(start.replyTo(), overloaded);
      }
    }
    return carryOut(session, decision, start.replyTo());
  }

  private ReplyEffect<SessionEvent, Session> change(
      Session session, SessionAction action, ActorRef<Reply> replyTo) {
    return carryOut(session, decide(session, action), replyTo);
  }

  private ReplyEffect<SessionEvent, Session> carryOut(
      Session session, Decision decision, ActorRef<Reply> replyTo) {
    if (decision instanceof Decision.Refuse refuse) {
      return Effect()
          .reply(
              replyTo,
              new Reply.Refused(
                  refuse.reason(), refuse.detail(), refuse.runningTurn(), Optional.empty()));
    }
    return carryOut(session, decision, (outcome, after) -> replyTo.tell(reply(outcome)));
  }

  private static Reply reply(Outcome outcome) {
    if (outcome instanceof Outcome.Turn turn) {
      return new Reply.TurnAccepted(turn.number(), turn.repeated());
    }
    return new Reply.Done();
  }

  private Reply notFound() {
    return new Reply.Refused(
        RefusalReason.NOT_FOUND, "no such session", Optional.empty(), Optional.empty());
  }

  // ---- workers

  private ReplyEffect<SessionEvent, Session> report(Session session, AttemptReport report) {
    if (report instanceof AttemptReport.TokenGroup group) {
      return tokens(session, group);
    }
    if (report instanceof AttemptReport.Admitted admitted) {
      if (!isCurrent(session, report)) {
        return drop(admitted.worker(), report);
      }
      attempts.heardFrom(admitted.worker(), ((Generating) session).turn());
      var action =
          new SessionAction.Admit(report.id().turn(), report.id().attempt(), admitted.prompt());
      return carryOut(session, decide(session, action), (outcome, after) -> {});
    }
    if (report instanceof AttemptReport.Dispatched dispatched) {
      if (!isCurrent(session, report)) {
        return drop(dispatched.worker(), report);
      }
      attempts.heardFrom(dispatched.worker(), ((Generating) session).turn());
      return Effect().noReply();
    }
    return failed(session, (AttemptReport.Failed) report);
  }

  private ReplyEffect<SessionEvent, Session> tokens(
      Session session, AttemptReport.TokenGroup group) {
    if (isCurrent(session, group)) {
      attempts.heardFrom(group.worker(), ((Generating) session).turn());
    }
    var action =
        new SessionAction.Append(
            group.id().turn(),
            group.id().attempt(),
            group.prompt(),
            group.firstIndex(),
            group.tokens(),
            group.finish());
    return carryOut(
        session,
        decide(session, action),
        (outcome, after) ->
            group
                .worker()
                .tell(
                    outcome instanceof Outcome.Next next
                        ? new WorkerMessage.GroupAccepted(group.id(), next.index(), next.ended())
                        : new WorkerMessage.DropAttempt(group.id())));
  }

  private ReplyEffect<SessionEvent, Session> failed(Session session, AttemptReport.Failed failed) {
    if (!isCurrent(session, failed)) {
      return Effect().noReply();
    }
    var cause = new SessionCommand.Failure(failed.code(), failed.message());
    if (failed.code().retryable()) {
      attempts.retryLater(((Generating) session).turn(), cause);
      return Effect().noReply();
    }
    return failTurn(session, failed.id().attempt(), cause);
  }

  private ReplyEffect<SessionEvent, Session> failTurn(
      Session session, int attempt, SessionCommand.Failure cause) {
    int turn = ((Generating) session).turn().spec().number();
    return carryOut(
        session,
        decide(session, new SessionAction.FailTurn(turn, attempt, cause)),
        (outcome, after) -> {});
  }

  private ReplyEffect<SessionEvent, Session> drop(
      ActorRef<WorkerMessage> worker, AttemptReport report) {
    return Effect().reply(worker, new WorkerMessage.DropAttempt(report.id()));
  }

  private boolean isCurrent(Session session, AttemptReport report) {
    return session instanceof Generating generating
        && attempts.id(generating.turn()).equals(report.id());
  }

  // ---- itself

  private ReplyEffect<SessionEvent, Session> internal(Session session, Internal message) {
    if (message instanceof Internal.Stop) {
      readers.answerAll(session);
      return Effect().stop().thenNoReply();
    }
    if (message instanceof Internal.ReadsDue) {
      readers.answerDue(session, now());
      scheduleReads();
      return Effect().noReply();
    }
    if (message instanceof Internal.Nudge) {
      return Effect().noReply();
    }
    if (message instanceof Internal.Quiet) {
      return quiet(session);
    }
    return session instanceof Generating generating
        ? ofAttempt(generating, message)
        : Effect().noReply();
  }

  private ReplyEffect<SessionEvent, Session> quiet(Session session) {
    if (session instanceof Generating) {
      return Effect().noReply();
    }
    if (passivating) {
      // the shard sends its stop message once, and holds messages back until the entity is gone:
      // had it been lost, the session would never be reached again
      return Effect().stop().thenNoReply();
    }
    passivating = true;
    around.shard().tell(new ClusterSharding.Passivate<>(context.getSelf()));
    return Effect().noReply();
  }

  /** What concerns an attempt is ignored when another one runs by now. */
  private ReplyEffect<SessionEvent, Session> ofAttempt(Generating session, Internal message) {
    var current = attempts.id(session.turn());
    if (message instanceof Internal.Submitted submitted && submitted.id().equals(current)) {
      return submitted(session, submitted);
    }
    if (message instanceof Internal.SubmitAgain again && again.id().equals(current)) {
      attempts.submit(session, now());
      return Effect().noReply();
    }
    if (message instanceof Internal.WorkerGone gone && gone.id().equals(current)) {
      attempts.retryLater(session.turn(), workerLost("the worker is gone"));
      return Effect().noReply();
    }
    if (message instanceof Internal.Retry retry && retry.id().equals(current)) {
      return loseAttempt(session, retry.cause());
    }
    if (message instanceof Internal.Overdue overdue && overdue.id().turn() == current.turn()) {
      return overdue(session, overdue);
    }
    return Effect().noReply();
  }

  private ReplyEffect<SessionEvent, Session> submitted(
      Generating session, Internal.Submitted submitted) {
    if (submitted.submission() instanceof WorkSubmitter.Submission.Full full) {
      attempts.submitLater(submitted.id(), full.retryAfterMillis());
    } else if (submitted.submission() instanceof WorkSubmitter.Submission.NoWorker) {
      var cause =
          new SessionCommand.Failure(
              FailureCode.MODEL_NOT_FOUND,
              "no worker serves " + session.turn().spec().request().model());
      return failTurn(session, submitted.id().attempt(), cause);
    }
    return Effect().noReply();
  }

  private ReplyEffect<SessionEvent, Session> overdue(Generating session, Internal.Overdue overdue) {
    int attempt = session.turn().attempt();
    var cause = new SessionCommand.Failure(overdue.code(), "not in time");
    if (overdue.code() == FailureCode.TURN_TIMEOUT) {
      return failTurn(session, attempt, cause);
    }
    if (overdue.id().attempt() != attempt) {
      return Effect().noReply();
    }
    return overdue.code() == FailureCode.WORKER_LOST
        ? loseAttempt(session, workerLost("the worker is silent"))
        : failTurn(session, attempt, cause);
  }

  private ReplyEffect<SessionEvent, Session> loseAttempt(
      Generating session, SessionCommand.Failure cause) {
    var action =
        new SessionAction.LoseAttempt(
            session.turn().spec().number(), session.turn().attempt(), cause);
    return carryOut(session, decide(session, action), (outcome, after) -> {});
  }

  private static SessionCommand.Failure workerLost(String message) {
    return new SessionCommand.Failure(FailureCode.WORKER_LOST, message);
  }

  // ---- deciding and what follows it

  private Decision decide(Session session, SessionAction action) {
    return session.decide(action, now(), settings.limits());
  }

  /** Journals what was decided; {@code tell} runs when that is done, or at once. */
  private ReplyEffect<SessionEvent, Session> carryOut(
      Session before, Decision decision, BiConsumer<Outcome, Session> tell) {
    if (decision instanceof Decision.Accept accept) {
      return Effect()
          .persist(accept.events())
          .thenRun(
              (Session after) -> {
                tell.accept(accept.outcome(), after);
                follow(before, accept.events(), after);
              })
          .thenNoReply();
    }
    Outcome outcome =
        decision instanceof Decision.AnswerAgain again ? again.outcome() : new Outcome.Drop();
    return Effect().none().thenRun(after -> tell.accept(outcome, after)).thenNoReply();
  }

  /** What the journaled events mean for the attempt and the readers. */
  private void follow(Session before, List<SessionEvent> events, Session after) {
    for (SessionEvent event : events) {
      if (after instanceof Generating now) {
        if (event instanceof SessionEvent.AttemptStarted) {
          attempts.started(now, now());
        } else if (event instanceof SessionEvent.TurnAdmitted) {
          attempts.admitted(now.turn());
        } else if (event instanceof SessionEvent.TokensAppended) {
          attempts.madeTokens(now.turn());
        }
      } else if (before instanceof Generating was) {
        if (event instanceof SessionEvent.TurnCompleted) {
          attempts.forget();
        } else if (event instanceof SessionEvent.TurnCancelled
            || event instanceof SessionEvent.TurnFailed) {
          attempts.abandon(was.turn());
        }
      }
    }
    readers.answerNews(after);
    watchQuiet(after);
  }

  private void watchQuiet(Session session) {
    if (session instanceof Generating) {
      context.cancelReceiveTimeout();
    } else {
      context.setReceiveTimeout(settings.passivateAfter(), new Internal.Quiet());
    }
  }

  private void scheduleReads() {
    readers
        .nextDueMillis()
        .ifPresent(
            due ->
                timers.startSingleTimer(
                    Internal.ReadsDue.class,
                    new Internal.ReadsDue(),
                    Duration.ofMillis(Math.max(1, due - now()))));
  }

  private long now() {
    return around.clock().millis();
  }
}
