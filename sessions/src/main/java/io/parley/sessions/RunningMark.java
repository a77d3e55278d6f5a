package io.parley.sessions;

import akka.actor.typed.ActorRef;
import akka.actor.typed.javadsl.ActorContext;
import akka.actor.typed.javadsl.TimerScheduler;
import io.parley.persistence.RunningTurns;
import io.parley.routing.protocol.SessionId;
import io.parley.routing.protocol.SessionInbox;
import io.parley.sessions.SessionCommand.Reply;
import java.util.ArrayDeque;
import java.util.Deque;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps the session's entry in the list of turns that run: written when a turn has begun, taken
 * away when it has ended. A write that fails is repeated while the turn runs; a removal that fails
 * is made up for by {@link TurnResumer}. The entry is hard, what is known of it here is soft.
 */
final class RunningMark {
  private static final Logger LOG = LoggerFactory.getLogger(RunningMark.class);
  private static final int WAITING_MAX = 64;

  private record Waiting(ActorRef<Reply> replyTo, Reply reply) {}

  private final SessionId session;
  private final SessionSettings.Backoff retry;
  private final RunningTurns list;
  private final ActorContext<SessionInbox> context;
  private final TimerScheduler<SessionInbox> timers;
  private final Deque<Waiting> waiting = new ArrayDeque<>();
  private int turn; // 0 for none
  private boolean stored;

  RunningMark(
      SessionId session,
      SessionSettings.Backoff retry,
      RunningTurns list,
      ActorContext<SessionInbox> context,
      TimerScheduler<SessionInbox> timers) {
    this.session = session;
    this.retry = retry;
    this.list = list;
    this.context = context;
    this.timers = timers;
  }

  /** This turn runs. */
  void set(int number) {
    if (turn != number) {
      turn = number;
      stored = false;
      write();
    }
  }

  /**
   * A recovery found that this turn runs. What began it has cancelled the next try of a write that
   * had failed, and may have lost the list's answer.
   */
  void recovered(int number) {
    if (turn == number && !stored) {
      write();
    }
    set(number);
  }

  /** No turn runs. */
  void clear() {
    if (turn != 0) {
      remove(turn);
      turn = 0;
      timers.cancel(Internal.Mark.class);
      tellAll();
    }
  }

  /** Takes a turn that does not run out of the list. */
  void remove(int number) {
    list.remove(entry(number))
        .whenComplete(
            (done, failure) -> {
              if (failure != null) {
                LOG.debug("{} stays in the list of running turns", session, failure);
              }
            });
  }

  /** Gives the answer when the running turn would be found again by itself. */
  void tellWhenStored(int number, ActorRef<Reply> replyTo, Reply reply) {
    set(number);
    if (stored) {
      replyTo.tell(reply);
      return;
    }
    if (waiting.size() == WAITING_MAX) {
      // who waits longest has given up and asked again
      waiting.removeFirst();
    }
    waiting.addLast(new Waiting(replyTo, reply));
  }

  /** The list has answered. */
  void written(Internal.Marked marked) {
    if (marked.turn() != turn || stored) {
      return;
    }
    if (marked.ok()) {
      stored = true;
      tellAll();
    } else {
      timers.startSingleTimer(Internal.Mark.class, new Internal.Mark(turn), retry.max());
    }
  }

  /** Tries again. */
  void again(Internal.Mark mark) {
    if (mark.turn() == turn && !stored) {
      write();
    }
  }

  private void write() {
    int number = turn;
    context.pipeToSelf(
        list.add(entry(number)),
        (done, failure) -> {
          if (failure != null) {
            LOG.warn("{} is not in the list of running turns yet", session, failure);
          }
          return new Internal.Marked(number, failure == null);
        });
  }

  private RunningTurns.Entry entry(int number) {
    return new RunningTurns.Entry(session.entityId(), number);
  }

  private void tellAll() {
    waiting.forEach(w -> w.replyTo().tell(w.reply()));
    waiting.clear();
  }
}
