package io.parley.node.cli;

import io.parley.node.StartupReporter;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;

/**
 * Says on a terminal what a start does: one line for each step that has ended, and below them a bar
 * for the one under way that takes longer than a second. Steps that run at once share that line,
 * without bars. Where the output is no terminal, just the lines.
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
  private final List<TerminalStep> running = new ArrayList<>(); // guarded by this
  private boolean drawn; // guarded by this

  Console(PrintStream out, boolean terminal) {
    this.out = out;
    if (terminal) {
      ScheduledFuture<?> unused =
          redraw.scheduleWithFixedDelay(
              this::draw, BAR_AFTER_MILLIS, REDRAW_MILLIS, TimeUnit.MILLISECONDS);
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
    TerminalStep step = new TerminalStep(what);
    running.add(step);
    return step;
  }

  synchronized void line(String text) {
    erase();
    out.println(text);
    out.flush();
  }

  private synchronized void draw() {
    List<TerminalStep> slow =
        running.stream().filter(step -> step.elapsedMillis() >= BAR_AFTER_MILLIS).toList();
    if (slow.isEmpty()) {
      return;
    }
    String text =
        slow.size() == 1
            ? slow.get(0).bar()
            : String.join("   ", slow.stream().map(TerminalStep::words).toList());
    out.print("\r\033[K  " + text);
    out.flush();
    drawn = true;
  }

  private synchronized void erase() {
    if (drawn) {
      out.print("\r\033[K");
      drawn = false;
    }
  }

  @Override
  public synchronized void close() {
    redraw.shutdownNow();
    running.clear();
    erase();
  }

  private final class TerminalStep implements Step {
    private final String what;
    private final long startedNanos = System.nanoTime();
    private long done;
    private long total;

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
        running.remove(this);
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

    private String bar() {
      StringBuilder text = new StringBuilder(String.format(Locale.ROOT, "%-24s ", what));
      if (total > 0) {
        int filled = (int) Math.min(BAR_WIDTH_CHARS, done * BAR_WIDTH_CHARS / total);
        text.append("[").append("#".repeat(filled)).append("·".repeat(BAR_WIDTH_CHARS - filled));
        text.append(String.format(Locale.ROOT, "] %3d %%", percent()));
      } else {
        int at = (int) (elapsedMillis() / REDRAW_MILLIS % BAR_WIDTH_CHARS);
        text.append("[").append("·".repeat(at)).append("#");
        text.append("·".repeat(BAR_WIDTH_CHARS - at - 1)).append("]");
      }
      return text.append("  ").append(elapsedMillis() / 1000).append(" s").toString();
    }

    private String words() {
      String part = total > 0 ? percent() + " %, " : "";
      return what + ": " + part + elapsedMillis() / 1000 + " s";
    }

    private long percent() {
      return Math.min(100, done * 100 / total);
    }
  }
}
