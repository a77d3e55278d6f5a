package io.parley.sessions.domain;

import static org.assertj.core.api.Assertions.assertThat;

import io.parley.persistence.chain.ChainHead;
import io.parley.routing.protocol.FailureCode;
import io.parley.routing.protocol.Token;
import io.parley.sessions.SessionCommand.Failure;
import io.parley.sessions.domain.SessionAction.AppendMessages;
import io.parley.sessions.domain.SessionAction.CancelTurn;
import io.parley.sessions.domain.SessionAction.Create;
import io.parley.sessions.domain.SessionAction.Delete;
import io.parley.sessions.domain.SessionAction.DeleteTurn;
import io.parley.sessions.domain.SessionAction.FailTurn;
import io.parley.sessions.domain.SessionAction.LoseAttempt;
import io.parley.sessions.domain.SessionAction.SetMetadata;
import io.parley.sessions.domain.SessionEvent.AttemptStarted;
import io.parley.sessions.domain.SessionEvent.TokensAppended;
import io.parley.sessions.domain.SessionEvent.TurnCancelled;
import io.parley.sessions.domain.SessionEvent.TurnCompleted;
import io.parley.sessions.domain.SessionEvent.TurnFailed;
import io.parley.sessions.domain.SessionEvent.TurnStarted;
import io.parley.sessions.journal.ChainedEvent;
import io.parley.sessions.journal.ChainedSession;
import io.parley.sessions.journal.SessionSerializer;
import java.io.NotSerializableException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.EdgeCasesMode;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.Tuple;

/** Random orders, losses, repeats and stale reports; the promises hold after each step. */
class SessionPropertyTest {
  private static final SessionLimits LIMITS = new SessionLimits(6, 8000, 20_000, 3);
  private final SessionSerializer serializer = new SessionSerializer();

  @Provide
  Arbitrary<List<SessionAction>> actions() {
    Arbitrary<Integer> turns = Arbitraries.integers().between(1, 4);
    Arbitrary<Integer> attempts = Arbitraries.integers().between(1, 3);
    Arbitrary<Integer> firsts = Arbitraries.integers().between(0, 12);
    Arbitrary<Integer> sizes = Arbitraries.integers().between(0, 6);
    Arbitrary<Integer> keys = Arbitraries.integers().between(1, 8);
    Arbitrary<SessionAction> group =
        Combinators.combine(turns, attempts, firsts, sizes)
            .as((t, a, f, n) -> Sessions.append(t, a, f, texts(n)));
    Arbitrary<SessionAction> finish =
        Combinators.combine(turns, attempts, firsts, sizes)
            .as((t, a, f, n) -> Sessions.finish(t, a, f, texts(n)));
    Failure late = new Failure(FailureCode.QUEUE_TIMEOUT, "late");
    Arbitrary<SessionAction> one =
        Arbitraries.frequencyOf(
            Tuple.of(8, keys.map(k -> Sessions.start("k" + k))),
            Tuple.of(
                3, Combinators.combine(turns, keys).as((t, k) -> Sessions.startAfter(t, "k" + k))),
            Tuple.of(12, group),
            Tuple.of(6, finish),
            Tuple.of(
                4,
                Combinators.combine(turns, attempts)
                    .as((t, a) -> new LoseAttempt(t, a, Sessions.LOST))),
            Tuple.of(
                1, Combinators.combine(turns, attempts).as((t, a) -> new FailTurn(t, a, late))),
            Tuple.of(2, turns.map(CancelTurn::new)),
            Tuple.of(1, turns.map(DeleteTurn::new)),
            Tuple.of(1, keys.map(k -> new AppendMessages("m" + k, List.of(Sessions.user("more"))))),
            Tuple.of(1, keys.map(k -> new SetMetadata(Map.of("k", "v" + k)))),
            Tuple.of(1, Arbitraries.just(new Create("f", List.of(), Map.of()))));
    return Combinators.combine(one.list().ofMaxSize(80), Arbitraries.of(true, false))
        .as(
            (list, delete) -> {
              List<SessionAction> all = new ArrayList<>(list);
              if (delete) {
                all.add(new Delete());
                all.addAll(list.subList(0, Math.min(3, list.size())));
              }
              return all;
            });
  }

