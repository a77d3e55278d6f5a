package io.parley.persistence;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Rows are written as {@code 12b}: number 12, of the writer b. */
class SupersededTest {

  @ParameterizedTest
  @CsvSource({
    "'',               ''",
    "1a,               1a",
    "1a 2a 3a,         1a 2a 3a",
    "1a 2a 3b 4b,      1a 2a 3b 4b", // a recovery, and nothing left behind
    "1a 2a 2b 3b,      1a 2b 3b", // a late write before the row that took its place
    "1a 2b 2a 3b,      1a 2b 3b", // or behind it: clocks differ
    "1a 2a 2b 3a 3b,   1a 2b 3b", // two late events
    "1a 2a 2b 3a,      1a 2b", // of which the second has no rival yet
    "1a 2a 2b,         1a 2b",
    "1a 2a 2b 3b 3c,   1a 2b 3c", // again
    "1a 2b 3a 4c 5a 6b, 1a 2b 4c", // none of an earlier writer is taken
  })
  void keepsWhatTheLastWriterOfANumberWrote(String rows, String events) {
    assertThat(through(1, rows)).isEqualTo(rowsOf(events));
  }

  @ParameterizedTest
  @CsvSource({
    "36a 37a 100a 101a,           100a 101a",
    "98a 99b 100a 101b,           101b", // the late row of an earlier writer is no event
    "98a 99b 100a 100b,           100b",
    "98a 99a 99b 100a 100b 101b,  100b 101b",
    "98a 99b 99a 100b 100a 101b,  100b 101b", // the order within a number says nothing
    "36b 36a 37b 38b 100b 101c,   100b 101c", // nor does that of the first rows
    "36b 36a 37b 37a 99b 100b,    100b",
    "36b 36a 37b 37a 38b 38a 100b, 100b",
    "98a 99a,                     ''",
    "100a,                        100a",
  })
  void readsFromTheMiddleAsFromTheBeginning(String rows, String events) {
    assertThat(through(100, rows)).isEqualTo(rowsOf(events));
  }

  private static List<String> through(long first, String rows) {
    Superseded<String> superseded =
        new Superseded<>(
            first,
            row -> Long.parseLong(row.substring(0, row.length() - 1)),
            row -> row.substring(row.length() - 1));
    List<String> events = new ArrayList<>();
    rowsOf(rows).forEach(row -> superseded.next(row).ifPresent(events::add));
    superseded.last().ifPresent(events::add);
    return events;
  }

  private static List<String> rowsOf(String line) {
    return Stream.of(line.split(" ")).filter(row -> !row.isEmpty()).toList();
  }
}
