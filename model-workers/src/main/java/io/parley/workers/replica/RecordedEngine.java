package io.parley.workers.replica;

import io.parley.workers.engine.Engine;
import io.parley.workers.engine.EngineSpec;
import io.parley.workers.engine.RowSums;
import io.parley.workers.engine.StepInput;
import java.nio.FloatBuffer;
import java.util.Optional;

/** An engine whose steps the flight recorder can see. */
record RecordedEngine(Engine engine) implements Engine {
  @Override
  public EngineSpec spec() {
    return engine.spec();
  }

  @Override
  public FloatBuffer step(StepInput input) {
    StepEvent event = new StepEvent();
    event.begin();
    FloatBuffer logits = engine.step(input);
    event.end();
    if (event.shouldCommit()) {
      event.sequences = input.blockTables().length;
      event.tokens = input.tokens().length;
      event.rows = input.rows().length;
      event.commit();
    }
    return logits;
  }

  @Override
  public Optional<RowSums> weigh(int[] rows, double[] scales) {
    return engine.weigh(rows, scales);
  }

  @Override
  public void close() {
    engine.close();
  }
}
