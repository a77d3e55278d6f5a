package io.parley.node.models;

import io.parley.workers.engine.EngineMemory;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/**
 * What unloaded models have left with the engine's allocator, which does not give it back to the
 * system but to the next model. Counted only where it surely fits: a model whose KV memory is no
 * larger takes the place of one that has gone, the smallest that will do.
 */
final class KeptMemory {
  private final boolean engineKeeps;
  private final List<EngineMemory> places = new ArrayList<>();

  KeptMemory(boolean engineKeeps) {
    this.engineKeeps = engineKeeps;
  }

  /** As it is now, for another thread. */
  KeptMemory copy() {
    KeptMemory copy = new KeptMemory(engineKeeps);
    copy.places.addAll(places);
    return copy;
  }

  /** A model that was loaded is gone. */
  void left(EngineMemory memory) {
    if (engineKeeps) {
      places.add(memory);
    }
  }

  /** How much of a need is there already. */
  long reusableBytes(EngineMemory need) {
    return place(need)
        .map(place -> need.kvBytes() + Math.min(need.weightsBytes(), place.weightsBytes()))
        .orElse(0L);
  }

  /** A model was loaded, in the place that was counted for it. */
  void taken(EngineMemory need) {
    place(need).ifPresent(places::remove);
  }

  private Optional<EngineMemory> place(EngineMemory need) {
    return places.stream()
        .filter(place -> place.kvBytes() >= need.kvBytes())
        .min(Comparator.comparingLong(EngineMemory::totalBytes));
  }
}
