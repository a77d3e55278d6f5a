package io.parley.node.http;

import akka.http.javadsl.model.HttpResponse;
import akka.http.javadsl.model.headers.RawHeader;
import io.parley.node.http.Turns.OnDisconnect;
import io.parley.node.http.Turns.Start;
import io.parley.node.http.Turns.Started;
import io.parley.node.http.openai.ChatRequest;
import io.parley.node.http.openai.ChatStream;
import io.parley.routing.protocol.SessionId;
import io.parley.sessions.SessionCommand.TurnRequest;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ThreadLocalRandom;

/** {@code POST /v1/chat/completions}. Each call is a turn of a session. */
final class ChatRoutes {
  static final String SESSION_HEADER = "X-Parley-Session";

  private final Turns turns;
  private final Answers answers;
  private final ModelRoutes models;

  ChatRoutes(Turns turns, ModelRoutes models) {
    this.turns = turns;
    this.answers = new Answers(turns::failure);
    this.models = models;
  }

  void addTo(Router router) {
    router.post("/v1/chat/completions", this::complete);
  }

  private CompletionStage<HttpResponse> complete(Call call) {
    JsonInput body = call.json();
    ChatRequest request =
        ChatRequest.read(body, models::answering, () -> ThreadLocalRandom.current().nextLong());
    Optional<EventId> seen = call.lastEventIdOfKey();
    Optional<String> key = call.idempotencyKey();
    Optional<SessionId> named =
        call.header(SESSION_HEADER).map(id -> Ids.parseSession(call.tenant(), id));
    SessionId session = named.orElseGet(() -> Ids.sessionFor(call.tenant(), key));
    seen.ifPresent(id -> id.requireTurn(session, id.turn()));
    boolean cancel = call.cancelOnDisconnect().orElse(key.isEmpty());
    String keyText = key.orElseGet(Ids::random);
    TurnRequest turn = request.turn(named.isPresent());
    Start start =
        new Start(session, keyText, Fingerprint.of("chat", body, named), named.isEmpty(), turn);
    return seen.map(id -> turns.resume(id, start))
        .orElseGet(() -> start(start, key.isPresent()))
        .thenCompose(
            started -> {
              OnDisconnect guard = turns.onDisconnect(call, started, cancel);
              return request.stream()
                  ? stream(started, turn, request.includeUsage(), seen, guard)
                  : whole(started, request, guard);
            })
        .thenApply(
            response -> response.addHeader(RawHeader.create(SESSION_HEADER, Ids.session(session))));
  }

  private CompletionStage<Started> start(Start start, boolean keyed) {
    CompletionStage<Started> begun = turns.start(start);
    return keyed ? begun : turns.orCancelled(begun, List.of(start));
  }

  private CompletionStage<HttpResponse> stream(
      Started started,
      TurnRequest now,
      boolean includeUsage,
      Optional<EventId> seen,
      OnDisconnect guard) {
    return turns
        .asked(started, now)
        .thenCompose(
            asked ->
                turns.stream(
                    started,
                    new ChatStream(
                        started.session(),
                        started.turn(),
                        asked,
                        includeUsage,
                        seen,
                        turns::failure),
                    guard,
                    false));
  }

  private CompletionStage<HttpResponse> whole(
      Started started, ChatRequest request, OnDisconnect guard) {
    return turns
        .await(started, request.sampling().logProbs(), guard)
        .thenApply(ended -> Replies.ok(answers.chat(started.session(), ended)));
  }
}
