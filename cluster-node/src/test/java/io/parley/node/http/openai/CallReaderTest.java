package io.parley.node.http.openai;

import static org.assertj.core.api.Assertions.assertThat;

import io.parley.routing.protocol.AnswerForm;
import io.parley.routing.protocol.Message;
import io.parley.routing.protocol.Role;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class CallReaderTest {
  private static final String ADD = AnswerForm.call("add", "{\"a\": \"}\\n</tool_call>\"}");

  /** Parts as one text, in which each begins with what it is. */
  private static String read(List<String> pieces) {
    CallReader reader = new CallReader();
    List<CallReader.Part> parts = new ArrayList<>();
    pieces.forEach(piece -> parts.addAll(reader.push(piece)));
    parts.addAll(reader.end());
    StringBuilder text = new StringBuilder();
    Class<?> before = null;
    for (CallReader.Part part : parts) {
      if (part.getClass() != before) {
        text.append('#').append(part.getClass().getSimpleName().charAt(0)).append(':');
      }
      before = part.getClass();
      if (part instanceof CallReader.Text more) {
        text.append(more.text());
      } else if (part instanceof CallReader.Begin begin) {
        text.append(begin.name());
      } else if (part instanceof CallReader.Arguments more) {
        text.append(more.json());
      }
    }
    return text.toString();
  }

  @Test
  void findsTheSameHoweverTheTextIsCut() {
    String text = "Let me <tool_call see.\n" + ADD;
    String expected = "#T:Let me <tool_call see.\n#B:add#A:{\"a\": \"}\\n</tool_call>\"}#E:";
    assertThat(read(List.of(text))).isEqualTo(expected);
    for (int seed = 0; seed < 200; seed++) {
      Random random = new Random(seed);
      List<String> pieces = new ArrayList<>();
      for (int at = 0; at < text.length(); ) {
        int end = Math.min(text.length(), at + random.nextInt(9));
        pieces.add(text.substring(at, end));
        at = end;
      }
      assertThat(read(pieces)).as("seed %d", seed).isEqualTo(expected);
    }
  }

  @Test
  void givesTextAtOnceUnlessItMayBecomeACall() {
    CallReader reader = new CallReader();
    assertThat(reader.push("a<b")).containsExactly(new CallReader.Text("a<b"));
    assertThat(reader.push("c<tool_")).containsExactly(new CallReader.Text("c"));
    assertThat(reader.push("x")).containsExactly(new CallReader.Text("<tool_x"));
  }

  @Test
  void aCutAnswerHasWhatItHas() {
    assertThat(read(List.of("Hi <tool_call>\n{\"na"))).isEqualTo("#T:Hi <tool_call>\n{\"na");
    assertThat(read(List.of("<tool_call>\n{\"name\": \"ad"))).isEmpty();
    assertThat(read(List.of("<tool_call>\n{\"name\": \"add\", \"arguments\": {\"a\": 1}\n</to")))
        .isEqualTo("#B:add#A:{\"a\": 1}\n</to");
  }

  @Test
  void severalCallsOfACallerAreFound() {
    Message message =
        new Message(
            Role.ASSISTANT,
            "See:\n" + ADD + "\n" + AnswerForm.call("wait", "{}"),
            List.of("a", "b"));
    assertThat(Calls.of(message))
        .isEqualTo(
            new Calls(
                "See:\n",
                List.of(
                    new Calls.Call("add", "{\"a\": \"}\\n</tool_call>\"}", true),
                    new Calls.Call("wait", "{}", true))));
    assertThat(Calls.of(new Message(Role.ASSISTANT, ADD)).calls()).isEmpty();
  }
}
