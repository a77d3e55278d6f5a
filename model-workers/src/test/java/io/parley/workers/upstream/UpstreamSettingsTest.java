package io.parley.workers.upstream;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What is read before a server is asked, and how its answers are cut into lines. */
class UpstreamSettingsTest {
  private static final Config REFERENCE = ConfigFactory.defaultReference();

  @Test
  void referenceIsReadAndEveryKeyIsUsed() {
    UpstreamSettings settings = UpstreamSettings.from(REFERENCE);
    assertThat(settings.slots()).isEqualTo(32);
    assertThat(REFERENCE.getConfig("parley.upstream").root())
        .hasSize(UpstreamSettings.class.getRecordComponents().length);
  }

  @ParameterizedTest
  @CsvSource({
    "slots, 0, between 1 and 4096",
    "api-key, 'a b', printable ASCII",
    "stall-timeout, 0s, above 0",
    "retry-max, 1ms, at least retry-min"
  })
  void badValueIsRefusedWithItsKeyAndWhatItAllows(String key, String value, String allowed) {
    Config config =
        ConfigFactory.parseString("parley.upstream." + key + " = \"" + value + "\"")
            .withFallback(REFERENCE);
    assertThatThrownBy(() -> UpstreamSettings.from(config))
        .hasMessageContaining("parley.upstream." + key)
        .hasMessageContaining(allowed);
  }

  @Test
  void theKeyIsNotShown() {
    Config config =
        ConfigFactory.parseString("parley.upstream.api-key = tell-nobody").withFallback(REFERENCE);
    assertThat(UpstreamSettings.from(config).toString()).doesNotContain("tell-nobody");
  }

  @Test
  void aSpecNamesModelServerAndName() {
    UpstreamSpec spec =
        UpstreamSpec.parse("hf:a/b/c.gguf#sha256=00ff&upstream=http://127.0.0.1:8000/v1/&as=big");
    assertThat(spec.model()).isEqualTo("hf:a/b/c.gguf#sha256=00ff");
    assertThat(spec.server()).hasToString("http://127.0.0.1:8000");
    assertThat(spec.servedAs()).contains("big");
    assertThat(UpstreamSpec.parse("story#upstream=https://gpu:1/x").servedAs())
        .isEqualTo(Optional.empty());
    assertThat(UpstreamSpec.isMeantBy("story#weights=int8")).isFalse();
    assertThat(UpstreamSpec.isMeantBy("story")).isFalse();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "story#upstream=127.0.0.1:8000",
        "story#upstream=ftp://host",
        "story#upstream=http://user:word@host",
        "story#upstream=",
        "#upstream=http://host:1",
        "story#upstream=http://host:1&weights=int8",
        "story#upstream=http://host:1&upstream=http://host:2"
      })
  void aSpecThatSaysSomethingElseIsRefused(String spec) {
    assertThat(UpstreamSpec.isMeantBy(spec)).isTrue();
    assertThatThrownBy(() -> UpstreamSpec.parse(spec)).isInstanceOf(IllegalArgumentException.class);
  }

  @Property(tries = 200)
  void linesAreTheSameHoweverTheyCome(@ForAll @IntRange(min = 1, max = 40) int piece) {
    byte[] body =
        "data: one\r\n\r\n: comment\n\ndata: zwei 🌊 ä\n\ndata: [DONE]\n\nrest"
            .getBytes(StandardCharsets.UTF_8);
    List<String> lines = new ArrayList<>();
    EventLines cutter = new EventLines(lines::add);
    for (int at = 0; at < body.length; at += piece) {
      cutter.push(ByteBuffer.wrap(body, at, Math.min(piece, body.length - at)));
    }
    assertThat(lines).containsExactly("data: one", ": comment", "data: zwei 🌊 ä", "data: [DONE]");
  }

  @Test
  void aLineWithoutAnEndIsRefused() {
    EventLines cutter = new EventLines(line -> {});
    ByteBuffer much = ByteBuffer.wrap(new byte[EventLines.LINE_BYTES_MAX]);
    cutter.push(much);
    assertThatThrownBy(() -> cutter.push(ByteBuffer.wrap(new byte[1])))
        .isInstanceOf(UpstreamException.class);
  }
}
