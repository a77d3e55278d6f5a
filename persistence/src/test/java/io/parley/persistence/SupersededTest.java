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
    assertThat(through(rows)).isEqualTo(rowsOf(events));
  }

  private static List<String> through(String rows) {
    Superseded<String> superseded =
        new Superseded<>(
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
