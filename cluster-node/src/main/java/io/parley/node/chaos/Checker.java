package io.parley.node.chaos;

import io.parley.node.chaos.Journal.Kind;
import io.parley.node.chaos.ObservedTurn.Api;
import io.parley.node.chaos.ObservedTurn.HttpAnswer;
import io.parley.node.chaos.ObservedTurn.Outcome;
import io.parley.node.chaos.ObservedTurn.Seen;
import io.parley.node.chaos.Violation.Check;
import io.parley.persistence.JournalRows.StoredRow;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Compares what clients saw of one session with what is stored of it. Pure: the same history gives
 * the same violations.
 */
final class Checker {
  /** Why a turn may fail under more load than the cluster carries. */
  private static final String QUEUE_TIMEOUT = "queue_timeout";

  /** Answers that a client of this bench may get, by status; see docs/users.md. */
  private static final Map<Integer, Set<String>> DOCUMENTED =
      Map.of(
          404, Set.of("not_found"),
          409, Set.of("turn_running", "turn_cancelled"),
          429, Set.of("overloaded", "too_many_requests", QUEUE_TIMEOUT),
          503,
              Set.of(
                  "journal_unavailable",
                  "node_stopping",
                  "no_worker",
                  "worker_lost",
                  "first_token_timeout",
                  "attempts_exhausted"));

  private final String session;
  private final List<Violation> violations = new ArrayList<>();

  private Checker(String session) {
    this.session = session;
  }

  /**
   * Checks a session whose clients have all come to an end.
   *
   * @param observed its turns, each as often as clients asked for it
   */
  static List<Violation> check(String session, List<ObservedTurn> observed, Journal journal) {
    Checker checker = new Checker(session);
    checker.whole(journal);
    checker.oneWriter(journal);
    List<Journal.Turn> turns = journal.turns();
    turns.forEach(checker::sound);
    for (ObservedTurn turn : observed) {
      checker.answered(turn);
      checker.acknowledged(turn, turns);
      turns.stream()
          .filter(each -> each.number() == turn.number())
          .forEach(each -> checker.compare(turn, each));
    }
    return checker.violations;
  }

  private void violated(Check check, String detail) {
    violations.add(new Violation(check, session, detail));
  }

  private void whole(Journal journal) {
    long expected = 1;
    for (Journal.Event event : journal.events()) {
      if (event.sequence() != expected) {
        violated(
            Check.JOURNAL_WHOLE, "event " + event.sequence() + " where " + expected + " should be");
      }
      expected = event.sequence() + 1;
    }
  }

  /**
   * A writer that another one followed writes no more. A row that it had begun before the other
   * one's first may come late, under a number that the other one used as well: it is no event.
   */
  private void oneWriter(Journal journal) {
    Map<String, Long> followedAtMillis = new HashMap<>();
    String writer = "";
    for (StoredRow row : journal.rows()) {
      if (followedAtMillis.containsKey(row.writer())) {
        if (row.storedAtMillis() > followedAtMillis.get(row.writer())) {
          violated(
              Check.ONE_WRITER,
              "row %d is of a writer that another one had followed %d ms before"
                  .formatted(
                      row.sequenceNr(), row.storedAtMillis() - followedAtMillis.get(row.writer())));
        }
      } else if (!row.writer().equals(writer)) {
        if (!writer.isEmpty()) {
          followedAtMillis.put(writer, row.storedAtMillis());
        }
        writer = row.writer();
      }
    }
    long expected = 1;
    for (StoredRow row : journal.writtenRows()) {
      if (row.sequenceNr() != expected) {
        violated(
            Check.JOURNAL_WHOLE, "row " + row.sequenceNr() + " where " + expected + " should be");
      }
      expected = row.sequenceNr() + 1;
    }
    if (journal.writtenRows().size() != journal.events().size()) {
      violated(
          Check.JOURNAL_WHOLE,
          "%d events and %d rows that are events"
              .formatted(journal.events().size(), journal.writtenRows().size()));
    }
  }

  private void sound(Journal.Turn turn) {
    if (turn.starts() != 1) {
      violated(Check.TURN_SOUND, "turn " + turn.number() + " started " + turn.starts() + " times");
    }
    if (!turn.gapless()) {
      violated(Check.TURN_SOUND, "the tokens of turn " + turn.number() + " have a gap");
    }
    if (turn.ends() != 1) {
      violated(Check.TURN_SOUND, "turn " + turn.number() + " ended " + turn.ends() + " times");
    }
  }

  private void answered(ObservedTurn turn) {
    if (turn.outcome() == Outcome.UNANSWERED || turn.outcome() == Outcome.RUNNING) {
      violated(
          Check.ANSWERED,
          "turn %d (key %s) got %d tokens and no end; last %s"
              .formatted(turn.number(), turn.key(), tokens(turn), last(turn.answers())));
    }
    if (turn.outcome() == Outcome.FAILED && !turn.code().equals(QUEUE_TIMEOUT)) {
      violated(Check.NO_FAILURE, "turn " + turn.number() + " failed: " + turn.code());
    }
    for (HttpAnswer answer : turn.answers()) {
      undocumented(answer).ifPresent(what -> violated(Check.DOCUMENTED, what));
    }
  }

