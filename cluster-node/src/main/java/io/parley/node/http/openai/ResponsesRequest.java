package io.parley.node.http.openai;

import com.fasterxml.jackson.databind.JsonNode;
import io.parley.node.http.ApiException;
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

/** The body of {@code POST /v1/responses}. */
public record ResponsesRequest(
    ModelInfo model,
    List<Message> input,
    Optional<String> instructions,
    SamplingParams sampling,
    ContextPolicy contextPolicy,
    Optional<String> previousResponseId,
    Optional<String> conversation,
    boolean stream,
    boolean stored,
    boolean background,
    Map<String, String> metadata) {

  /** As {@link ChatRequest#read}. */
  public static ResponsesRequest read(
      JsonInput in, Function<String, ModelInfo> models, LongSupplier seeds) {
    List<Message> input = Messages.input(in, "input");
    refuseWhatIsNotServed(in);
    boolean stored = in.bool("store").orElse(true);
    boolean background = in.bool("background").orElse(false);
    if (background && !stored) {
      throw JsonInput.invalid("background", "needs 'store': true.");
    }
    Optional<String> previous = in.string("previous_response_id");
    Optional<String> conversation = conversation(in);
    if (previous.isPresent() && conversation.isPresent()) {
      throw JsonInput.invalid("previous_response_id", "cannot go with 'conversation'.");
    }
    ModelInfo model = models.apply(in.requiredString("model"));
    return new ResponsesRequest(
        model,
        input,
        in.string("instructions"),
        Sampling.read(in, model, List.of("max_output_tokens"), Sampling.LogProbs.NONE, seeds)
            .withForm(Forms.response(in)),
        ChatRequest.truncation(in),
        previous,
        conversation,
        in.bool("stream").orElse(false),
        stored,
        background,
        in.metadata("metadata"));
  }

  private static Optional<String> conversation(JsonInput in) {
    Optional<JsonNode> value = in.get("conversation");
    return value.isPresent() && value.get().isObject()
        ? Optional.of(in.object("conversation").orElseThrow().requiredString("id"))
        : in.string("conversation");
  }

  private static void refuseWhatIsNotServed(JsonInput in) {
    in.string("user");
    in.unsupportedUnless("include", Set.of("[]"));
    in.unsupportedUnless("prompt", Set.of());
    in.unsupportedUnless("reasoning", Set.of("{}"));
    in.unsupportedUnless("max_tool_calls", Set.of());
    in.unsupportedUnless("top_logprobs", Set.of("0"));
  }

  /** What a session is asked. */
  public TurnRequest turn() {
    Map<String, String> labels = metadata;
    if (previousResponseId.isPresent()) {
      labels = Labels.withPrevious(labels, previousResponseId.get());
    }
    if (conversation.isPresent()) {
      labels = Labels.withConversation(labels, conversation.get());
    }
    return new TurnRequest(
        model.id(),
        List.of(),
        input,
        instructions,
        sampling,
        contextPolicy,
        Priority.INTERACTIVE,
        stored,
        background,
        labels);
  }

  /** The error where {@code previous_response_id} names nothing. */
  public static ApiException previousNotFound() {
    return ApiException.of(
            404, "previous_response_not_found", "There is no such previous response.")
        .withParam("previous_response_id");
  }
}
