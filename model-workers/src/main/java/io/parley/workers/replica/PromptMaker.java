package io.parley.workers.replica;

import io.parley.routing.protocol.AnswerForm;
import io.parley.routing.protocol.AnswerForm.Tool;
import io.parley.routing.protocol.ContextPolicy;
import io.parley.routing.protocol.FailureCode;
import io.parley.routing.protocol.Message;
import io.parley.routing.protocol.Work;
import io.parley.workers.text.ChatTemplate;
import io.parley.workers.text.ChatTemplateException;
import io.parley.workers.text.Tokenizer;
import java.time.Instant;
import java.util.List;
import java.util.Optional;

/** Makes a work's messages into the tokens of its prompt, or says why that cannot be. */
public final class PromptMaker {
  private final Tokenizer tokenizer;
  private final ChatTemplate template;
  private final int contextLength;

  /**
   * Thread-safe, as template and tokenizer are.
   *
   * @param contextLength the most tokens of prompt and answer together
   */
  public PromptMaker(Tokenizer tokenizer, ChatTemplate template, int contextLength) {
    this.tokenizer = tokenizer;
    this.template = template;
    this.contextLength = contextLength;
  }

  /** Either a prompt or the refusal. */
  public sealed interface Result {}

  /** The prompt, of one token at least; see {@link ContextWindow.Fitted}. */
  public record Made(ContextWindow.Fitted prompt) implements Result {}

  /** There is none; the message has no text of it. */
  public record Refused(FailureCode code, String message) implements Result {}

  /**
   * The prompt of an attempt that was made before, of which it is known what was left out.
   *
   * @return empty when that many messages cannot have been left out
   * @throws ChatTemplateException when the template refuses the messages
   */
  public Optional<int[]> again(Work work, int droppedMessages) {
    boolean mayDrop = work.contextPolicy() == ContextPolicy.DROP_OLDEST;
    if (droppedMessages != 0 && !mayDrop) {
      return Optional.empty();
    }
    return ContextWindow.without(work.messages(), droppedMessages)
        .map(messages -> encode(work, messages));
  }

  private int[] encode(Work work, List<Message> messages) {
    Instant now = Instant.ofEpochMilli(work.startedAtEpochMillis());
    List<Tool> tools = work.sampling().form().map(AnswerForm::callable).orElse(List.of());
    return template.encode(messages, tools, now, tokenizer);
  }

  /**
   * Renders, fits and tokenizes.
   *
   * @throws RuntimeException when that fails by a defect; its message may quote the prompt
   */
  public Result make(Work work) {
    ContextWindow.Result result;
    try {
      result =
          ContextWindow.fit(
              work.messages(),
              messages -> encode(work, messages),
              contextLength,
              work.sampling().maxTokens(),
              work.contextPolicy());
    } catch (ChatTemplateException e) {
      return new Refused(FailureCode.INVALID_MESSAGES, e.getMessage());
    }
    if (result instanceof ContextWindow.TooLong tooLong) {
      return new Refused(FailureCode.CONTEXT_LENGTH_EXCEEDED, tooLong.message());
    }
    ContextWindow.Fitted fitted = (ContextWindow.Fitted) result;
    return fitted.prompt().length > 0
        ? new Made(fitted)
        : new Refused(FailureCode.INVALID_MESSAGES, "the prompt is empty");
  }
}
