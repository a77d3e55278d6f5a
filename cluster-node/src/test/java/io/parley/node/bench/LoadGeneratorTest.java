package io.parley.node.bench;

import static org.assertj.core.api.Assertions.assertThat;

import io.parley.node.client.StreamingServer;
import io.parley.node.client.StreamingServer.End;
import io.parley.node.client.StreamingServer.Script;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class LoadGeneratorTest {
  private static final Duration LONG = Duration.ofMinutes(1);

  private static final List<String> TEXT =
      List.of("data: {\"choices\":[{\"delta\":{\"content\":\"Hello\"}}]}");
  private static final List<String> WHOLE =
      List.of(
          TEXT.get(0),
          "data: {\"choices\":[],\"usage\":{\"completion_tokens\":3}}",
          "data: [DONE]");

  private static LoadReport run(StreamingServer server, Duration timeout)
      throws InterruptedException {
    return new LoadGenerator(
            new LoadPlan(server.url(), "m", Optional.empty(), 1, 2, 3, true, timeout))
        .run();
  }

  @Test
  void countsTheTokensOfWholeTurns() throws Exception {
    try (StreamingServer server =
        new StreamingServer(new Script(WHOLE, End.IN_ORDER), new Script(WHOLE, End.IN_ORDER))) {
      LoadReport report = run(server, LONG);

      assertThat(report.errors()).isEmpty();
      assertThat(report.tokensPerSecond()).isPositive();
    }
  }

  @ParameterizedTest
  @CsvSource({"IN_ORDER, stream cut", "CUT, IOException", "SILENT, timeout"})
  void aTurnThatBreaksOffIsOneError(End end, String error) throws Exception {
    try (StreamingServer server = new StreamingServer(new Script(TEXT, end))) {
      Duration timeout = end == End.SILENT ? Duration.ofMillis(300) : LONG;
      assertThat(run(server, timeout).errors()).isEqualTo(Map.of(error, 1));
    }
  }
}
