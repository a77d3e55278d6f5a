package io.parley.node.http;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class JsonDiffTest {
  private static final ObjectMapper MAPPER = new ObjectMapper();

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "{\"a\":1} | {\"a\":1} | []",
        "{\"a\":1} | {\"a\":2} | [{\"path\":\"/a\",\"before\":1,\"after\":2}]",
        "{\"a\":1} | {} | [{\"path\":\"/a\",\"before\":1}]",
        "{} | {\"x/y\":null} | [{\"path\":\"/x~1y\",\"after\":null}]",
        "{\"a\":[1,2]} | {\"a\":[1,3,4]} | [{\"path\":\"/a/1\",\"before\":2,\"after\":3},{\"path\":\"/a/2\",\"after\":4}]",
        "{\"a\":{\"b\":1}} | {\"a\":[1]} | [{\"path\":\"/a\",\"before\":{\"b\":1},\"after\":[1]}]",
      })
  void namesEachPlaceThatDiffers(String before, String after, String changes) throws Exception {
    ObjectNode into = Json.object();
    JsonDiff.put(into, MAPPER.readTree(before), MAPPER.readTree(after));
    assertThat(into.path("changes")).isEqualTo(MAPPER.readTree(changes));
    assertThat(into.path("changes_left_out").asLong()).isZero();
  }

  @Test
  void countsWhatIsTooMuchToTell() {
    ObjectNode after = Json.object();
    for (int i = 0; i < JsonDiff.CHANGES_MAX + 3; i++) {
      after.put("k" + i, i);
    }
    ObjectNode into = Json.object();
    JsonDiff.put(into, Json.object(), after);
    assertThat(into.path("changes")).hasSize(JsonDiff.CHANGES_MAX);
    assertThat(into.path("changes_left_out").asLong()).isEqualTo(3);
  }
}
