package io.parley.node.http.openai;

import io.parley.node.http.JsonInput;
import io.parley.routing.protocol.ContextPolicy;
import io.parley.routing.protocol.Message;
import io.parley.routing.protocol.ModelInfo;
import io.parley.routing.protocol.Priority;
import io.parley.routing.protocol.SamplingParams;
import io.parley.sessions.SessionCommand.TurnRequest;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.function.LongSupplier;

/** The body of {@code POST /v1/chat/completions}. */
public record ChatRequest(
    ModelInfo model,
    List<Message> messages,
    SamplingParams sampling,
    ContextPolicy contextPolicy,
    boolean stream,
    boolean includeUsage,
    boolean stored,
    Map<String, String> metadata) {

  /**
   * Reads and checks the body.
   *
   * @param models finds the model or refuses
   * @param seeds makes a seed where the request has none
   */
  public static ChatRequest read(
      JsonInput in, Function<String, ModelInfo> models, LongSupplier seeds) {
    List<Message> messages = Messages.required(in, "messages");
    refuseWhatIsNotServed(in);
    ModelInfo model = models.apply(in.requiredString("model"));
    boolean stream = in.bool("stream").orElse(false);
    Optional<JsonInput> options = in.object("stream_options");
    boolean includeUsage = options.flatMap(object -> object.bool("include_usage")).orElse(false);
    if (options.isPresent() && !stream) {
      throw JsonInput.invalid("stream_options", "is allowed only with 'stream': true.");
    }
    return new ChatRequest(
        model,
        messages,
        Sampling.read(
                in,
                model,
                List.of("max_completion_tokens", "max_tokens"),
                Sampling.chatLogProbs(in),
                seeds)
            .withForm(Forms.chat(in)),
        truncation(in),
        stream,
        includeUsage,
        in.bool("store").orElse(true),
        in.metadata("metadata"));
  }

  private static void refuseWhatIsNotServed(JsonInput in) {
    in.string("user");
    in.integer("n", 1, 128);
    in.unsupportedUnless("n", Set.of("1"));
    in.unsupportedUnless("functions", Set.of("[]"));
    in.unsupportedUnless("function_call", Set.of("none", "auto"));
    in.unsupportedUnless("logit_bias", Set.of("{}"));
    in.unsupportedUnless("modalities", Set.of("[\"text\"]"));
    in.unsupportedUnless("audio", Set.of());
    in.unsupportedUnless("prediction", Set.of());
    in.unsupportedUnless("web_search_options", Set.of());
    in.unsupportedUnless("reasoning_effort", Set.of());
  }

  /** {@code truncation}: whether the oldest turns may be left out of a prompt that is too long. */
  static ContextPolicy truncation(JsonInput in) {
    return in.oneOf("truncation", Set.of("auto", "disabled")).orElse("disabled").equals("auto")
        ? ContextPolicy.DROP_OLDEST
        : ContextPolicy.ERROR;
  }

  /** What a session is asked; with an existing session all messages are the input. */
  public TurnRequest turn(boolean existingSession) {
    Messages.Split split =
        existingSession ? new Messages.Split(List.of(), messages) : Messages.split(messages);
    return new TurnRequest(
        model.id(),
        split.history(),
        split.input(),
        Optional.empty(),
        sampling,
        contextPolicy,
        Priority.INTERACTIVE,
        stored,
        false,
        metadata);
  }
}
