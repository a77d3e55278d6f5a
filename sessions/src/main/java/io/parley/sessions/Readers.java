package io.parley.sessions;

import io.parley.sessions.SessionCommand.ReadTurn;
import io.parley.sessions.SessionCommand.RefusalReason;
import io.parley.sessions.SessionCommand.Reply;
import io.parley.sessions.SessionViews.Turn;
import io.parley.sessions.domain.Session;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Iterator;
import java.util.Optional;

/**
 * The reads that wait for something new. Soft: a reader whose answer was lost asks again. Bounded:
 * when too many wait, the one that waited longest is answered with what there is.
 */
final class Readers {
  private record Waiting(ReadTurn read, long dueMillis) {}

  private final SessionSettings.Reads settings;
  private final Deque<Waiting> waiting = new ArrayDeque<>();

  Readers(SessionSettings.Reads settings) {
    this.settings = settings;
  }

  /** Answers the read, or keeps it until there is something new. */
  void read(ReadTurn read, Session session, long nowMillis) {
    Optional<Turn> turn = SessionViews.turn(session, read.turn());
    if (turn.isEmpty() || hasNews(read, turn.get())) {
      answer(read, session);
      return;
    }
    // one that asks again since no answer came waits once, and no longer than it did
    if (waiting.stream().anyMatch(other -> other.read().replyTo().equals(read.replyTo()))) {
      return;
    }
    if (waiting.size() == settings.waitingMax()) {
      answer(waiting.removeFirst().read(), session);
    }
    waiting.addLast(new Waiting(read, nowMillis + settings.waitMax().toMillis()));
  }

  /** Answers the reads for which the session has something new. */
  void answerNews(Session session) {
    for (Iterator<Waiting> all = waiting.iterator(); all.hasNext(); ) {
      ReadTurn read = all.next().read();
      Optional<Turn> turn = SessionViews.turn(session, read.turn());
      if (turn.isEmpty() || hasNews(read, turn.get())) {
        all.remove();
        answer(read, session);
      }
    }
  }

  /** Answers the reads that waited long enough. */
  void answerDue(Session session, long nowMillis) {
    while (!waiting.isEmpty() && waiting.getFirst().dueMillis() <= nowMillis) {
      answer(waiting.removeFirst().read(), session);
    }
  }

  /** Answers all: the session leaves, and they had better ask again. */
  void answerAll(Session session) {
    waiting.forEach(w -> answer(w.read(), session));
    waiting.clear();
  }

  /** When the next read is due, or empty when none waits. */
  Optional<Long> nextDueMillis() {
    return Optional.ofNullable(waiting.peekFirst()).map(Waiting::dueMillis);
  }

  private static boolean hasNews(ReadTurn read, Turn turn) {
    return turn.ended()
        || turn.answer().size() > read.fromIndex()
        || (turn.prompt().isPresent() && !read.seenAdmitted());
  }

  private void answer(ReadTurn read, Session session) {
    int from = Math.max(0, read.fromIndex());
    Reply reply =
        SessionViews.turn(session, read.turn())
            .<Reply>map(
                turn ->
                    new Reply.TurnSlice(
                        turn.progress(),
                        from,
                        turn.answer().slice(from, settings.tokensMax(), settings.bytesMax())))
            .orElseGet(Readers::notFound);
    read.replyTo().tell(reply);
  }

  static Reply notFound() {
    return new Reply.Refused(
        RefusalReason.NOT_FOUND, "no such turn", Optional.empty(), Optional.empty());
  }
}
