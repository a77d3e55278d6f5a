package io.parley.node.chaos;

import io.parley.persistence.JournalRows.StoredRow;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;

/**
 * What is stored of a session.
 *
 * @param events as the API gives them
 * @param rows as they are stored, with their writers
 */
record Journal(List<Event> events, List<StoredRow> rows) {
  Journal {
    events = List.copyOf(events);
    rows = List.copyOf(rows);
  }

  /**
   * The rows that are events. A writer that another one followed writes no more: what it has from
   * the number on at which the other one began was begun before, came late, and was told to nobody.
   */
  List<StoredRow> writtenRows() {
    List<StoredRow> written = new ArrayList<>();
    Set<String> followed = new HashSet<>();
    for (StoredRow row : rows) {
      if (followed.contains(row.writer())) {
        continue;
      }
      if (!written.isEmpty()) {
        StoredRow before = written.get(written.size() - 1);
        if (!before.writer().equals(row.writer())) {
          followed.add(before.writer());
          written.removeIf(each -> each.sequenceNr() >= row.sequenceNr());
        }
      }
      written.add(row);
    }
    return written;
  }

  /** What an event is; {@code OTHER} says nothing about turns. */
  enum Kind {
    STARTED,
    ATTEMPT,
    ADMITTED,
    TOKENS,
    COMPLETED,
    CANCELLED,
    FAILED,
    OTHER;

    boolean isEnd() {
      return this == COMPLETED || this == CANCELLED || this == FAILED;
    }
  }

  /**
   * One event.
   *
   * @param key of a start: the turn's key
   * @param firstIndex of tokens: the index of the first
   * @param texts of tokens: their texts
   * @param tail of a completion: the text behind the last token
   * @param promptTokens of an admission: the prompt's length
   */
  record Event(
      long sequence,
      Kind kind,
      long atMillis,
      int turn,
      int attempt,
      String key,
      int firstIndex,
      List<String> texts,
      String tail,
      int promptTokens) {
    Event {
      texts = List.copyOf(texts);
    }
  }

  /**
   * One try to generate a turn.
   *
   * @param tokensBefore tokens that were journaled when it began
   */
  record Attempt(int number, long atMillis, int tokensBefore) {}

  /**
   * A turn, put together from its events.
   *
   * @param starts how often it was started: once
   * @param gapless whether each group of tokens began where the one before ended
   * @param texts of its tokens
   * @param atMillis when each of them was decided on
   * @param ends how often it ended: once, or not yet
   * @param end how it ended last
   */
  record Turn(
      int number,
      String key,
      int starts,
      boolean gapless,
      List<String> texts,
      List<Long> atMillis,
      List<Attempt> attempts,
      int promptTokens,
      int ends,
      Optional<Kind> end,
      String tail) {
    /** The whole answer. */
    String text() {
      return String.join("", texts) + tail;
    }

    /**
     * Tokens that attempts but the first had to go through again before they came to a new one: the
     * prompt and the answer so far, at most. What their worker had in its prefix cache was not
     * computed, and the journal does not say how much that was.
     */
    int computedAgain() {
      return attempts.stream().skip(1).mapToInt(each -> promptTokens + each.tokensBefore()).sum();
    }
  }

  /** The turns, in their order. */
  List<Turn> turns() {
    Map<Integer, Assembly> turns = new TreeMap<>();
    for (Event event : events) {
      if (event.kind() != Kind.OTHER) {
        turns.computeIfAbsent(event.turn(), Assembly::new).add(event);
      }
    }
    return turns.values().stream().map(Assembly::turn).toList();
  }

  private static final class Assembly {
    private final int number;
    private String key = "";
    private int starts;
    private boolean gapless = true;
    private final List<String> texts = new ArrayList<>();
    private final List<Long> atMillis = new ArrayList<>();
    private final List<Attempt> attempts = new ArrayList<>();
    private int promptTokens;
    private int ends;
    private Optional<Kind> end = Optional.empty();
    private String tail = "";

    Assembly(int number) {
      this.number = number;
    }

    void add(Event event) {
      switch (event.kind()) {
        case STARTED -> {
          starts++;
          key = event.key();
        }
        case ATTEMPT -> attempts.add(new Attempt(event.attempt(), event.atMillis(), texts.size()));
        case ADMITTED -> promptTokens = event.promptTokens();
        case TOKENS -> {
          gapless &= event.firstIndex() == texts.size() && ends == 0;
          texts.addAll(event.texts());
          event.texts().forEach(text -> atMillis.add(event.atMillis()));
        }
        case COMPLETED, CANCELLED, FAILED -> {
          ends++;
          end = Optional.of(event.kind());
          tail = event.tail();
        }
        case OTHER -> {}
      }
    }

    Turn turn() {
      return new Turn(
          number,
          key,
          starts,
          gapless,
          List.copyOf(texts),
          List.copyOf(atMillis),
          List.copyOf(attempts),
          promptTokens,
          ends,
          end,
          tail);
    }
  }
}
