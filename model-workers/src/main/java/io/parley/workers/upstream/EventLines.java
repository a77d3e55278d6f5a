package io.parley.workers.upstream;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.function.Consumer;

/**
 * Cuts a body of server-sent events into its lines, however it comes in pieces. Each event of a
 * completion is one line. Not thread-safe.
 */
final class EventLines {
  /** Far above a token with all its alternatives. */
  static final int LINE_BYTES_MAX = 1 << 20;

  private final ByteArrayOutputStream line = new ByteArrayOutputStream();
  private final Consumer<String> lines;

  EventLines(Consumer<String> lines) {
    this.lines = lines;
  }

  /**
   * Takes the next piece.
   *
   * @throws UpstreamException when a line is too long
   */
  void push(ByteBuffer bytes) {
    while (bytes.hasRemaining()) {
      byte next = bytes.get();
      if (next != '\n') {
        if (line.size() == LINE_BYTES_MAX) {
          throw new UpstreamException("a line of the upstream's answer is too long");
        }
        line.write(next);
      } else {
        String text = line.toString(StandardCharsets.UTF_8).stripTrailing();
        line.reset();
        if (!text.isEmpty()) {
          lines.accept(text);
        }
      }
    }
  }
}
