package io.parley.sessions.domain;

import io.parley.routing.protocol.Message;
import io.parley.routing.protocol.PromptInfo;
import io.parley.routing.protocol.Role;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * A turn that ended. Its tokens stay, so that its stream can be read again from the first.
 *
 * @param attempts how many attempts were started
 * @param deleted whether it is hidden from retrieval by its id
 */
public record EndedTurn(
    TurnSpec spec,
    int attempts,
    Optional<PromptInfo> prompt,
    Answer answer,
    TurnEnd end,
    boolean deleted)
    implements Entry {

  /** The whole answer. */
  public String text() {
    return answer.text() + end.tail();
  }

  /**
   * Input and, last, the answer. A turn that failed adds nothing, nor does one that was cancelled
   * before its first text: its caller was told so and asks again, and two inputs in a row would be
   * a conversation that nobody had.
   */
  @Override
  public List<Message> messages() {
    boolean completed = end instanceof TurnEnd.Completed;
    boolean partial = end instanceof TurnEnd.Cancelled && answer.textBytes() > 0;
    if (!completed && !partial) {
      return List.of();
    }
    List<Message> messages = new ArrayList<>(spec.request().input());
    messages.add(new Message(Role.ASSISTANT, text()));
    return messages;
  }

  @Override
  public long textBytes() {
    return Weight.of(spec.request()) + answer.textBytes() + Weight.utf8(end.tail());
  }

  @Override
  public long storedBytes() {
    return Weight.of(spec.request()) + answer.storedBytes() + Weight.utf8(end.tail());
  }

  EndedTurn hidden() {
    return new EndedTurn(spec, attempts, prompt, answer, end, true);
  }
}
