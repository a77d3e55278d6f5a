package io.parley.workers.text;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;

/**
 * What one rendering may use of the thread that does it: CPU time, so that a node which is stopped
 * or starved is nobody's fault, and memory, of which the garbage counts too. Looked at by each node
 * of the template and each name and call in its expressions; what happens between two looks is
 * bounded by the longest text.
 */
final class RenderBudget {
  /** The longest text in a template, the prompt too; a session holds 1 MiB by default. */
  static final int TEXT_CHARS_MAX = 8 << 20;

  private static final long CPU_NANOS_MAX = 5_000_000_000L;
  private static final long ALLOCATED_BYTES_MAX = 1L << 30;

  /** Reading the CPU time is a system call. */
  private static final int STEPS_A_LOOK_AT_CPU = 64;

  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

  private static final ThreadLocal<RenderBudget> CURRENT = new ThreadLocal<>();

  /** No exception: those are taken for mistakes of the template, which is then rendered on. */
  static final class Exceeded extends Error {
    private static final long serialVersionUID = 1;

    private Exceeded(String message) {
      super(message, null, false, false);
    }
  }

  private final long cpuNanosMax = THREADS.getCurrentThreadCpuTime() + CPU_NANOS_MAX;
  private final long allocatedBytesMax =
      THREADS.getCurrentThreadAllocatedBytes() + ALLOCATED_BYTES_MAX;
  private int steps;

  private RenderBudget() {}

  /** The current thread begins a rendering. */
  static void begin() {
    CURRENT.set(new RenderBudget());
  }

  /** And has done it. */
  static void end() {
    CURRENT.remove();
  }

  /**
   * Once before everything that a template does.
   *
   * @throws Exceeded when the rendering has used what it may, or its thread is interrupted
   */
  static void step() {
    RenderBudget budget = CURRENT.get();
    if (budget != null) {
      budget.look();
    }
  }

  /**
   * Before a text of this length is made or used.
   *
   * @throws Exceeded when it is too long
   */
  static void requireText(long chars) {
    if (chars > TEXT_CHARS_MAX) {
      throw new Exceeded("it makes a text of more than " + TEXT_CHARS_MAX + " characters");
    }
  }

  private void look() {
    if (THREADS.getCurrentThreadAllocatedBytes() > allocatedBytesMax) {
      throw new Exceeded("it takes more than " + (ALLOCATED_BYTES_MAX >> 20) + " MiB of memory");
    }
    if (++steps % STEPS_A_LOOK_AT_CPU != 0) {
      return;
    }
    if (THREADS.getCurrentThreadCpuTime() > cpuNanosMax) {
      throw new Exceeded("it takes more than " + CPU_NANOS_MAX / 1_000_000_000 + " s");
    }
    if (Thread.currentThread().isInterrupted()) {
      throw new Exceeded("it was interrupted");
    }
  }
}
