package io.parley.node.chaos;

import static org.assertj.core.api.Assertions.assertThat;

import io.parley.node.chaos.Journal.Event;
import io.parley.node.chaos.Journal.Kind;
import io.parley.node.chaos.ObservedTurn.Api;
import io.parley.node.chaos.ObservedTurn.HttpAnswer;
import io.parley.node.chaos.ObservedTurn.Outcome;
import io.parley.node.chaos.ObservedTurn.Seen;
import io.parley.node.chaos.Violation.Check;
import io.parley.persistence.JournalRows.StoredRow;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** A good history passes, and each check fails on a history that breaks its promise. */
class CheckerTest {
  private static final String SESSION = "sess_a";
  private static final String KEY = "key-1";

  private final List<Event> events =
      new ArrayList<>(
          List.of(
              event(1, Kind.OTHER, 0, ""),
              event(2, Kind.STARTED, 1, KEY),
              event(3, Kind.ATTEMPT, 1, ""),
              tokens(4, 1, 0, 110, "the ", "sea "),
              event(5, Kind.ATTEMPT, 1, ""),
              tokens(6, 1, 2, 130, "is ", "wide"),
              completed(7, 1, ".")));

  private final List<Seen> seen =
      new ArrayList<>(
          List.of(
              seen(115, 0, "", "1"),
              seen(120, 2, "the sea ", "2"),
              seen(140, 3, "is ", "3"),
              seen(141, 4, "wide", "4"),
              seen(142, 4, ".", "5")));

  private Outcome outcome = Outcome.COMPLETED;
  private String code = "";
  private int number = 1;
  private final List<HttpAnswer> answers = new ArrayList<>();

  private static Event event(long sequence, Kind kind, int turn, String key) {
    return new Event(sequence, kind, 100, turn, 1, key, 0, List.of(), "", 7);
  }

  private static Event tokens(
      long sequence, int turn, int firstIndex, long atMillis, String... texts) {
    return new Event(
        sequence, Kind.TOKENS, atMillis, turn, 1, "", firstIndex, List.of(texts), "", 0);
  }

  private static Event completed(long sequence, int turn, String tail) {
    return new Event(sequence, Kind.COMPLETED, 140, turn, 1, "", 0, List.of(), tail, 0);
  }

  private static Seen seen(long atMillis, int tokens, String text, String id) {
    return new Seen(atMillis * 1_000_000, atMillis, tokens, text, id);
  }

  private static StoredRow row(long sequence, String writer) {
    return new StoredRow(sequence, writer, 0);
  }

  private List<StoredRow> rows() {
    return IntStream.rangeClosed(1, events.size())
        .mapToObj(sequence -> row(sequence, sequence < 5 ? "w1" : "w2"))
        .toList();
  }

  private List<Check> broken() {
    return broken(rows());
  }

  private List<Check> broken(List<StoredRow> rows) {
    ObservedTurn turn =
        new ObservedTurn(Api.CHAT, "acme", KEY, number, outcome, code, 1, seen, answers);
    return Checker.check(SESSION, List.of(turn, turn), new Journal(events, rows)).stream()
        .map(Violation::check)
        .distinct()
        .toList();
  }

  @Test
  void aGoodHistoryPasses() {
    answers.add(new HttpAnswer(1, 0, 503, "journal_unavailable", true));
    answers.add(new HttpAnswer(1, 0, 429, "overloaded", true));

    assertThat(broken()).isEmpty();
  }

  @Test
  void findsAnEventThatIsMissing() {
    events.set(0, event(1, Kind.STARTED, 1, KEY));
    events.set(1, event(3, Kind.OTHER, 0, ""));

    assertThat(broken()).contains(Check.JOURNAL_WHOLE);
  }

  @Test
  void findsARowThatIsMissing() {
    List<StoredRow> rows = new ArrayList<>(rows());
    rows.remove(3);

    assertThat(broken(rows)).containsOnly(Check.JOURNAL_WHOLE);
  }

  @Test
  void findsTwoRowsOfOneWriterUnderOneNumber() {
    List<StoredRow> rows = new ArrayList<>(rows());
    rows.add(4, rows.get(3));

    assertThat(broken(rows)).containsOnly(Check.JOURNAL_WHOLE);
  }

  @Test
  void aRowThatCameLateIsNoEvent() {
    List<StoredRow> before = new ArrayList<>(rows());
    before.add(4, new StoredRow(5, "w1", -1)); // w2 begins with 5
    List<StoredRow> behind = new ArrayList<>(rows());
    behind.add(5, new StoredRow(5, "w1", -1));

    assertThat(broken(before)).isEmpty();
    assertThat(broken(behind)).isEmpty();
  }

