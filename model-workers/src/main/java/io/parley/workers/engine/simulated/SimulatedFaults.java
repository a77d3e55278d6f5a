package io.parley.workers.engine.simulated;

import java.util.concurrent.atomic.AtomicLong;

/**
 * What goes wrong, drawn from a seed and the number of the step: the same steps fail in the same
 * way. One for all engines that a worker loads one after the other, so that a crash does not come
 * again at once. Thread-safe.
 */
public final class SimulatedFaults {
  private final SimulatedSettings settings;
  private final AtomicLong steps = new AtomicLong();

  public SimulatedFaults(SimulatedSettings settings) {
    this.settings = settings;
  }

  /** What becomes of one step. */
  final class Step {
    private final long number = steps.getAndIncrement();

    boolean crashes() {
      return draw(1, 0) < settings.crashes();
    }

    boolean stalls() {
      return draw(2, 0) < settings.stalls();
    }

    /** Whether the logits of a row are of no use. */
    boolean spoils(int row) {
      return draw(3, row) < settings.failures();
    }

    private double draw(int kind, int row) {
      long hash = Hash.mix(Hash.mix(settings.faultSeed() + kind) + number);
      return Hash.uniform(Hash.mix(hash + row));
    }
  }

  Step next() {
    return new Step();
  }
}
