package io.parley.sessions.journal;

import io.parley.routing.protocol.AnswerForm;
import io.parley.routing.protocol.AnswerForm.JsonFormat;
import io.parley.routing.protocol.AnswerForm.Tool;
import io.parley.routing.protocol.AnswerForm.ToolUse;
import io.parley.routing.protocol.ContextPolicy;
import io.parley.routing.protocol.FailureCode;
import io.parley.routing.protocol.Message;
import io.parley.routing.protocol.ModelId;
import io.parley.routing.protocol.Priority;
import io.parley.routing.protocol.PromptInfo;
import io.parley.routing.protocol.Role;
import io.parley.routing.protocol.SamplingParams;
import io.parley.sessions.SessionCommand.Failure;
import io.parley.sessions.SessionCommand.TurnRequest;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;

/**
 * The persisted forms of values that several events share. A component that is added later is a
 * boxed type or an object, absent (null) in what was written before, and gets its default here.
 * None is ever renamed or removed within a version. Enums are stored by name.
 */
@SuppressWarnings("ArrayRecordComponent") // written and read once, never compared
final class Stored {
  private Stored() {}

  /**
   * A message.
   *
   * @param callIds absent where it has none
   */
  record MessageV1(String role, String content, List<String> callIds) {
    static MessageV1[] of(List<Message> messages) {
      return messages.stream()
          .map(
              m ->
                  new MessageV1(
                      m.role().name(), m.content(), m.callIds().isEmpty() ? null : m.callIds()))
          .toArray(MessageV1[]::new);
    }

    static List<Message> messages(MessageV1[] stored) {
      return Arrays.stream(orEmpty(stored))
          .map(m -> new Message(Role.valueOf(m.role()), m.content(), Stored.orEmpty(m.callIds())))
          .toList();
    }

    private static MessageV1[] orEmpty(MessageV1[] stored) {
      return stored == null ? new MessageV1[0] : stored;
    }
  }

  /**
   * The form of an answer. What it means to a model and how an answer is held to it is the code's:
   * a schema is stored as it was asked.
   *
   * @param json whether the answer is JSON; with {@code jsonName} and, if any, its {@code
   *     jsonSchema}
   * @param tools absent where there are none, as are {@code toolUse} and {@code function}
   */
  record FormV1(
      boolean json,
      String jsonName,
      String jsonSchema,
      ToolV1[] tools,
      String toolUse,
      String function) {
    static FormV1 of(AnswerForm form) {
      return new FormV1(
          form.json().isPresent(),
          form.json().map(JsonFormat::name).orElse(null),
          form.json().flatMap(JsonFormat::schema).orElse(null),
          form.tools().isEmpty()
              ? null
              : form.tools().stream().map(ToolV1::of).toArray(ToolV1[]::new),
          form.tools().isEmpty() ? null : form.toolUse().name(),
          form.function().orElse(null));
    }

    AnswerForm form() {
      return new AnswerForm(
          json
              ? Optional.of(new JsonFormat(jsonName, Optional.ofNullable(jsonSchema)))
              : Optional.empty(),
          tools == null ? List.of() : Arrays.stream(tools).map(ToolV1::tool).toList(),
          toolUse == null ? ToolUse.NONE : ToolUse.valueOf(toolUse),
          Optional.ofNullable(function));
    }
  }

  /** A function that an answer may call. */
  record ToolV1(String name, String description, String parameters) {
    static ToolV1 of(Tool tool) {
      return new ToolV1(tool.name(), tool.description().orElse(null), tool.parameters());
    }

    Tool tool() {
      return new Tool(name, Optional.ofNullable(description), parameters);
    }
  }

  /**
   * How tokens are drawn.
   *
   * @param form absent where the answer may have any
   */
  record SamplingV1(
      double temperature,
      double topP,
      int topK,
      double minP,
      double repetitionPenalty,
      double presencePenalty,
      double frequencyPenalty,
      long seed,
      List<String> stop,
      int maxTokens,
      boolean ignoreEos,
      boolean logProbs,
      int topLogProbs,
      FormV1 form) {
    static SamplingV1 of(SamplingParams p) {
      return new SamplingV1(
          p.temperature(),
          p.topP(),
          p.topK(),
          p.minP(),
          p.repetitionPenalty(),
          p.presencePenalty(),
          p.frequencyPenalty(),
          p.seed(),
          p.stop(),
          p.maxTokens(),
          p.ignoreEos(),
          p.logProbs(),
          p.topLogProbs(),
          p.form().map(FormV1::of).orElse(null));
    }

    SamplingParams params() {
      return new SamplingParams(
          temperature,
          topP,
          topK,
          minP,
          repetitionPenalty,
          presencePenalty,
          frequencyPenalty,
          seed,
          orEmpty(stop),
          maxTokens,
          ignoreEos,
          logProbs,
          topLogProbs,
          Optional.ofNullable(form).map(FormV1::form));
    }
  }

  /** What was asked. Its history is the session's. */
  record RequestV1(
      String model,
      MessageV1[] input,
      String instructions,
      SamplingV1 sampling,
      String contextPolicy,
      String priority,
      boolean stored,
      boolean background,
      Map<String, String> metadata) {
    static RequestV1 of(TurnRequest r) {
      return new RequestV1(
          r.model().toString(),
          MessageV1.of(r.input()),
          r.instructions().orElse(null),
          SamplingV1.of(r.sampling()),
          r.contextPolicy().name(),
          r.priority().name(),
          r.stored(),
          r.background(),
          r.metadata());
    }

    TurnRequest request() {
      return new TurnRequest(
          ModelId.parse(model),
          List.of(),
          MessageV1.messages(input),
          Optional.ofNullable(instructions),
          sampling.params(),
          ContextPolicy.valueOf(contextPolicy),
          Priority.valueOf(priority),
          stored,
          background,
          orEmpty(metadata));
    }
  }

  /** What the worker made of the messages. */
  record PromptV1(
      int promptTokens, int cachedTokens, int droppedMessages, String model, String variant) {
    static PromptV1 of(PromptInfo p) {
      return new PromptV1(
          p.promptTokens(),
          p.cachedTokens(),
          p.droppedMessages(),
          p.model().toString(),
          p.variant());
    }

    PromptInfo prompt() {
      return new PromptInfo(
          promptTokens, cachedTokens, droppedMessages, ModelId.parse(model), variant);
    }
  }

  /** Why something was given up. */
  record FailureV1(String code, String message) {
    static FailureV1 of(Failure failure) {
      return new FailureV1(failure.code().name(), failure.message());
    }

    Failure failure() {
      return new Failure(FailureCode.valueOf(code), message);
    }
  }

  static List<String> orEmpty(List<String> list) {
    return Objects.requireNonNullElse(list, List.of());
  }

  static Map<String, String> orEmpty(Map<String, String> map) {
    return Objects.requireNonNullElse(map, Map.of());
  }
}
