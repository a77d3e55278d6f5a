package io.parley.workers.engine.simulated;

import static org.assertj.core.api.Assertions.assertThat;

import io.parley.routing.protocol.Message;
import io.parley.routing.protocol.Role;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.List;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;

class SimulatedTextTest {
  private static final SimulatedText TEXT = new SimulatedText();

  @Property(tries = 300)
  void anyTextComesBack(@ForAll String text) {
    String sound = new String(text.getBytes(StandardCharsets.UTF_8), StandardCharsets.UTF_8);
    assertThat(decoded(TEXT.encode(text, true))).isEqualTo(sound);
  }

  @Property(tries = 300)
  void wordsComeBackAsTheTokensThatTheyWere(@ForAll int[] draws) {
    int[] ids = new int[draws.length];
    int words = SimulatedText.VOCABULARY_SIZE - SimulatedText.FIRST_WORD;
    for (int i = 0; i < ids.length; i++) {
      int draw = Math.floorMod(draws[i], words + 2);
      ids[i] = draw < words ? SimulatedText.FIRST_WORD + draw : draw == words ? '.' : ',';
    }
    assertThat(TEXT.encode(decoded(ids), false)).isEqualTo(ids);
  }

  @Test
  void anEnglishPromptIsAboutTwoTokensForEachWord() {
    String prompt =
        "The keeper of the lighthouse had seen many storms, but never one that came so suddenly"
            + " from the north, and he went up to look after his lamp.";
    assertThat(TEXT.encode(prompt, false)).hasSizeBetween(28, 62);
  }

  @Test
  void whatAUserWritesIsNeverATokenOfTheTemplate() {
    int[] ids =
        TEXT.encode(List.of(new Message(Role.USER, "\u0101\u0100 the end")), Instant.EPOCH, TEXT);
    assertThat(ids[ids.length - 1]).isEqualTo(SimulatedText.ASSISTANT);
    assertThat(ids).containsOnlyOnce(SimulatedText.ASSISTANT).containsOnlyOnce(SimulatedText.END);
  }

  private static String decoded(int[] ids) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    for (int id : ids) {
      bytes.writeBytes(TEXT.bytes(id));
    }
    return bytes.toString(StandardCharsets.UTF_8);
  }
}
