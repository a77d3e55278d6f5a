package io.parley.workers.text;

import io.parley.routing.protocol.AnswerForm.Tool;
import io.parley.routing.protocol.Message;
import java.time.Instant;
import java.util.List;

/** Renders a conversation into the prompt that the model was trained on. Thread-safe. */
public interface ChatTemplate {
  /**
   * Renders and encodes. The template's own markers become special tokens; the messages' contents
   * never do, whatever they contain.
   *
   * @param now for templates that name today's date
   * @throws ChatTemplateException when the template refuses the messages
   */
  int[] encode(List<Message> messages, Instant now, Tokenizer tokenizer);

  /**
   * The same, for an answer that may call one of these tools. Where the template knows of no tools,
   * {@link ToolPrompt} says what the model is told.
   */
  default int[] encode(List<Message> messages, List<Tool> tools, Instant now, Tokenizer tokenizer) {
    return encode(ToolPrompt.plain(messages, tools), now, tokenizer);
  }
}
