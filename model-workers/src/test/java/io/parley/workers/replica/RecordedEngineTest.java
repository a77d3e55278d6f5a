package io.parley.workers.replica;

import static org.assertj.core.api.Assertions.assertThat;

import io.parley.workers.engine.Engine;
import io.parley.workers.engine.EngineSpec;
import io.parley.workers.engine.StepInput;
import java.io.IOException;
import java.nio.FloatBuffer;
import java.nio.file.Path;
import java.util.List;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RecordedEngineTest {
  @Test
  void theFlightRecorderSeesEachStep(@TempDir Path folder) throws IOException {
    FloatBuffer logits = FloatBuffer.allocate(8);
    Engine engine = new RecordedEngine(new OneBuffer(logits));
    Path file = folder.resolve("steps.jfr");
    try (Recording recording = new Recording()) {
      recording.enable("parley.EngineStep").withoutThreshold();
      recording.start();
      // two tokens of one sequence's prompt and one of another's answer; one of them gets a token
      StepInput input =
          new StepInput(
              new int[] {1, 2, 3},
              new int[] {0, 1, 5},
              new int[] {0, 0, 1},
              new int[][] {{0}, {1}},
              new int[] {2});
      assertThat(engine.step(input)).isSameAs(logits);
      recording.stop();
      recording.dump(file);
    }

    List<RecordedEvent> events = RecordingFile.readAllEvents(file);
    assertThat(events).hasSize(1);
    assertThat(events.get(0).getInt("sequences")).isEqualTo(2);
    assertThat(events.get(0).getInt("tokens")).isEqualTo(3);
    assertThat(events.get(0).getInt("rows")).isEqualTo(1);
  }

  private record OneBuffer(FloatBuffer logits) implements Engine {
    @Override
    public EngineSpec spec() {
      throw new UnsupportedOperationException();
    }

    @Override
    public FloatBuffer step(StepInput input) {
      return logits;
    }

    @Override
    public void close() {}
  }
}
