package io.parley.node.http;

import akka.actor.typed.ActorSystem;
import akka.http.javadsl.model.HttpResponse;
import akka.http.javadsl.model.headers.RawHeader;
import akka.stream.javadsl.Sink;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.parley.node.http.EventHistory.HistoryEvent;
import io.parley.node.http.Turns.OnDisconnect;
import io.parley.node.http.Turns.Started;
import io.parley.node.http.openai.ChatStream;
import io.parley.node.http.openai.Messages;
import io.parley.node.http.openai.SessionJson;
import io.parley.routing.protocol.Message;
import io.parley.routing.protocol.SessionId;
import io.parley.sessions.SessionCommand.CancelTurn;
import io.parley.sessions.SessionCommand.Reply.Done;
import io.parley.sessions.SessionCommand.TurnView;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletionStage;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** {@code /v1/sessions}: what the OpenAI API has no word for. */
final class SessionRoutes {
  private static final Logger LOG = LoggerFactory.getLogger(SessionRoutes.class);
  private static final int EVENTS_MAX = 1000;

  private final Turns turns;
  private final Sessions sessions;
  private final EventHistory history;
  private final long retryAfterMillis;
  private final ActorSystem<?> system;

  SessionRoutes(
      Turns turns,
      Sessions sessions,
      EventHistory history,
      HttpSettings settings,
      ActorSystem<?> system) {
    this.retryAfterMillis = settings.retryAfter().toMillis();
    this.turns = turns;
    this.sessions = sessions;
    this.history = history;
    this.system = system;
  }

  void addTo(Router router) {
    router.post("/v1/sessions", this::create);
    router.get("/v1/sessions/{session}", this::retrieve);
    router.delete("/v1/sessions/{session}", this::delete);
    router.get("/v1/sessions/{session}/turns/{turn}", this::turn);
    router.get("/v1/sessions/{session}/turns/{turn}/stream", this::stream);
    router.postWithoutBody("/v1/sessions/{session}/turns/{turn}/cancel", this::cancel);
    router.get("/v1/sessions/{session}/events", this::events);
  }

  private static SessionId id(Call call) {
    return Ids.parseSession(call.tenant(), call.path().get(0));
  }

  private CompletionStage<HttpResponse> create(Call call) {
    JsonInput body = call.jsonOrEmpty();
    List<Message> messages = Messages.optional(body, "messages");
    return sessions
        .create(call, "sessions", body, messages)
        .thenApply(
            made ->
                Replies.json(201, SessionJson.session(made.id(), made.view(), turns::failure))
                    .addHeader(
                        RawHeader.create(ChatRoutes.SESSION_HEADER, Ids.session(made.id()))));
  }

  private CompletionStage<HttpResponse> retrieve(Call call) {
    SessionId id = id(call);
    return sessions
        .view(id)
        .thenApply(view -> Replies.ok(SessionJson.session(id, view, turns::failure)));
  }

  private CompletionStage<HttpResponse> delete(Call call) {
    SessionId id = id(call);
    return sessions
        .delete(id)
        .thenApply(done -> Replies.deleted(Ids.session(id), "session.deleted"));
  }

  private CompletionStage<TurnView> turnOf(SessionId id, int number) {
    return sessions.anyTurn(new Ids.TurnId(id, number));
  }

  private CompletionStage<HttpResponse> turn(Call call) {
    SessionId id = id(call);
    return turnOf(id, Ids.parseTurn(call.path().get(1)))
        .thenApply(turn -> Replies.ok(SessionJson.turn(id, turn, turns::failure)));
  }

  private CompletionStage<HttpResponse> stream(Call call) {
    SessionId id = id(call);
    int number = Ids.parseTurn(call.path().get(1));
    Optional<EventId> seen = call.lastEventId().map(event -> event.requireTurn(id, number));
    return turnOf(id, number)
        .thenCompose(
            turn ->
                turns.stream(
                    new Started(id, number, true),
                    new ChatStream(id, number, turn.request(), true, seen, turns::failure),
                    OnDisconnect.ignore(),
                    true));
  }

  private CompletionStage<HttpResponse> cancel(Call call) {
    SessionId id = id(call);
    int number = Ids.parseTurn(call.path().get(1));
    return turnOf(id, number)
        .thenCompose(
            turn -> sessions.ask(id, Done.class, replyTo -> new CancelTurn(number, replyTo)))
        .thenCompose(done -> turnOf(id, number))
        .thenApply(turn -> Replies.ok(SessionJson.turn(id, turn, turns::failure)));
  }

  private CompletionStage<HttpResponse> events(Call call) {
    SessionId id = id(call);
    long after = call.queryInteger("after", 0, Long.MAX_VALUE).orElse(0L);
    int limit = call.queryInteger("limit", 1, EVENTS_MAX).orElse(100L).intValue();
    return sessions
        .view(id)
        .thenCompose(view -> read(id, after, limit + 1))
        .thenApply(
            events -> {
              ObjectNode page = Json.object().put("object", "list");
              ArrayNode data = page.putArray("data");
              events.stream().limit(limit).map(SessionJson::event).forEach(data::add);
              return Replies.ok(page.put("has_more", events.size() > limit));
            });
  }

  private CompletionStage<List<HistoryEvent>> read(SessionId id, long after, int count) {
    return history
        .events(id, after)
        .take(count)
        .runWith(Sink.seq(), system)
        .exceptionally(
            failure -> {
              LOG.warn("the events of {} cannot be read", id, Errors.unwrap(failure));
              throw Errors.ofJournal(failure, retryAfterMillis);
            });
  }
}
