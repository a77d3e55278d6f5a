package io.parley.workers.engine;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;
import java.util.Collections;
import java.util.NavigableSet;
import java.util.TreeSet;

/** What a model is computed on. */
public sealed interface Device {
  /** The whole CPU, wherever the system lets a thread run. */
  Device CPU = new Cpu();

  /** As {@link #parse} reads it. */
  String label();

  /** The cores of the machine, in whatever number. */
  record Cpu() implements Device {
    @Override
    public String label() {
      return "cpu";
    }
  }

  /**
   * Some cores, to which the engine's threads are bound.
   *
   * @param numbers as the system counts them, one at least
   */
  record Cores(NavigableSet<Integer> numbers) implements Device {
    /** What {@code sched_setaffinity} takes without being asked for more. */
    public static final int MAX = 1023;

    public Cores {
      numbers = Collections.unmodifiableNavigableSet(new TreeSet<>(numbers));
      if (numbers.isEmpty() || numbers.first() < 0 || numbers.last() > MAX) {
        throw new IllegalArgumentException("a device's cores are from 0 to " + MAX);
      }
    }

    @Override
    public String label() {
      return "cpu:cores=" + ranges(numbers);
    }

    /**
     * Refuses cores that this process may not use, or that are not there.
     *
     * @throws IllegalArgumentException naming those that it may use
     */
    public void requireHere() {
      NavigableSet<Integer> here = ofThisProcess();
      if (!here.containsAll(numbers)) {
        throw new IllegalArgumentException(
            "the device "
                + label()
                + " is not on this machine: this process may use the cores "
                + ranges(here));
      }
    }

    /** What the process was started with. */
    private static NavigableSet<Integer> ofThisProcess() {
      try {
        return Files.readAllLines(Path.of("/proc/self/status")).stream()
            .filter(line -> line.startsWith("Cpus_allowed_list:"))
            .map(line -> cores(line.substring(line.indexOf(':') + 1).strip()))
            .findFirst()
            .orElseThrow(() -> new IOException("it has no Cpus_allowed_list"));
      } catch (IOException e) {
        throw new IllegalArgumentException(
            "cores can be chosen on Linux only: /proc/self/status is not to be read", e);
      }
    }
  }

  /** A GPU, by its number among those that TensorFlow sees. */
  record Gpu(int number) implements Device {
    @Override
    public String label() {
      return "gpu:" + number;
    }
  }

  /**
   * Reads {@code cpu}, {@code cpu:cores=0-3,6} or {@code gpu:0}.
   *
   * @throws IllegalArgumentException naming what is allowed
   */
  static Device parse(String text) {
    try {
      if (text.equals("cpu")) {
        return CPU;
      }
      if (text.startsWith("cpu:cores=")) {
        return new Cores(cores(text.substring("cpu:cores=".length())));
      }
      if (text.matches("gpu:\\d{1,3}")) {
        return new Gpu(Integer.parseInt(text.substring("gpu:".length())));
      }
    } catch (NumberFormatException e) {
      // told below
    }
    throw new IllegalArgumentException(
        "a device is cpu, cpu:cores=0-3,6 (numbers of cores, from 0 to "
            + Cores.MAX
            + ") or gpu:0, not '"
            + text
            + "'");
  }

  private static NavigableSet<Integer> cores(String list) {
    NavigableSet<Integer> cores = new TreeSet<>();
    for (String part : list.split(",", -1)) {
      String[] ends = part.split("-", 2);
      int first = Integer.parseInt(ends[0]);
      int last = Integer.parseInt(ends[ends.length - 1]);
      if (first > last || last > Cores.MAX) {
        throw new NumberFormatException(part);
      }
      for (int core = first; core <= last; core++) {
        cores.add(core);
      }
    }
    return cores;
  }

  private static String ranges(Collection<Integer> ascending) {
    StringBuilder text = new StringBuilder();
    int first = -1;
    int last = -1;
    for (int core : ascending) {
      if (first >= 0 && core == last + 1) {
        last = core;
        continue;
      }
      append(text, first, last);
      first = core;
      last = core;
    }
    append(text, first, last);
    return text.toString();
  }

  private static void append(StringBuilder text, int first, int last) {
    if (first >= 0) {
      text.append(text.isEmpty() ? "" : ",").append(first);
      text.append(last > first ? "-" + last : "");
    }
  }
}
