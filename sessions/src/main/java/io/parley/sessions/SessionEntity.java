package io.parley.sessions;

import akka.actor.typed.ActorRef;
import akka.actor.typed.Behavior;
import akka.actor.typed.PostStop;
import akka.actor.typed.SupervisorStrategy;
import akka.actor.typed.javadsl.ActorContext;
import akka.actor.typed.javadsl.Behaviors;
import akka.actor.typed.javadsl.TimerScheduler;
import akka.cluster.sharding.typed.javadsl.ClusterSharding;
import akka.persistence.typed.PersistenceId;
import akka.persistence.typed.RecoveryCompleted;
import akka.persistence.typed.RecoveryFailed;
import akka.persistence.typed.javadsl.CommandHandlerWithReply;
import akka.persistence.typed.javadsl.EventHandler;
import akka.persistence.typed.javadsl.EventSourcedBehaviorWithEnforcedReplies;
import akka.persistence.typed.javadsl.ReplyEffect;
import akka.persistence.typed.javadsl.RetentionCriteria;
import akka.persistence.typed.javadsl.SignalHandler;
import io.parley.persistence.RunningTurns;
import io.parley.persistence.chain.Checkpoints;
import io.parley.routing.protocol.AttemptReport;
import io.parley.routing.protocol.SessionId;
import io.parley.routing.protocol.SessionInbox;
import io.parley.sessions.domain.Existing;
import io.parley.sessions.domain.Generating;
import io.parley.sessions.domain.Session;
import io.parley.sessions.journal.ChainedEvent;
import io.parley.sessions.journal.ChainedSession;
import io.parley.sessions.journal.Sealer;
import java.time.Duration;
import java.time.InstantSource;
import java.util.function.BooleanSupplier;

/**
 * The actor of one session: it brings commands and reports to the pure {@link Session}, journals
 * what that decides, and only then tells anyone. What decides what is in {@link Session}; what is
 * soft (readers, timers, the watched worker) is in {@link Readers} and {@link Attempts} and is made
 * anew by recovery. {@link Callers} and {@link Workers} handle the messages, in {@link Steps}.
 *
 * <p>When the journal fails, whether the events are stored is unknown: the entity recovers after a
 * backoff and the journal tells. Callers and workers, left without an answer, ask again. A journal
 * that cannot be read is another matter: see {@link RecoveryGuard}.
 */