  /** What is wrong with an answer that was no success. */
  static Optional<String> undocumented(HttpAnswer answer) {
    boolean known = DOCUMENTED.getOrDefault(answer.status(), Set.of()).contains(answer.code());
    boolean mustSayWhen = answer.status() == 429 || answer.status() == 503;
    boolean again = !mustSayWhen || answer.retryAfter();
    return known && again
        ? Optional.empty()
        : Optional.of(
            "edge %d answered %d '%s'%s at %d"
                .formatted(
                    answer.node(),
                    answer.status(),
                    answer.code(),
                    again ? "" : " without Retry-After",
                    answer.atMillis()));
  }

  private static int tokens(ObservedTurn turn) {
    return turn.seen().isEmpty() ? 0 : turn.seen().get(turn.seen().size() - 1).tokens();
  }

  private static String last(List<HttpAnswer> answers) {
    return answers.isEmpty() ? "no answer" : answers.get(answers.size() - 1).toString();
  }

  private void acknowledged(ObservedTurn turn, List<Journal.Turn> turns) {
    if (!turn.key().isEmpty()) {
      long withKey = turns.stream().filter(each -> each.key().equals(turn.key())).count();
      if (withKey > 1) {
        violated(Check.ACKNOWLEDGED, "the key " + turn.key() + " means " + withKey + " turns");
      }
    }
    if (turn.number() > 0
        && turns.stream()
            .noneMatch(
                each ->
                    each.number() == turn.number()
                        && (turn.key().isEmpty() || each.key().equals(turn.key())))) {
      violated(
          Check.ACKNOWLEDGED, "turn " + turn.number() + " of " + turn.key() + " is not journaled");
    }
  }

  private void compare(ObservedTurn turn, Journal.Turn stored) {
    Set<String> ids = new HashSet<>();
    int tokens = 0;
    StringBuilder text = new StringBuilder();
    for (Seen part : turn.seen()) {
      if (!part.id().isEmpty() && !ids.add(part.id())) {
        violated(Check.STREAM, "turn " + turn.number() + ": event " + part.id() + " came twice");
      }
      if (part.tokens() < tokens || part.tokens() > stored.texts().size()) {
        violated(
            Check.STREAM,
            "turn %d: %d tokens seen behind %d, and %d are journaled"
                .formatted(turn.number(), part.tokens(), tokens, stored.texts().size()));
        return;
      }
      tokens = part.tokens();
      text.append(part.text());
      storedBefore(turn, part, stored);
    }
    boolean completed = turn.outcome() == Outcome.COMPLETED;
    String upTo = String.join("", stored.texts().subList(0, tokens));
    String expected = completed ? stored.text() : upTo;
    if (!text.toString().equals(expected)) {
      violated(
          Check.STREAM, "turn " + turn.number() + ": " + difference(expected, text.toString()));
    }
    if (completed && tokens != stored.texts().size()) {
      violated(
          Check.STREAM,
          "turn %d: the end came behind %d of %d tokens"
              .formatted(turn.number(), tokens, stored.texts().size()));
    }
    end(turn, stored);
  }

  private void storedBefore(ObservedTurn turn, Seen part, Journal.Turn stored) {
    if (part.tokens() > 0 && stored.atMillis().get(part.tokens() - 1) > part.atMillis()) {
      violated(
          Check.SHOWN_MEANS_STORED,
          "turn %d: token %d was seen %d ms before it was journaled"
              .formatted(
                  turn.number(),
                  part.tokens() - 1,
                  stored.atMillis().get(part.tokens() - 1) - part.atMillis()));
    }
  }

  private void end(ObservedTurn turn, Journal.Turn stored) {
    Kind told =
        switch (turn.outcome()) {
          case COMPLETED -> Kind.COMPLETED;
          case FAILED -> Kind.FAILED;
          case CANCELLED -> Kind.CANCELLED;
          case RUNNING, LEFT, UNANSWERED -> stored.end().orElse(Kind.OTHER);
        };
    if (stored.end().isPresent() && stored.end().get() != told) {
      violated(
          Check.END,
          "turn %d was told to be %s and is %s".formatted(turn.number(), told, stored.end().get()));
    }
    if (turn.outcome() == Outcome.CANCELLED && turn.api() != Api.WHOLE) {
      violated(Check.END, "turn " + turn.number() + " was cancelled, and its reader was there");
    }
  }

  private static String difference(String expected, String seen) {
    int at = 0;
    while (at < Math.min(expected.length(), seen.length())
        && expected.charAt(at) == seen.charAt(at)) {
      at++;
    }
    return "%d characters seen and %d journaled, different from %d on: '%s' and '%s'"
        .formatted(seen.length(), expected.length(), at, cut(seen, at), cut(expected, at));
  }

  private static String cut(String text, int at) {
    return text.substring(at, Math.min(text.length(), at + 40));
  }
}