  @Test
  void findsAWriterThatGoesOnBehindItsFollower() {
    List<StoredRow> rows = new ArrayList<>(rows());
    rows.add(6, new StoredRow(6, "w1", 1));

    assertThat(broken(rows)).containsOnly(Check.ONE_WRITER);
  }

  @Test
  void findsATurnThatStartedTwice() {
    events.set(0, event(1, Kind.STARTED, 1, KEY));

    assertThat(broken()).containsOnly(Check.TURN_SOUND);
  }

  @Test
  void findsTokensThatAreMissingInTheJournal() {
    events.set(5, tokens(6, 1, 3, 130, "is ", "wide"));

    assertThat(broken()).containsOnly(Check.TURN_SOUND);
  }

  @Test
  void findsTokensBehindTheEnd() {
    events.set(2, completed(3, 1, "."));

    assertThat(broken()).contains(Check.TURN_SOUND);
  }

  @Test
  void findsATurnThatDidNotEnd() {
    events.remove(6);
    seen.remove(4);
    outcome = Outcome.LEFT;

    assertThat(broken()).containsOnly(Check.TURN_SOUND);
  }

  @Test
  void findsAKeyThatMeansTwoTurns() {
    events.add(event(8, Kind.STARTED, 2, KEY));
    events.add(completed(9, 2, ""));

    assertThat(broken()).containsOnly(Check.ACKNOWLEDGED);
  }

  @Test
  void findsAnAcknowledgedTurnThatIsNotThere() {
    number = 2;

    assertThat(broken()).containsOnly(Check.ACKNOWLEDGED);
  }

  @Test
  void findsATokenThatWasShownTwice() {
    seen.add(3, seen(140, 3, "is ", "3b"));

    assertThat(broken()).containsOnly(Check.STREAM);
  }

  @Test
  void findsAnEventThatCameTwice() {
    seen.add(3, seen(140, 3, "", "3"));

    assertThat(broken()).containsOnly(Check.STREAM);
  }

  @Test
  void findsATokenThatWasLeftOut() {
    seen.remove(2);

    assertThat(broken()).containsOnly(Check.STREAM);
  }

  @Test
  void findsATokenThatChanged() {
    seen.set(2, seen(140, 3, "was ", "3"));

    assertThat(broken()).containsOnly(Check.STREAM);
  }

  @Test
  void findsTokensThatTheJournalDoesNotHave() {
    seen.set(4, seen(142, 5, ".", "5"));

    assertThat(broken()).containsOnly(Check.STREAM);
  }

  @Test
  void findsAnEndThatCameTooEarly() {
    seen.subList(3, 5).clear();

    assertThat(broken()).containsOnly(Check.STREAM);
  }

  @Test
  void findsATokenThatWasShownBeforeItWasStored() {
    seen.set(2, seen(129, 3, "is ", "3"));

    assertThat(broken()).containsOnly(Check.SHOWN_MEANS_STORED);
  }

  @Test
  void findsAnEndThatIsAnother() {
    events.set(6, event(7, Kind.FAILED, 1, ""));
    seen.remove(4);

    assertThat(broken()).containsOnly(Check.END);
  }

  @Test
  void findsACancellationThatNobodyAskedFor() {
    events.set(6, event(7, Kind.CANCELLED, 1, ""));
    seen.remove(4);
    outcome = Outcome.CANCELLED;

    assertThat(broken()).containsOnly(Check.END);
  }

  @Test
  void findsATurnThatFailed() {
    events.set(6, event(7, Kind.FAILED, 1, ""));
    seen.remove(4);
    outcome = Outcome.FAILED;
    code = "worker_lost";

    assertThat(broken()).containsOnly(Check.NO_FAILURE);
  }

  @Test
  void findsAClientWithoutAnAnswer() {
    outcome = Outcome.UNANSWERED;
    seen.remove(4);

    assertThat(broken()).containsOnly(Check.ANSWERED);
  }

  @Test
  void findsAnAnswerThatIsNotDocumented() {
    answers.add(new HttpAnswer(1, 0, 500, "", false));

    assertThat(broken()).containsOnly(Check.DOCUMENTED);
  }

  @Test
  void findsARefusalThatDoesNotSayWhenToComeAgain() {
    answers.add(new HttpAnswer(1, 0, 429, "overloaded", false));

    assertThat(broken()).containsOnly(Check.DOCUMENTED);
  }

  @Test
  void countsWhatAnotherAttemptWentThroughAgain() {
    events.set(2, event(3, Kind.ADMITTED, 1, ""));
    events.add(3, event(4, Kind.ATTEMPT, 1, ""));

    assertThat(new Journal(events, List.of()).turns())
        .singleElement()
        .satisfies(
            turn -> {
              assertThat(turn.text()).isEqualTo("the sea is wide.");
              assertThat(turn.attempts()).hasSize(2);
              assertThat(turn.computedAgain()).isEqualTo(7 + 2);
            });
  }
}
