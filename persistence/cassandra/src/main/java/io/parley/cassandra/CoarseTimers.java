package io.parley.cassandra;

import com.sun.jna.Function;
import com.sun.jna.NativeLong;
import com.sun.jna.Platform;

/**
 * Lets timed waits end late, so that they end seldom.
 *
 * <p>A worker of Cassandra's shared pool that ran out of work looks for more each 10 to 40
 * microseconds, for at least 10 milliseconds ({@code SEPWorker.doWaitSpin}). At a few hundred
 * writes a second it never stops: a sixth of a core, taken from the engine on the same machine, and
 * nothing in cassandra.yaml changes it. The kernel's timer slack (prctl(2), {@code
 * PR_SET_TIMERSLACK}) makes each of these waits as long as the slack instead. A write then waits at
 * most so long for a worker.
 */
final class CoarseTimers {
  private static final int PR_SET_TIMERSLACK = 29;
  private static final long SLACK_NANOS = 500_000;

  private CoarseTimers() {}

  /** For this thread and all that it and its children start from now on. Linux only. */
  static void use() {
    if (!Platform.isLinux()) {
      return;
    }
    try {
      NativeLong unused = new NativeLong(0);
      Object[] arguments = {PR_SET_TIMERSLACK, new NativeLong(SLACK_NANOS), unused, unused, unused};
      Function.getFunction("c", "prctl").invokeInt(arguments);
    } catch (LinkageError | RuntimeException e) {
      System.err.println("timers stay fine, which costs some processor time: " + e);
    }
  }
}
