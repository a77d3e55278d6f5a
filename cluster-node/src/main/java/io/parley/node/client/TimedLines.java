package io.parley.node.client;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.net.http.HttpTimeoutException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * The lines of a response's body, each with a bound on the wait for it. Java's HTTP client has none
 * once the head is there: a connection whose other end vanished would be read for ever.
 */
public final class TimedLines implements AutoCloseable {
  private static final ScheduledThreadPoolExecutor TIMER = timer();

  private final InputStream body;
  private final BufferedReader reader;
  private final AtomicBoolean late = new AtomicBoolean();

  public TimedLines(InputStream body) {
    this.body = body;
    this.reader = new BufferedReader(new InputStreamReader(body, StandardCharsets.UTF_8));
  }

  /**
   * The next line, or null at the end of the body.
   *
   * @throws HttpTimeoutException when it does not come within {@code wait}; the body is closed then
   * @throws IOException when the connection is cut
   */
  public String next(Duration wait) throws IOException {
    Future<?> closing = TIMER.schedule(this::giveUp, wait.toNanos(), TimeUnit.NANOSECONDS);
    try {
      String line = reader.readLine();
      if (line == null && late.get()) {
        throw new HttpTimeoutException("no line in time");
      }
      return line;
    } catch (IOException e) {
      throw late.get() ? new HttpTimeoutException("no line in time") : e;
    } finally {
      closing.cancel(false);
    }
  }

  private void giveUp() {
    late.set(true);
    close();
  }

  /** Closes the body; the reader would wait for the line that is being read. */
  @Override
  public void close() {
    try {
      body.close();
    } catch (IOException e) {
      // nobody reads it any more
    }
  }

  private static ScheduledThreadPoolExecutor timer() {
    ScheduledThreadPoolExecutor timer =
        new ScheduledThreadPoolExecutor(
            1,
            task -> {
              Thread thread = new Thread(task, "timed-lines");
              thread.setDaemon(true);
              return thread;
            });
    timer.setRemoveOnCancelPolicy(true);
    return timer;
  }
}
