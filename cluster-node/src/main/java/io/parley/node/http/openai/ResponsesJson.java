package io.parley.node.http.openai;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.parley.node.http.ApiException;
import io.parley.node.http.Ids;
import io.parley.node.http.Json;
import io.parley.routing.protocol.AnswerForm;
import io.parley.routing.protocol.ContextPolicy;
import io.parley.routing.protocol.FinishReason;
import io.parley.routing.protocol.Message;
import io.parley.routing.protocol.PromptInfo;
import io.parley.routing.protocol.Role;
import io.parley.routing.protocol.SessionId;
import io.parley.sessions.SessionCommand.Failure;
import io.parley.sessions.SessionCommand.TurnRequest;
import io.parley.sessions.SessionCommand.TurnStatus;
import io.parley.sessions.SessionCommand.TurnView;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;

/** Writes response objects and items. */
public final class ResponsesJson {
  private ResponsesJson() {}

  /** A turn as a response object; {@code failures} says why a failed one failed. */
  public static ObjectNode response(
      SessionId session, TurnView turn, Function<Optional<Failure>, ApiException> failures) {
    ObjectNode root =
        head(session, turn.number(), turn.request(), turn.startedEpochMillis(), status(turn));
    if (turn.status() == TurnStatus.FAILED) {
      ApiException why = failures.apply(turn.failure());
      root.putObject("error").put("code", why.code()).put("message", why.getMessage());
    }
    if (status(turn).equals("incomplete")) {
      root.putObject("incomplete_details").put("reason", "max_output_tokens");
    }
    if (turn.status() == TurnStatus.COMPLETED || !turn.answer().isEmpty()) {
      ((ArrayNode) root.get("output")).addAll(output(session, turn));
    }
    if (turn.status().ended()) {
      usage(root.putObject("usage"), turn);
      root.put("completed_at", turn.endedEpochMillis().map(millis -> millis / 1000).orElse(null));
    }
    return root;
  }

  /** The response as the first events of a stream show it: the same however far the turn is. */
  static ObjectNode begun(
      SessionId session, int turn, TurnRequest request, long startedEpochMillis) {
    return head(session, turn, request, startedEpochMillis, "in_progress");
  }

  private static ObjectNode head(
      SessionId session, int turn, TurnRequest request, long startedEpochMillis, String status) {
    ObjectNode root = Json.object();
    root.put("id", Ids.response(session, turn)).put("object", "response");
    root.put("created_at", startedEpochMillis / 1000).put("status", status);
    root.put("background", request.background());
    root.putNull("error").putNull("incomplete_details");
    root.put("instructions", request.instructions().orElse(null));
    root.put("max_output_tokens", request.sampling().maxTokens());
    root.put("model", request.model().toString());
    root.putArray("output");
    root.put("parallel_tool_calls", false);
    root.put("previous_response_id", Labels.previous(request.metadata()).orElse(null));
    Labels.conversation(request.metadata())
        .ifPresentOrElse(
            id -> root.putObject("conversation").put("id", id), () -> root.putNull("conversation"));
    root.put("store", request.stored());
    root.put("temperature", request.sampling().temperature());
    Optional<AnswerForm> form = request.sampling().form();
    Forms.format(root.putObject("text").putObject("format"), form);
    Forms.choice(root, form);
    Forms.tools(root, form);
    root.put("top_p", request.sampling().topP());
    root.put(
        "truncation", request.contextPolicy() == ContextPolicy.DROP_OLDEST ? "auto" : "disabled");
    root.putNull("usage");
    metadata(root.putObject("metadata"), request.metadata());
    return root;
  }

  /** The status word of a response. */
  static String status(TurnView turn) {
    return switch (turn.status()) {
      case QUEUED -> "queued";
      case RUNNING -> "in_progress";
      case COMPLETED ->
          turn.finishReason().filter(reason -> reason == FinishReason.LENGTH).isPresent()
              ? "incomplete"
              : "completed";
      case CANCELLED -> "cancelled";
      case FAILED -> "failed";
    };
  }

  private static void usage(ObjectNode usage, TurnView turn) {
    int prompt = turn.prompt().map(PromptInfo::promptTokens).orElse(0);
    usage.put("input_tokens", prompt);
    usage
        .putObject("input_tokens_details")
        .put("cached_tokens", turn.prompt().map(PromptInfo::cachedTokens).orElse(0));
    usage.put("output_tokens", turn.tokenCount());
    usage.putObject("output_tokens_details").put("reasoning_tokens", 0);
    usage.put("total_tokens", prompt + turn.tokenCount());
  }

