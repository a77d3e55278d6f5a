package io.parley.node.chaos;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;

/** What clients asked and saw of each session, until it was checked. Safe from any thread. */
final class History {
  private final Map<String, Session> sessions = new LinkedHashMap<>(); // guarded by this

  /** A session and what clients asked of it. */
  private static final class Session {
    private final Tenant tenant;
    private final List<ClientTurn> turns = new ArrayList<>();
    private boolean closed;

    Session(Tenant tenant) {
      this.tenant = tenant;
    }
  }

  /** A session that no client asks for any more. */
  record Finished(String session, Tenant tenant, List<ClientTurn> turns) {}

  synchronized void add(ClientTurn turn) {
    sessions.computeIfAbsent(turn.session(), ignored -> new Session(turn.tenant())).turns.add(turn);
  }

  /** Nobody is going to ask for this session. */
  synchronized void close(String session) {
    Session closing = sessions.get(session);
    if (closing != null) {
      closing.closed = true;
    }
  }

  /** Turns that are asked for now. */
  synchronized List<ClientTurn> running(Predicate<ClientTurn> wanted) {
    return sessions.values().stream()
        .flatMap(session -> session.turns.stream())
        .filter(ClientTurn::isRunning)
        .filter(wanted)
        .toList();
  }

  /** All turns of sessions that are not checked yet. */
  synchronized List<ClientTurn> all() {
    return sessions.values().stream().flatMap(session -> session.turns.stream()).toList();
  }

  /** Takes out the sessions that can be checked. */
  synchronized List<Finished> takeFinished() {
    List<Finished> finished = new ArrayList<>();
    sessions
        .entrySet()
        .removeIf(
            entry -> {
              Session session = entry.getValue();
              boolean done =
                  session.closed && session.turns.stream().noneMatch(ClientTurn::isRunning);
              if (done) {
                finished.add(
                    new Finished(entry.getKey(), session.tenant, List.copyOf(session.turns)));
              }
              return done;
            });
    return finished;
  }
}
