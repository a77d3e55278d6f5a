package io.parley.node.it;

import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** The {@code openai} package as it is, against a real node. */
@ExtendWith(ClientNode.class)
class OpenAiClientIT {
  private static final Duration LIMIT = Duration.ofMinutes(5);

  @Test
  void unmodifiedClientIsServed(ClientNode.Running running) throws IOException {
    PythonEnvironment python = PythonEnvironment.obtain();
    String said =
        Commands.run(
                LIMIT,
                Map.of(
                    "PARLEY_URL", running.node().url("/v1"),
                    "PARLEY_KEY", running.key(),
                    "PARLEY_OTHER_KEY", running.otherKey()),
                List.of(
                    python.program("python"),
                    PythonEnvironment.scripts().resolve("openai_scenario.py").toString()))
            .success();
    System.out.println(said);
  }
}
