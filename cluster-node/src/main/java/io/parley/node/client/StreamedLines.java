package io.parley.node.client;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.net.http.HttpTimeoutException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;

/** The lines of a streamed answer. Silence that lasts too long is a lost connection. */
public final class StreamedLines implements AutoCloseable {
  private static final ScheduledExecutorService WATCH = watch();

  private final InputStream body;
  private final Duration silenceMax;
  private final BufferedReader reader;
  private final ScheduledFuture<?> check;
  private volatile long heardNanos = System.nanoTime();
  private volatile boolean silent;

  /**
   * Reads a body; to be closed.
   *
   * @param body whose {@code close} makes a blocked reader fail, as that of the JDK's HTTP client
   * @param silenceMax without a byte for so long, {@link #next} fails
   */
  public StreamedLines(InputStream body, Duration silenceMax) {
    this.body = body;
    this.silenceMax = silenceMax;
    this.reader = new BufferedReader(new InputStreamReader(body, StandardCharsets.UTF_8));
    long intervalMillis = Math.max(1, silenceMax.toMillis() / 10);
    this.check =
        WATCH.scheduleWithFixedDelay(
            this::endSilence, intervalMillis, intervalMillis, TimeUnit.MILLISECONDS);
  }

  private static ScheduledExecutorService watch() {
    ScheduledThreadPoolExecutor watch =
        new ScheduledThreadPoolExecutor(
            1,
            task -> {
              Thread thread = new Thread(task, "stream-watch");
              thread.setDaemon(true);
              return thread;
            });
    watch.setRemoveOnCancelPolicy(true);
    return watch;
  }

  private void endSilence() {
    if (System.nanoTime() - heardNanos > silenceMax.toNanos()) {
      silent = true;
      close();
    }
  }

  /**
   * The next line; empty at the end.
   *
   * @throws IOException when the connection is lost
   */
  public Optional<String> next() throws IOException {
    try {
      String line = reader.readLine();
      heardNanos = System.nanoTime();
      return Optional.ofNullable(line);
    } catch (IOException e) {
      if (silent) {
        throw new HttpTimeoutException("nothing came for " + silenceMax.toMillis() + " ms");
      }
      throw e;
    }
  }

  /** All that is left, joined. */
  public String rest() throws IOException {
    StringBuilder text = new StringBuilder();
    for (Optional<String> line = next(); line.isPresent(); line = next()) {
      text.append(line.get()).append('\n');
    }
    return text.toString();
  }

  @Override
  public void close() {
    check.cancel(false);
    try {
      // not the reader: its close would wait for the read that this is to end
      body.close();
    } catch (IOException e) {
      // given up anyway
    }
  }
}
