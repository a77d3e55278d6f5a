package io.parley.workers.engine.simulated;

import io.parley.workers.engine.Engine;
import io.parley.workers.engine.EngineException;
import io.parley.workers.engine.EngineSpec;
import io.parley.workers.engine.StepInput;
import java.nio.FloatBuffer;

/**
 * A forward pass that takes the time it is told to. Its "keys and values" are a hash of the
 * sequence up to a position, kept in paged memory as a real engine keeps them, and the logits are
 * made of that hash: so a token depends on all that stands before it and, where it is drawn, on the
 * turn's seed and position, and on nothing else. Any simulated engine of the same settings goes on
 * with an answer as this one would; a block that got lost or mixed up would give other words.
 */
public final class SimulatedEngine implements Engine {
  /** Goes up when the same prompt would give other tokens than before. */
  static final int VERSION = 1;

  private final SimulatedSettings settings;
  private final SimulatedFaults faults;
  private final SimulatedLogits logits;
  private final EngineSpec spec;
  private final int slots;
  private final Pace pace;
  private final long[] memory;
  private float[] rows = new float[0];

  /**
   * @param slots sequences that run at once
   * @param maxBatchTokens input tokens of one step
   */
  public SimulatedEngine(
      SimulatedSettings settings, SimulatedFaults faults, int slots, int maxBatchTokens) {
    this(settings, faults, slots, maxBatchTokens, Pace.SYSTEM);
  }

  SimulatedEngine(
      SimulatedSettings settings,
      SimulatedFaults faults,
      int slots,
      int maxBatchTokens,
      Pace.Time time) {
    this.settings = settings;
    this.faults = faults;
    this.slots = slots;
    this.pace = new Pace(time);
    this.logits = new SimulatedLogits(settings.answerTokens());
    int blocks = settings.kvTokens() / SimulatedSettings.BLOCK_SIZE;
    this.memory = new long[blocks * SimulatedSettings.BLOCK_SIZE];
    this.spec =
        new EngineSpec(
            SimulatedText.VOCABULARY_SIZE,
            settings.contextLength(),
            SimulatedSettings.BLOCK_SIZE,
            blocks,
            maxBatchTokens,
            "simulated-" + VERSION);
  }

  @Override
  public EngineSpec spec() {
    return spec;
  }

  @Override
  public FloatBuffer step(StepInput input) {
    SimulatedFaults.Step fault = faults.next();
    if (fault.crashes()) {
      throw new EngineException("a simulated crash", null);
    }
    int[] lengths = new int[input.blockTables().length];
    for (int i = 0; i < input.tokens().length; i++) {
      lengths[input.sequences()[i]]++;
      memory[place(input, i, 0)] = SimulatedLogits.next(before(input, i), input.tokens()[i]);
    }
    int columns = spec.vocabularySize();
    if (rows.length < input.rows().length * columns) {
      rows = new float[input.rows().length * columns];
    }
    for (int row = 0; row < input.rows().length; row++) {
      int i = input.rows()[row];
      logits.write(
          before(input, i), memory[place(input, i, 0)], input.tokens()[i], rows, row * columns);
      if (fault.spoils(row)) {
        rows[row * columns] = Float.NaN;
      }
    }
    long stallNanos = fault.stalls() ? settings.stallTime().toNanos() : 0;
    pace.hold(stepNanos(lengths) + stallNanos);
    return FloatBuffer.wrap(rows, 0, input.rows().length * columns);
  }

  /** A sequence with one token in a step decodes; more are a part of its prompt. */
  private long stepNanos(int[] lengths) {
    int decodeRows = 0;
    int prefillTokens = 0;
    for (int length : lengths) {
      if (length == 1) {
        decodeRows++;
      } else {
        prefillTokens += length;
      }
    }
    return settings.stepNanos(decodeRows, prefillTokens, slots);
  }

  private long before(StepInput input, int i) {
    return input.positions()[i] == 0 ? SimulatedLogits.BEGINNING : memory[place(input, i, 1)];
  }

  /** Where the sequence's state is kept, so many positions before that of an input token. */
  private static int place(StepInput input, int i, int back) {
    int position = input.positions()[i] - back;
    int block = input.blockTables()[input.sequences()[i]][position / SimulatedSettings.BLOCK_SIZE];
    return block * SimulatedSettings.BLOCK_SIZE + position % SimulatedSettings.BLOCK_SIZE;
  }

  @Override
  public void close() {}
}