  private static String[] texts(int n) {
    String[] texts = new String[n];
    java.util.Arrays.fill(texts, "é");
    return texts;
  }

  @Property(tries = 150, edgeCases = EdgeCasesMode.NONE)
  void promisesHoldAfterEveryStep(@ForAll("actions") List<SessionAction> actions)
      throws NotSerializableException {
    Session live = new Absent();
    List<SessionEvent> journal = new ArrayList<>();
    long now = 0;
    for (SessionAction action : actions) {
      Decision decision = live.decide(action, ++now, LIMITS);
      if (decision instanceof Decision.Accept accept) {
        assertThat(accept.events()).isNotEmpty();
        journal.addAll(accept.events());
        live = live.applyAll(accept.events());
      }
    }
    check(journal);
    assertThat(new Absent().applyAll(stored(journal))).isEqualTo(live);
    if (!journal.isEmpty()) {
      assertThat(stored(live)).isEqualTo(live);
      // a snapshot taken in the middle, and the events after it
      int middle = journal.size() / 2;
      Session then = new Absent().applyAll(journal.subList(0, middle));
      Session resumed = middle == 0 ? then : stored(then);
      assertThat(resumed.applyAll(journal.subList(middle, journal.size()))).isEqualTo(live);
    }
    if (live instanceof Existing existing) {
      Conversation c = existing.conversation();
      assertThat(c)
          .isEqualTo(
              Conversation.of(
                  c.createdAt(), c.fingerprint(), c.metadata(), c.history(), c.entries()));
    }
  }

  /** One turn at a time, each ends once, indices without gap or repeat, attempts in order. */
  private static void check(List<SessionEvent> journal) {
    int running = 0;
    int lastTurn = 0;
    Map<Integer, Integer> attempts = new HashMap<>();
    Map<Integer, Integer> tokens = new HashMap<>();
    Set<Integer> ended = new HashSet<>();
    Set<String> keys = new HashSet<>();
    for (SessionEvent event : journal) {
      if (event instanceof TurnStarted e) {
        assertThat(running).isZero();
        assertThat(e.turn()).isEqualTo(++lastTurn);
        assertThat(keys.add(e.key())).isTrue();
        running = e.turn();
      } else if (event instanceof AttemptStarted e) {
        assertThat(e.turn()).isEqualTo(running);
        assertThat(e.attempt()).isEqualTo(attempts.merge(e.turn(), 1, Integer::sum));
      } else if (event instanceof TokensAppended e) {
        assertThat(e.turn()).isEqualTo(running);
        assertThat(e.attempt()).isEqualTo(attempts.get(e.turn()));
        int next = tokens.getOrDefault(e.turn(), 0);
        assertThat(e.firstIndex()).isEqualTo(next);
        for (Token token : e.tokens()) {
          assertThat(token.id()).isEqualTo(100 + next++);
        }
        tokens.put(e.turn(), next);
      } else if (event instanceof TurnCompleted
          || event instanceof TurnFailed
          || event instanceof TurnCancelled) {
        assertThat(ended.add(running)).isTrue();
        running = 0;
      }
    }
  }

  private List<SessionEvent> stored(List<SessionEvent> events) throws NotSerializableException {
    List<SessionEvent> stored = new ArrayList<>();
    for (SessionEvent event : events) {
      Object back = serializer.fromBinary(serializer.toBinary(event), serializer.manifest(event));
      stored.add(((ChainedEvent) back).event());
    }
    return stored;
  }

  private Session stored(Session session) throws NotSerializableException {
    ChainedSession chained = new ChainedSession(session, ChainHead.begin("session|default/s"));
    Object back = serializer.fromBinary(serializer.toBinary(chained), serializer.manifest(chained));
    return ((ChainedSession) back).session();
  }
}
