package io.parley.workers.replica;

import io.parley.routing.protocol.AnswerForm;
import io.parley.routing.protocol.AnswerForm.Tool;
import io.parley.routing.protocol.FailureCode;
import io.parley.routing.protocol.Work;
import io.parley.workers.text.ChatTemplate;
import io.parley.workers.text.ChatTemplateException;
import io.parley.workers.text.Tokenizer;
import java.time.Instant;
import java.util.List;

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
   * Renders, fits and tokenizes.
   *
   * @throws RuntimeException when that fails by a defect; its message may quote the prompt
   */
  public Result make(Work work) {
    Instant now = Instant.ofEpochMilli(work.startedAtEpochMillis());
    List<Tool> tools = work.sampling().form().map(AnswerForm::callable).orElse(List.of());
    ContextWindow.Result result;
    try {
      result =
          ContextWindow.fit(
              work.messages(),
              messages -> template.encode(messages, tools, now, tokenizer),
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