  /** What the turn generated: a message, a call of a tool, or one and then the other. */
  private static List<ObjectNode> output(SessionId session, TurnView turn) {
    Calls calls = Calls.of(turn.request(), turn.answer());
    List<ObjectNode> items = new ArrayList<>(2);
    if (calls.calls().isEmpty() || !calls.text().isEmpty()) {
      items.add(outputItem(session, turn, calls.text()));
    }
    calls.calls().stream()
        .limit(1)
        .map(c -> callItem(session, turn.number(), c))
        .forEach(items::add);
    return items;
  }

  /** The call that the turn generates. */
  static ObjectNode callItem(SessionId session, int turn, Calls.Call call) {
    return callItem(
        Ids.callItem(session, turn),
        Ids.call(session, turn),
        call,
        call.whole() ? "completed" : "incomplete");
  }

  static ObjectNode callItem(String id, String callId, Calls.Call call, String status) {
    ObjectNode item = Json.object();
    item.put("id", id).put("type", "function_call").put("status", status);
    item.put("call_id", callId).put("name", call.name()).put("arguments", call.arguments());
    return item;
  }

  /** The message that the turn generates. */
  static ObjectNode outputItem(SessionId session, TurnView turn, String text) {
    String status =
        switch (status(turn)) {
          case "completed" -> "completed";
          case "queued", "in_progress" -> "in_progress";
          default -> "incomplete";
        };
    ObjectNode item = outputItem(session, turn.number(), status);
    ((ArrayNode) item.get("content")).add(textPart("output_text", text));
    return item;
  }

  static ObjectNode outputItem(SessionId session, int turn, String status) {
    ObjectNode item = Json.object();
    item.put("id", Ids.output(session, turn)).put("type", "message").put("status", status);
    item.put("role", "assistant").putArray("content");
    return item;
  }

  static ObjectNode textPart(String type, String text) {
    ObjectNode part = Json.object();
    part.put("type", type).put("text", text);
    if (type.equals("output_text")) {
      part.putArray("annotations");
      part.putArray("logprobs");
    }
    return part;
  }

  /**
   * A message as items: calls of tools in it are items of their own.
   *
   * @param id of the message; those of its calls are made from it
   */
  public static List<ObjectNode> items(String id, Message message) {
    if (message.role() == Role.TOOL) {
      ObjectNode item = Json.object().put("id", id).put("type", "function_call_output");
      item.put("call_id", String.join(" ", message.callIds())).put("status", "completed");
      return List.of(item.put("output", message.content()));
    }
    Calls calls = Calls.of(message);
    List<ObjectNode> items = new ArrayList<>();
    if (calls.calls().isEmpty() || !calls.text().isBlank()) {
      items.add(item(id, new Message(message.role(), calls.text())));
    }
    for (int i = 0; i < calls.calls().size(); i++) {
      String callId = i < message.callIds().size() ? message.callIds().get(i) : "";
      String itemId = "fc_" + id.substring(id.indexOf('_') + 1) + (i == 0 ? "" : "_c" + i);
      items.add(callItem(itemId, callId, calls.calls().get(i), "completed"));
    }
    return items;
  }

  /** An answer that was asked so, with a name for the call in it, if there is one. */
  public static Message answer(SessionId session, int turn, TurnRequest request, Message answer) {
    return Calls.of(request, answer.content()).calls().isEmpty()
        ? answer
        : new Message(answer.role(), answer.content(), List.of(Ids.call(session, turn)));
  }

  private static ObjectNode item(String id, Message message) {
    ObjectNode item = Json.object();
    item.put("id", id).put("type", "message").put("status", "completed");
    item.put("role", message.role().wireName());
    String type = message.role() == Role.ASSISTANT ? "output_text" : "input_text";
    item.putArray("content").add(textPart(type, message.content()));
    return item;
  }

  /** A page of a list. */
  public static ObjectNode page(List<ObjectNode> items, boolean hasMore) {
    ObjectNode page = Json.object();
    page.put("object", "list").putArray("data").addAll(items);
    page.put("first_id", items.isEmpty() ? null : items.get(0).get("id").textValue());
    page.put("last_id", items.isEmpty() ? null : items.get(items.size() - 1).get("id").textValue());
    page.put("has_more", hasMore);
    return page;
  }

  /** The caller's labels. */
  public static void metadata(ObjectNode node, Map<String, String> metadata) {
    Labels.visible(metadata).forEach(node::put);
  }
}
