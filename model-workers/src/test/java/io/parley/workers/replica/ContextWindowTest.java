package io.parley.workers.replica;

import static org.assertj.core.api.Assertions.assertThat;

import io.parley.routing.protocol.ContextPolicy;
import io.parley.routing.protocol.Message;
import io.parley.routing.protocol.Role;
import io.parley.workers.replica.ContextWindow.Fitted;
import io.parley.workers.replica.ContextWindow.TooLong;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class ContextWindowTest {
  // each message is ten tokens with the number of the message in it
  private static final List<Message> CHAT =
      List.of(
          new Message(Role.SYSTEM, "0"),
          new Message(Role.USER, "1"),
          new Message(Role.ASSISTANT, "2"),
          new Message(Role.USER, "3"),
          new Message(Role.SYSTEM, "4"),
          new Message(Role.ASSISTANT, "5"),
          new Message(Role.USER, "6"),
          new Message(Role.ASSISTANT, "7"),
          new Message(Role.USER, "8"));

  @Test
  void whatFitsStays() {
    assertThat(kept(91, 1, ContextPolicy.ERROR)).containsExactly(0, 1, 2, 3, 4, 5, 6, 7, 8);
    assertThat(kept(91, 1, ContextPolicy.DROP_OLDEST)).hasSize(9);
  }

  @Test
  void errorRefusesWithTheFigures() {
    ContextWindow.Result result =
        ContextWindow.fit(CHAT, ContextWindowTest::encode, 90, 5, ContextPolicy.ERROR);
    assertThat(result).isInstanceOf(TooLong.class);
    assertThat(((TooLong) result).message()).contains("90 tokens").contains("at most 89");
  }

  @Test
  void oldestTurnsGoAndSystemMessagesStay() {
    assertThat(kept(90, 1, ContextPolicy.DROP_OLDEST)).containsExactly(0, 3, 4, 5, 6, 7, 8);
    assertThat(kept(71, 1, ContextPolicy.DROP_OLDEST)).containsExactly(0, 3, 4, 5, 6, 7, 8);
    assertThat(kept(70, 1, ContextPolicy.DROP_OLDEST)).containsExactly(0, 4, 6, 7, 8);
    assertThat(kept(50, 1, ContextPolicy.DROP_OLDEST)).containsExactly(0, 4, 8);
  }

  @Test
  void dropsOnUntilAQuarterIsFreeForALongAnswer() {
    assertThat(kept(92, 1000, ContextPolicy.DROP_OLDEST)).containsExactly(0, 4, 6, 7, 8);
    // nothing more can go: one token of room is enough
    assertThat(kept(31, 1000, ContextPolicy.DROP_OLDEST)).containsExactly(0, 4, 8);
  }

  @Test
  void lastInputAloneMayBeTooLong() {
    ContextWindow.Result result =
        ContextWindow.fit(CHAT, ContextWindowTest::encode, 30, 5, ContextPolicy.DROP_OLDEST);
    assertThat(((TooLong) result).message()).contains("30 tokens").contains("6 messages");
  }

  @Test
  void leadingAssistantMessagesAreATurnToo() {
    List<Message> chat = List.of(new Message(Role.ASSISTANT, "0"), new Message(Role.USER, "1"));
    Fitted fitted =
        (Fitted)
            ContextWindow.fit(chat, ContextWindowTest::encode, 15, 1, ContextPolicy.DROP_OLDEST);
    assertThat(fitted.droppedMessages()).isEqualTo(1);
    assertThat(fitted.prompt()).hasSize(10).containsOnly(1);
  }

  private static List<Integer> kept(int contextLength, int maxTokens, ContextPolicy policy) {
    Fitted fitted =
        (Fitted)
            ContextWindow.fit(CHAT, ContextWindowTest::encode, contextLength, maxTokens, policy);
    List<Integer> ids = new ArrayList<>();
    for (int i = 0; i < fitted.prompt().length; i += 10) {
      ids.add(fitted.prompt()[i]);
    }
    assertThat(fitted.droppedMessages()).isEqualTo(CHAT.size() - ids.size());
    return ids;
  }

  private static int[] encode(List<Message> messages) {
    int[] ids = new int[messages.size() * 10];
    for (int i = 0; i < ids.length; i++) {
      ids[i] = Integer.parseInt(messages.get(i / 10).content());
    }
    return ids;
  }
}
