package io.parley.node.cli;

import io.parley.node.StartupReporter;
import java.io.PrintStream;
import java.util.Locale;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;

/**
 * Says on a terminal what a start does: one line for each step, and a bar under way for a step that
 * takes longer than a second. Where the output is no terminal, just the lines.
 */
final class Console implements StartupReporter, AutoCloseable {
  private static final int BAR_WIDTH_CHARS = 28;
  private static final long BAR_AFTER_MILLIS = 1_000;
  private static final long REDRAW_MILLIS = 200;

  private final PrintStream out;
  private final ScheduledExecutorService redraw =
      Executors.newSingleThreadScheduledExecutor(
          task -> {
            Thread thread = new Thread(task, "console");
            thread.setDaemon(true);
            return thread;
          });
  private TerminalStep current;

  Console(PrintStream out, boolean terminal) {
    this.out = out;
    if (terminal) {
      ScheduledFuture<?> unused =
          redraw.scheduleWithFixedDelay(
              this::drawCurrent, BAR_AFTER_MILLIS, REDRAW_MILLIS, TimeUnit.MILLISECONDS);
    }
  }

  /** The process's standard error, which stays free for people when output is piped. */
  static Console standardError() {
    return new Console(System.err, isTerminal());
  }

  /** From Java 22 on there is a console object without a terminal too. */
  @SuppressWarnings("SystemConsoleNull")
  private static boolean isTerminal() {
    return System.console() != null && System.getenv("TERM") != null;
  }

  @Override
  public synchronized Step begin(String what) {
    current = new TerminalStep(what);
    return current;
  }

  synchronized void line(String text) {
    out.println(text);
    out.flush();
  }

  private synchronized void drawCurrent() {
    if (current != null) {
      current.draw();
    }
  }

  @Override
  public synchronized void close() {
    redraw.shutdownNow();
    if (current != null) {
      current.erase();
      current = null;
    }
  }

  private final class TerminalStep implements Step {
    private final String what;
    private final long startedNanos = System.nanoTime();
    private long done;
    private long total;
    private boolean drawn;

    TerminalStep(String what) {
      this.what = what;
    }

    @Override
    public void progress(long done, long total) {
      synchronized (Console.this) {
        this.done = done;
        this.total = total;
      }
    }

    @Override
    public void done(String detail) {
      synchronized (Console.this) {
        erase();
        if (current == this) {
          current = null;
        }
        line(
            String.format(
                Locale.ROOT,
                "  %-24s %s%s",
                what,
                detail.isEmpty() ? "" : detail + "  ",
                String.format(Locale.ROOT, "(%.1f s)", elapsedMillis() / 1000.0)));
      }
    }

    private long elapsedMillis() {
      return TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - startedNanos);
    }

    private void draw() {
      if (elapsedMillis() < BAR_AFTER_MILLIS) {
        return;
      }
      StringBuilder text = new StringBuilder(String.format(Locale.ROOT, "\r\033[K  %-24s ", what));
      if (total > 0) {
        int filled = (int) Math.min(BAR_WIDTH_CHARS, done * BAR_WIDTH_CHARS / total);
        text.append("[").append("#".repeat(filled)).append("·".repeat(BAR_WIDTH_CHARS - filled));
        text.append(String.format(Locale.ROOT, "] %3d %%", Math.min(100, done * 100 / total)));
      } else {
        int at = (int) (elapsedMillis() / REDRAW_MILLIS % BAR_WIDTH_CHARS);
        text.append("[").append("·".repeat(at)).append("#");
        text.append("·".repeat(BAR_WIDTH_CHARS - at - 1)).append("]");
      }
      text.append(String.format(Locale.ROOT, "  %d s", elapsedMillis() / 1000));
      out.print(text);
      out.flush();
      drawn = true;
    }

    private void erase() {
      if (drawn) {
        out.print("\r\033[K");
        drawn = false;
      }
    }
  }
}
