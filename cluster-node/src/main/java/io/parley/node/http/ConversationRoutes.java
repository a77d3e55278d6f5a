package io.parley.node.http;

import akka.http.javadsl.model.HttpResponse;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.parley.node.http.openai.Labels;
import io.parley.node.http.openai.Messages;
import io.parley.node.http.openai.ResponsesJson;
import io.parley.routing.protocol.Message;
import io.parley.routing.protocol.SessionId;
import io.parley.sessions.SessionCommand;
import io.parley.sessions.SessionCommand.Item;
import io.parley.sessions.SessionCommand.Origin;
import io.parley.sessions.SessionCommand.Reply.Appended;
import io.parley.sessions.SessionCommand.Reply.Done;
import io.parley.sessions.SessionCommand.Reply.SessionView;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletionStage;

/** {@code /v1/conversations}. A conversation is a session. */
final class ConversationRoutes {
  private static final int ITEMS_MAX = 20;

  private final Sessions sessions;

  ConversationRoutes(Sessions sessions) {
    this.sessions = sessions;
  }

  void addTo(Router router) {
    router.post("/v1/conversations", this::create);
    router.get("/v1/conversations/{conversation}", this::retrieve);
    router.post("/v1/conversations/{conversation}", this::update);
    router.delete("/v1/conversations/{conversation}", this::delete);
    router.get("/v1/conversations/{conversation}/items", this::items);
    router.post("/v1/conversations/{conversation}/items", this::append);
    router.get("/v1/conversations/{conversation}/items/{item}", this::item);
  }

  private static SessionId id(Call call) {
    return Ids.parseConversation(call.tenant(), call.path().get(0));
  }

  private CompletionStage<HttpResponse> create(Call call) {
    JsonInput body = call.jsonOrEmpty();
    List<Message> items = itemsOf(body);
    return sessions
        .create(call, "conversations", body, items)
        .thenApply(made -> Replies.ok(json(made.id(), made.view())));
  }

  private static List<Message> itemsOf(JsonInput body) {
    List<Message> items = Messages.items(body, "items");
    if (items.size() > ITEMS_MAX) {
      throw JsonInput.invalid("items", "has at most " + ITEMS_MAX + " items.");
    }
    return items;
  }

  private static ObjectNode json(SessionId id, SessionView view) {
    ObjectNode node = Json.object();
    node.put("id", Ids.conversation(id)).put("object", "conversation");
    node.put("created_at", view.createdEpochMillis() / 1000);
    ResponsesJson.metadata(node.putObject("metadata"), view.metadata());
    return node;
  }

  private CompletionStage<HttpResponse> retrieve(Call call) {
    SessionId id = id(call);
    return sessions.view(id).thenApply(view -> Replies.ok(json(id, view)));
  }

  private CompletionStage<HttpResponse> update(Call call) {
    SessionId id = id(call);
    JsonInput body = call.json();
    if (body.get("metadata").isEmpty()) {
      throw JsonInput.missing("metadata");
    }
    Map<String, String> metadata = Labels.visible(body.metadata("metadata"));
    return sessions
        .ask(id, Done.class, replyTo -> new SessionCommand.SetMetadata(metadata, replyTo))
        .thenCompose(done -> sessions.view(id))
        .thenApply(view -> Replies.ok(json(id, view)));
  }

  private CompletionStage<HttpResponse> delete(Call call) {
    SessionId id = id(call);
    return sessions
        .delete(id)
        .thenApply(done -> Replies.deleted(Ids.conversation(id), "conversation.deleted"));
  }

  private CompletionStage<HttpResponse> items(Call call) {
    SessionId id = id(call);
    Pages.Query page = Pages.query(call);
    return sessions
        .view(id)
        .thenApply(view -> Replies.ok(page.of(json(id, Continuation.items(id, view)))));
  }

  private static List<ObjectNode> json(SessionId id, List<Item> items) {
    return items.stream()
        .flatMap(item -> ResponsesJson.items(Ids.item(id, item), item.message()).stream())
        .toList();
  }

  private CompletionStage<HttpResponse> append(Call call) {
    SessionId id = id(call);
    JsonInput body = call.json();
    List<Message> items = itemsOf(body);
    if (items.isEmpty()) {
      throw body.get("items").isEmpty()
          ? JsonInput.missing("items")
          : JsonInput.invalid("items", "must have at least one item.");
    }
    String key = call.idempotencyKey().orElseGet(Ids::random);
    return sessions
        .ask(id, Appended.class, replyTo -> new SessionCommand.AppendMessages(key, items, replyTo))
        .thenApply(
            appended -> {
              List<Item> added = Item.of(Origin.ADDITION, appended.addition(), items);
              return Replies.ok(ResponsesJson.page(json(id, added), false));
            });
  }

  private CompletionStage<HttpResponse> item(Call call) {
    SessionId id = id(call);
    String wanted = call.path().get(1);
    return sessions
        .view(id)
        .thenApply(
            view ->
                json(id, Continuation.items(id, view)).stream()
                    .filter(item -> item.path("id").textValue().equals(wanted))
                    .findFirst()
                    .map(Replies::ok)
                    .orElseThrow(() -> ApiException.notFound("There is no such item.")));
  }
}