public final class SessionEntity
    extends EventSourcedBehaviorWithEnforcedReplies<SessionInbox, ChainedEvent, ChainedSession> {

  /**
   * What an entity needs of the world around it.
   *
   * @param running where a turn that runs is found again by itself
   * @param live the sessions in this node's memory, of which this becomes one
   * @param shard where it asks to be passivated
   * @param mayWrite whether this node is known to be in its cluster still; while not, nothing is
   *     journaled, and nobody is told of anything
   * @param sealer makes of events what is stored
   * @param checkpoints where the chain's head is signed when something has ended
   * @param clock what the events are dated by
   */
  public record Surroundings(
      SessionSettings settings,
      WorkSubmitter submitter,
      RunningTurns running,
      LiveSessions<ActorRef<SessionInbox>> live,
      ActorRef<ClusterSharding.ShardCommand> shard,
      BooleanSupplier mayWrite,
      Sealer sealer,
      Checkpoints checkpoints,
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
  private final RunningMark mark;
  private final Steps steps;
  private final Callers callers;
  private final Workers workers;
  private final RecoveryGuard guard;
  private boolean passivating;

  private SessionEntity(
      SessionId id,
      Surroundings around,
      RecoveryGuard guard,
      ActorContext<SessionInbox> context,
      TimerScheduler<SessionInbox> timers) {
    super(
        persistenceId(id),
        SupervisorStrategy.restartWithBackoff(
            around.settings().journalRetry().min(), around.settings().journalRetry().max(), 0.2));
    this.id = id;
    this.around = around;
    this.settings = around.settings();
    this.guard = guard;
    this.context = context;
    this.timers = timers;
    this.attempts = new Attempts(id, settings, around.submitter(), context, timers);
    this.readers = new Readers(settings.reads());
    this.mark = new RunningMark(id, settings.journalRetry(), around.running(), context, timers);
    this.steps =
        new Steps(
            Effect(),
            around.clock(),
            settings.limits(),
            attempts,
            mark,
            around.mayWrite(),
            around.sealer(),
            around.checkpoints(),
            emptyState().head(),
            this::changed);
    this.callers = new Callers(id.tenant(), steps, around.submitter(), around.live()::isFull, mark);
    this.workers = new Workers(steps, attempts);
  }

  /**
   * The behaviour of the session {@code id}. A rejected event or a defect stops it, and the next
   * message starts it from its journal: restarting it in place would lose what it had stashed, the
   * shard's stop message perhaps, which is sent only once.
   */
  public static Behavior<SessionInbox> create(SessionId id, Surroundings around) {
    return Behaviors.setup(
        context -> {
          var guard = new RecoveryGuard(id, around.settings().passivateAfter(), context);
          return Behaviors.intercept(
              () -> guard,
              Behaviors.withTimers(
                  timers -> new SessionEntity(id, around, guard, context, timers)));
        });
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
  public ChainedSession emptyState() {
    return ChainedSession.absent(persistenceId(id).id());
  }

  @Override
  public EventHandler<ChainedSession, ChainedEvent> eventHandler() {
    return ChainedSession::apply;
  }

  @Override
  public RetentionCriteria retentionCriteria() {
    return RetentionCriteria.snapshotEvery(settings.snapshotEvery(), settings.snapshotsKept());
  }

  @Override
  public SignalHandler<ChainedSession> signalHandler() {
    return newSignalHandlerBuilder()
        .onSignal(RecoveryCompleted.instance(), state -> recovered(state.session()))
        .onSignal(RecoveryFailed.class, (state, failed) -> recoveryFailed(failed))
        .onSignal(PostStop.instance(), state -> around.live().remove(context.getSelf()))
        .build();
  }

  @Override
  public CommandHandlerWithReply<SessionInbox, ChainedEvent, ChainedSession> commandHandler() {
    return (state, message) -> {
      steps.behind(state.head());
      return handle(state.session(), message);
    };
  }

  private void recoveryFailed(RecoveryFailed failed) {
    around.live().remove(context.getSelf());
    guard.failed(failed.getFailure());
  }

  private void recovered(Session session) {
    guard.recovered();
    passivating = false;
    attempts.forget();
    if (session instanceof Generating generating) {
      int turn = generating.turn().spec().number();
      context.getLog().debug("recovered {} in turn {}", id, turn);
      mark.recovered(turn);
      attempts.recovered(generating.turn());
    } else {
      mark.clear();
    }
    changed(session);
    for (int i = 0; i < NUDGES; i++) {
      context.getSelf().tell(new Internal.Nudge());
    }
  }

  private ReplyEffect<ChainedEvent, ChainedSession> handle(Session session, SessionInbox message) {
    if (!around.mayWrite().getAsBoolean()) {
      // another may write by now, and what was applied here last may be no event: nothing of it is
      // told, and nothing else written, the list of running turns included
      return message instanceof Internal.Stop ? Effect().stop().thenNoReply() : Effect().noReply();
    }
    if (message instanceof AttemptReport report) {
      return workers.report(session, report);
    }
    if (message instanceof SessionCommand command) {
      passivating = false;
      if (command instanceof SessionCommand.ReadTurn read) {
        readers.read(read, session, steps.now());
        scheduleReads();
        return Effect().noReply();
      }
      return callers.answer(session, command);
    }
    if (message instanceof Internal internal) {
      return internal(session, internal);
    }
    context.getLog().warn("{} does not understand {}", id, message.getClass().getName());
    return Effect().noReply();
  }

  private ReplyEffect<ChainedEvent, ChainedSession> internal(Session session, Internal message) {
    if (message instanceof Internal.Stop) {
      readers.answerAll(session);
      if (session instanceof Generating generating) {
        attempts.moves(generating.turn());
      }
      return Effect().stop().thenNoReply();
    }
    if (message instanceof Internal.ReadsDue) {
      readers.answerDue(session, steps.now());
      scheduleReads();
      return Effect().noReply();
    }
    if (message instanceof Internal.Nudge) {
      return Effect().noReply();
    }
    if (message instanceof Internal.Quiet) {
      return quiet(session);
    }
    if (message instanceof Internal.Marked marked) {
      mark.written(marked);
      return Effect().noReply();
    }
    if (message instanceof Internal.Mark again) {
      mark.again(again);
      return Effect().noReply();
    }
    return session instanceof Generating generating
        ? workers.internal(generating, message)
        : Effect().noReply();
  }

  private ReplyEffect<ChainedEvent, ChainedSession> quiet(Session session) {
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

  /** The state is another one, or was recovered: readers hear of it, and quiet is watched for. */
  private void changed(Session session) {
    long bytes = session instanceof Existing existing ? existing.storedBytes() : 0;
    around.live().update(context.getSelf(), bytes, !(session instanceof Generating));
    readers.answerNews(session);
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
                    Duration.ofMillis(Math.max(1, due - steps.now()))));
  }
}
