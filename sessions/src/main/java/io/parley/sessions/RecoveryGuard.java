package io.parley.sessions;

import akka.actor.typed.ActorRef;
import akka.actor.typed.Behavior;
import akka.actor.typed.BehaviorInterceptor;
import akka.actor.typed.TypedActorContext;
import akka.actor.typed.javadsl.ActorContext;
import akka.actor.typed.javadsl.Behaviors;
import io.parley.routing.protocol.AttemptReport;
import io.parley.routing.protocol.SessionId;
import io.parley.routing.protocol.SessionInbox;
import io.parley.routing.protocol.WorkerMessage.DropAttempt;
import io.parley.sessions.SessionCommand.RefusalReason;
import io.parley.sessions.SessionCommand.Reply;
import java.io.NotSerializableException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Tells a journal that is away, which another recovery heals, from one that cannot be read: an
 * event that this version does not know or cannot decode, or one that the replay filter refuses
 * because two nodes wrote. Of the latter somebody must be told who can act; the session refuses all
 * until it leaves memory, and is tried again when it is next asked.
 */
final class RecoveryGuard extends BehaviorInterceptor<SessionInbox, SessionInbox> {
  /** Not the entity's, whose news of a journal that is away a node keeps from the terminal. */
  private static final Logger LOG = LoggerFactory.getLogger(RecoveryGuard.class);

  private static final int WAITING_MAX = 64;
  private static final Reply UNREADABLE =
      new Reply.Refused(
          RefusalReason.UNREADABLE,
          "the session's journal cannot be read",
          Optional.empty(),
          Optional.empty());

  private final SessionId session;
  private final Duration passivateAfter;
  private final ActorContext<SessionInbox> context;
  private final Deque<ActorRef<Reply>> waiting = new ArrayDeque<>();
  private boolean recovering = true;
  private boolean unreadable;

  RecoveryGuard(SessionId session, Duration passivateAfter, ActorContext<SessionInbox> context) {
    super(SessionInbox.class);
    this.session = session;
    this.passivateAfter = passivateAfter;
    this.context = context;
  }

  /** Commands are handled from now on. */
  void recovered() {
    recovering = false;
    waiting.clear();
  }

  /** The recovery failed; unless for good, another one follows. */
  void failed(Throwable cause) {
    if (!unreadable && isUnreadable(cause)) {
      unreadable = true; // Akka tells of one failure twice
      LOG.error(
          "The journal of session {} cannot be read; it refuses all requests", session, cause);
      context.getSelf().tell(new Internal.Unreadable());
    }
  }

  private static boolean isUnreadable(Throwable failure) {
    for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
      // the replay filter has no exception of its own
      boolean filtered =
          cause instanceof IllegalStateException
              && String.valueOf(cause.getMessage()).startsWith("Invalid replayed event");
      if (filtered || cause instanceof NotSerializableException) {
        return true;
      }
    }
    return false;
  }

  @Override
  public Behavior<SessionInbox> aroundReceive(
      TypedActorContext<SessionInbox> ctx,
      SessionInbox message,
      ReceiveTarget<SessionInbox> target) {
    if (message instanceof Internal.Unreadable) {
      waiting.forEach(replyTo -> replyTo.tell(UNREADABLE));
      waiting.clear();
      recovering = false;
      context.setReceiveTimeout(passivateAfter, new Internal.Quiet());
      return unreadable().narrow();
    }
    if (recovering && message instanceof SessionCommand command) {
      if (waiting.size() == WAITING_MAX) {
        waiting.removeFirst(); // who waits longest has given up and asked again
      }
      waiting.addLast(command.replyTo());
    }
    return target.apply(ctx, message);
  }

  /** Takes whatever comes, also what the recovery's supervisor had sent itself. */
  private static Behavior<Object> unreadable() {
    return Behaviors.receiveMessage(
        message -> {
          if (message instanceof SessionCommand command) {
            command.replyTo().tell(UNREADABLE);
          } else if (message instanceof AttemptReport report) {
            report.from().ifPresent(worker -> worker.tell(new DropAttempt(report.id())));
          } else if (message instanceof Internal.Stop || message instanceof Internal.Quiet) {
            return Behaviors.stopped();
          }
          return Behaviors.same();
        });
  }
}
