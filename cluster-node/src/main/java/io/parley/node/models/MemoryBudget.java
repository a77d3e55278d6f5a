package io.parley.node.models;

import io.parley.workers.engine.EngineMemory;
import java.lang.management.ManagementFactory;
import java.lang.management.MemoryUsage;
import java.util.Locale;
import java.util.Optional;

/**
 * Whether a model fits: its estimate against what is free, less what this process is going to take
 * anyway. What is loaded already is not free any more; it still counts with its working memory,
 * which comes with use.
 */
public final class MemoryBudget {
  /** What the embedded Cassandra takes beside its heap. */
  private static final long CASSANDRA_BESIDE_HEAP = 340L << 20;

  private final FreeMemory memory;
  private final long headroomBytes;
  private final long journalBytes;

  MemoryBudget(FreeMemory memory, long headroomBytes, long journalBytes) {
    this.memory = memory;
    this.headroomBytes = headroomBytes;
    this.journalBytes = journalBytes;
  }

  /**
   * Of this machine.
   *
   * @param cassandraHeapBytes of the embedded journal, if this process has one
   */
  public static MemoryBudget of(ModelsSettings settings, Optional<Long> cassandraHeapBytes) {
    return new MemoryBudget(
        FreeMemory.ofThisMachine(),
        settings.memoryHeadroomBytes(),
        cassandraHeapBytes.map(heap -> heap + CASSANDRA_BESIDE_HEAP).orElse(0L));
  }

  /**
   * Refuses a model that does not fit.
   *
   * @param growth what models that are loaded, or are going to be before this one, may still take
   * @param reusable what the engine has kept of unloaded ones, for this one
   * @throws ModelFailure with the figures
   */
  public void require(String model, EngineMemory need, long growth, long reusable) {
    long available = memory.bytes();
    long heap = heapToCome();
    long journal = journalToCome();
    long free = available + reusable - heap - journal - growth - headroomBytes;
    if (need.totalBytes() <= Math.max(0, free)) { // what needs nothing always fits
      return;
    }
    throw new ModelFailure(
        ModelFailure.Code.TOO_LARGE,
        ("the model '%s' does not fit: it needs %s (weights %s + KV memory %s + other %s), but %s is free"
                + " (available %s + kept of unloaded models %s - Java heap to come %s - journal to come %s"
                + " - loaded models' growth %s"
                + " - parley.models.memory-headroom %s); give it less kv-memory, unload another, or lower"
                + " PARLEY_HEAP")
            .formatted(
                model,
                size(need.totalBytes()),
                size(need.weightsBytes()),
                size(need.kvBytes()),
                size(need.workingBytes()),
                size(Math.max(0, free)),
                size(available),
                size(reusable),
                size(heap),
                size(journal),
                size(growth),
                size(headroomBytes)));
  }

  private static long heapToCome() {
    MemoryUsage heap = ManagementFactory.getMemoryMXBean().getHeapMemoryUsage();
    return heap.getMax() < 0 ? 0 : Math.max(0, heap.getMax() - heap.getCommitted());
  }

  private long journalToCome() {
    long resident =
        journalBytes == 0
            ? 0
            : ProcessHandle.current()
                .children()
                .mapToLong(child -> memory.residentBytes(child.pid()))
                .sum();
    return Math.max(0, journalBytes - resident);
  }

  /** As people read it. */
  public static String size(long bytes) {
    return bytes < 1L << 30
        ? String.format(Locale.ROOT, "%d MiB", bytes >> 20)
        : String.format(Locale.ROOT, "%.1f GiB", bytes / (double) (1L << 30));
  }
}
