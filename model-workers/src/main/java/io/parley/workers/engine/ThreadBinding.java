package io.parley.workers.engine;

import com.sun.jna.LastErrorException;
import com.sun.jna.Library;
import com.sun.jna.Native;
import java.util.Map;
import java.util.NavigableSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Supplier;

/**
 * Binds threads to the cores of a device. Threads that a bound one starts, in native code as well,
 * are bound as it is; so it is enough to bind the one that drives an engine, while it loads it and
 * while it steps.
 */
public final class ThreadBinding {
  private static final int MASK_BYTES = (Device.Cores.MAX + 1) / Byte.SIZE;

  /** Sets of cores to which pools of threads belong, as long as the process lives. */
  private static final int GROUPS_MAX = 1000;

  private static final Map<NavigableSet<Integer>, Integer> GROUPS = new ConcurrentHashMap<>();

  private interface LibC extends Library {
    int sched_getaffinity(int thread, long bytes, byte[] mask) throws LastErrorException;

    int sched_setaffinity(int thread, long bytes, byte[] mask) throws LastErrorException;
  }

  /** Loaded when the first device has cores. */
  private static final class Loaded {
    static final LibC LIB_C = Native.load("c", LibC.class);
  }

  private final byte[] mask; // empty: nothing is bound
  private final int group;
  private volatile Thread owner;

  private ThreadBinding(byte[] mask, int group) {
    this.mask = mask;
    this.group = group;
  }

  /**
   * For a device; binds nothing where that has no cores of its own.
   *
   * @throws IllegalArgumentException when this process had too many different sets of cores
   */
  public static ThreadBinding to(Device device) {
    if (!(device instanceof Device.Cores cores)) {
      return new ThreadBinding(new byte[0], 0);
    }
    byte[] mask = new byte[MASK_BYTES];
    for (int core : cores.numbers()) {
      mask[core / Byte.SIZE] |= (byte) (1 << (core % Byte.SIZE));
    }
    return new ThreadBinding(mask, group(cores.numbers()));
  }

  private static synchronized int group(NavigableSet<Integer> cores) {
    Integer known = GROUPS.get(cores);
    if (known == null && GROUPS.size() >= GROUPS_MAX) {
      throw new IllegalArgumentException("a process has at most " + GROUPS_MAX + " sets of cores");
    }
    return known != null ? known : GROUPS.computeIfAbsent(cores, added -> GROUPS.size() + 1);
  }

  /** Numbers the set of cores, from 1; 0: none of its own. */
  public int group() {
    return group;
  }

  /** The calling thread is the engine's from now on, and bound as long as it lives. */
  public void bindForGood() {
    if (mask.length > 0) {
      set(mask);
      owner = Thread.currentThread();
    }
  }

  /** Runs something bound; a thread that is not the engine's is let go again. */
  public <T> T during(Supplier<T> work) {
    if (mask.length == 0 || owner == Thread.currentThread()) {
      return work.get();
    }
    byte[] before = new byte[MASK_BYTES];
    call("read", () -> Loaded.LIB_C.sched_getaffinity(0, MASK_BYTES, before));
    set(mask);
    try {
      return work.get();
    } finally {
      set(before);
    }
  }

  private static void set(byte[] mask) {
    call("set", () -> Loaded.LIB_C.sched_setaffinity(0, MASK_BYTES, mask));
  }

  private static void call(String what, Runnable system) {
    try {
      system.run(); // what fails throws
    } catch (LastErrorException e) {
      throw new EngineException(
          "the cores of a thread cannot be " + what + ": " + e.getMessage(), e);
    }
  }
}
