package io.parley.node.http.openai;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.parley.node.http.ApiException;
import io.parley.node.http.Errors;
import io.parley.node.http.EventHistory.HistoryEvent;
import io.parley.node.http.Ids;
import io.parley.node.http.Json;
import io.parley.routing.protocol.Message;
import io.parley.routing.protocol.SessionId;
import io.parley.sessions.SessionCommand.Failure;
import io.parley.sessions.SessionCommand.Reply.SessionView;
import io.parley.sessions.SessionCommand.TurnStatus;
import io.parley.sessions.SessionCommand.TurnView;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.Function;

/** Writes sessions, turns and events of Parley's own routes. */
public final class SessionJson {
  private SessionJson() {}

  /** A session with its messages and turns. */
  public static ObjectNode session(
      SessionId id, SessionView view, Function<Optional<Failure>, ApiException> failures) {
    ObjectNode node = Json.object();
    node.put("id", Ids.session(id)).put("object", "session");
    node.put("conversation_id", Ids.conversation(id));
    node.put("created_at", view.createdEpochMillis() / 1000);
    ResponsesJson.metadata(node.putObject("metadata"), view.metadata());
    messages(node.putArray("messages"), view.messages());
    ArrayNode turns = node.putArray("turns");
    for (TurnView turn : view.turns()) {
      if (!turn.deleted()) {
        turns.add(turn(id, turn, failures));
      }
    }
    return node;
  }

  /** A turn without its tokens. */
  public static ObjectNode turn(
      SessionId id, TurnView turn, Function<Optional<Failure>, ApiException> failures) {
    ObjectNode node = Json.object();
    node.put("id", Ids.response(id, turn.number())).put("object", "session.turn");
    node.put("session_id", Ids.session(id)).put("turn", turn.number());
    node.put("completion_id", Ids.completion(id, turn.number()));
    node.put("status", turn.status().name().toLowerCase(Locale.ROOT));
    node.put("model", turn.request().model().toString());
    messages(node.putArray("input"), turn.request().input());
    node.put("answer", turn.answer()).put("token_count", turn.tokenCount());
    node.put(
        "finish_reason",
        turn.status() == TurnStatus.COMPLETED
            ? ChatJson.finishReason(
                turn.finishReason(), Calls.of(turn.request(), turn.answer()).called())
            : null);
    ChatJson.usage(node.putObject("usage"), turn.prompt(), turn.tokenCount());
    node.put("dropped_messages", turn.prompt().map(prompt -> prompt.droppedMessages()).orElse(0));
    node.put("attempts", turn.attempts());
    node.put("created_at", turn.startedEpochMillis() / 1000);
    node.put("ended_at", turn.endedEpochMillis().map(millis -> millis / 1000).orElse(null));
    if (turn.status() == TurnStatus.FAILED) {
      Errors.fill(node.putObject("error"), failures.apply(turn.failure()));
    } else {
      node.putNull("error");
    }
    ResponsesJson.metadata(node.putObject("metadata"), turn.request().metadata());
    return node;
  }

  private static void messages(ArrayNode array, List<Message> messages) {
    for (Message message : messages) {
      array.addObject().put("role", message.role().wireName()).put("content", message.content());
    }
  }

  /** A journaled event. */
  public static ObjectNode event(HistoryEvent event) {
    ObjectNode node = Json.object();
    node.put("object", "session.event").put("sequence", event.sequence());
    node.put("created_at_millis", event.epochMillis()).put("type", event.manifest());
    node.set("payload", event.payload());
    return node;
  }
}
