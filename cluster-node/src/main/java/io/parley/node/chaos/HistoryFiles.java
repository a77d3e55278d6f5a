package io.parley.node.chaos;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.datatype.jdk8.Jdk8Module;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * What a run leaves: {@code faults.jsonl}, one line for each fault, and {@code sessions.jsonl}, one
 * line for each session: what its clients saw, and what is stored where the two differ.
 */
final class HistoryFiles implements AutoCloseable {
  private final ObjectMapper json = new ObjectMapper().registerModule(new Jdk8Module());
  private final BufferedWriter faults;
  private final BufferedWriter sessions;

  private HistoryFiles(BufferedWriter faults, BufferedWriter sessions) {
    this.faults = faults;
    this.sessions = sessions;
  }

  static HistoryFiles in(Path folder) throws IOException {
    Files.createDirectories(folder);
    return new HistoryFiles(
        Files.newBufferedWriter(folder.resolve("faults.jsonl")),
        Files.newBufferedWriter(folder.resolve("sessions.jsonl")));
  }

  void add(FaultResult result) {
    line(faults, result);
  }

  /** A session that was checked; its journal only where something is wrong. */
  private record Line(
      String session, List<ObservedTurn> turns, List<String> violations, Journal journal) {}

  void add(String session, List<ObservedTurn> turns, List<Violation> violations, Journal journal) {
    line(
        sessions,
        new Line(
            session,
            turns,
            violations.stream().map(Violation::toString).toList(),
            violations.isEmpty() ? null : journal));
  }

  private void line(BufferedWriter file, Object value) {
    try {
      file.write(json.writeValueAsString(value));
      file.newLine();
      file.flush();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public void close() throws IOException {
    faults.close();
    sessions.close();
  }
}
