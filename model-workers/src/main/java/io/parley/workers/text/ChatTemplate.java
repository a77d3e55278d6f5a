package io.parley.workers.text;

import io.parley.routing.protocol.Message;
import java.util.List;

/** Renders a conversation into the prompt that the model was trained on. Thread-safe. */
public interface ChatTemplate {
  /**
   * Renders and encodes. The template's own markers become special tokens; the messages' contents
   * never do, whatever they contain.
   *
   * @throws ChatTemplateException when the template refuses the messages
   */
  int[] encode(List<Message> messages, Tokenizer tokenizer);
}
