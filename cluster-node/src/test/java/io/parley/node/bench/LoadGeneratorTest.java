package io.parley.node.bench;

import static io.parley.node.chat.ScriptedServer.END;
import static io.parley.node.chat.ScriptedServer.SILENCE;
import static io.parley.node.chat.ScriptedServer.stream;
import static io.parley.node.chat.ScriptedServer.text;
import static org.assertj.core.api.Assertions.assertThat;

import io.parley.node.chat.ScriptedServer;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class LoadGeneratorTest {
  @Test
  void countsAStreamThatIsCut() throws Exception {
    assertThat(errorsOf(stream(text("1", "a")))).containsExactly(Map.entry("IOException", 1));
  }

  @Test
  void countsAStreamThatFallsSilent() throws Exception {
    assertThat(errorsOf(stream(text("1", "a"), SILENCE)))
        .containsExactly(Map.entry("HttpTimeoutException", 1));
  }

  @Test
  void countsAnEventThatIsNoJson() throws Exception {
    assertThat(errorsOf(stream("data: {", END))).containsOnlyKeys("JsonEOFException");
  }

  @Test
  void sendsAgainWhatWasNeverAnswered() throws Exception {
    String answer = stream(text("1", "a"), "data: [DONE]", END);
    assertThat(report("", answer, answer).completedTurns()).isEqualTo(2);
    assertThat(report("", "", "", answer).errors()).containsExactly(Map.entry("IOException", 1));
  }

  private static Map<String, Integer> errorsOf(String script) throws Exception {
    LoadReport report = report(script);
    assertThat(report.completedTurns()).isZero();
    return report.errors();
  }

  private static LoadReport report(String... scripts) throws Exception {
    try (ScriptedServer server = new ScriptedServer(scripts)) {
      LoadPlan plan =
          new LoadPlan(server.url(), "m", Optional.empty(), 1, 2, 9, false, Duration.ofSeconds(2));
      return new LoadGenerator(plan).run();
    }
  }
}
