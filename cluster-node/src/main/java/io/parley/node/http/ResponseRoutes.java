package io.parley.node.http;

import akka.http.javadsl.model.HttpResponse;
import akka.http.javadsl.model.headers.RawHeader;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.parley.node.http.Turns.OnDisconnect;
import io.parley.node.http.Turns.Start;
import io.parley.node.http.Turns.Started;
import io.parley.node.http.openai.CallResponsesStream;
import io.parley.node.http.openai.ResponsesJson;
import io.parley.node.http.openai.ResponsesRequest;
import io.parley.node.http.openai.ResponsesStream;
import io.parley.node.http.openai.ResponsesStream.Position;
import io.parley.routing.protocol.Message;
import io.parley.sessions.SessionCommand.CancelTurn;
import io.parley.sessions.SessionCommand.DeleteTurn;
import io.parley.sessions.SessionCommand.Reply.Done;
import io.parley.sessions.SessionCommand.TurnRequest;
import io.parley.sessions.SessionCommand.TurnView;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ThreadLocalRandom;

/** {@code /v1/responses}. A response is a turn of a session. */
final class ResponseRoutes {
  private final Turns turns;
  private final Answers answers;
  private final Sessions sessions;
  private final Continuation continuation;
  private final ModelRoutes models;

  ResponseRoutes(Turns turns, Sessions sessions, ModelRoutes models) {
    this.turns = turns;
    this.answers = new Answers(turns::failure);
    this.sessions = sessions;
    this.continuation = new Continuation(turns, sessions);
    this.models = models;
  }

  void addTo(Router router) {
    router.post("/v1/responses", this::create);
    router.get("/v1/responses/{response}", this::retrieve);
    router.delete("/v1/responses/{response}", this::delete);
    router.postWithoutBody("/v1/responses/{response}/cancel", this::cancel);
    router.get("/v1/responses/{response}/input_items", this::inputItems);
  }

  private CompletionStage<HttpResponse> create(Call call) {
    JsonInput body = call.json();
    ResponsesRequest request =
        ResponsesRequest.read(
            body, models::answering, () -> ThreadLocalRandom.current().nextLong());
    Optional<String> key = call.idempotencyKey();
    Optional<EventId> seen = call.lastEventIdOfKey();
    boolean cancel = call.cancelOnDisconnect().orElse(key.isEmpty() && !request.background());
    return seen.map(id -> resume(id, body, request, key.orElseThrow()))
        .orElseGet(() -> start(call, body, request, key))
        .thenCompose(
            started ->
                answer(call, request, started, seen, cancel)
                    .thenApply(
                        response ->
                            response.addHeader(
                                RawHeader.create(
                                    ChatRoutes.SESSION_HEADER, Ids.session(started.session())))));
  }

  /** Wherever the key's turn began, the event says which session it was. */
  private CompletionStage<Started> resume(
      EventId seen, JsonInput body, ResponsesRequest request, String key) {
    String fingerprint = Fingerprint.of("responses", body);
    return turns.resume(seen, new Start(seen.session(), key, fingerprint, false, request.turn()));
  }

  private CompletionStage<Started> start(
      Call call, JsonInput body, ResponsesRequest request, Optional<String> key) {
    String keyText = key.orElseGet(Ids::random);
    TurnRequest turn = request.turn();
    String fingerprint = Fingerprint.of("responses", body);
    if (request.conversation().isPresent()) {
      var session = Ids.parseConversation(call.tenant(), request.conversation().get());
      Start start = new Start(session, keyText, fingerprint, false, turn);
      return begun(turns.start(start), key, List.of(start));
    }
    var fresh = Ids.sessionFor(call.tenant(), key);
    Start anew = new Start(fresh, keyText, fingerprint, true, turn);
    if (request.previousResponseId().isEmpty()) {
      return begun(turns.start(anew), key, List.of(anew));
    }
    Ids.TurnId previous;
    try {
      previous = Ids.parseResponse(call.tenant(), request.previousResponseId().get());
    } catch (ApiException e) {
      throw ResponsesRequest.previousNotFound();
    }
    Start onward = new Start(previous.session(), keyText, fingerprint, false, turn);
    return begun(
        continuation.start(previous, fresh, keyText, fingerprint, turn),
        key,
        List.of(onward, anew));
  }

  private CompletionStage<Started> begun(
      CompletionStage<Started> started, Optional<String> key, List<Start> perhaps) {
    return key.isPresent() ? started : turns.orCancelled(started, perhaps);
  }

  private CompletionStage<HttpResponse> answer(
      Call call,
      ResponsesRequest request,
      Started started,
      Optional<EventId> seen,
      boolean cancel) {
    if (request.stream()) {
      Position after = seen.map(Position::behind).orElseGet(Position::beginning);
      OnDisconnect guard = turns.onDisconnect(call, started, cancel);
      return turns
          .asked(started, request.turn())
          .thenCompose(asked -> turns.stream(started, stream(started, asked, after), guard, false));
    }
    if (request.background()) {
      return view(started).thenApply(turn -> Replies.ok(json(started, turn)));
    }
    OnDisconnect guard = turns.onDisconnect(call, started, cancel);
    return turns
        .await(started, false, guard)
        .thenApply(ended -> Replies.ok(answers.response(started.session(), ended.turn())));
  }

  private TurnEvents stream(Started started, TurnRequest asked, Position after) {
    return asked.sampling().form().filter(form -> !form.callable().isEmpty()).isPresent()
        ? new CallResponsesStream(
            started.session(), started.turn(), asked, after, answers::responseFailure)
        : new ResponsesStream(
            started.session(), started.turn(), asked, after, answers::responseFailure);
  }

  private ObjectNode json(Started started, TurnView turn) {
    return ResponsesJson.response(started.session(), turn, answers::responseFailure);
  }

  private CompletionStage<TurnView> view(Started started) {
    return sessions.anyTurn(new Ids.TurnId(started.session(), started.turn()));
  }

  private CompletionStage<HttpResponse> retrieve(Call call) {
    Ids.TurnId id = Ids.parseResponse(call.tenant(), call.path().get(0));
    boolean stream =
        call.queryOneOf("stream", List.of("true", "false")).orElse("false").equals("true");
    Optional<Long> startingAfter = call.queryInteger("starting_after", 0, Integer.MAX_VALUE);
    if (startingAfter.isPresent() && !stream) {
      throw JsonInput.invalid("starting_after", "is allowed only with 'stream=true'.");
    }
    Optional<EventId> seen = call.lastEventId();
    Started started = new Started(id.session(), id.turn(), true);
    return sessions
        .turn(id)
        .thenCompose(
            turn -> {
              if (!stream) {
                return java.util.concurrent.CompletableFuture.completedFuture(
                    Replies.ok(json(started, turn)));
              }
              Position after =
                  startingAfter
                      .map(Position::behind)
                      .or(
                          () ->
                              seen.map(e -> e.requireTurn(id.session(), id.turn()))
                                  .map(Position::behind))
                      .orElseGet(Position::beginning);
              return turns.stream(
                  started, stream(started, turn.request(), after), OnDisconnect.ignore(), true);
            });
  }

  private CompletionStage<HttpResponse> delete(Call call) {
    Ids.TurnId id = Ids.parseResponse(call.tenant(), call.path().get(0));
    return sessions
        .turn(id)
        .thenCompose(
            turn ->
                sessions.ask(
                    id.session(), Done.class, replyTo -> new DeleteTurn(id.turn(), replyTo)))
        .thenApply(done -> Replies.deleted(call.path().get(0), "response"));
  }

  private CompletionStage<HttpResponse> cancel(Call call) {
    Ids.TurnId id = Ids.parseResponse(call.tenant(), call.path().get(0));
    Started started = new Started(id.session(), id.turn(), true);
    return sessions
        .turn(id)
        .thenCompose(
            turn ->
                sessions.ask(
                    id.session(), Done.class, replyTo -> new CancelTurn(id.turn(), replyTo)))
        .thenCompose(done -> view(started))
        .thenApply(turn -> Replies.ok(json(started, turn)));
  }

  private CompletionStage<HttpResponse> inputItems(Call call) {
    Ids.TurnId id = Ids.parseResponse(call.tenant(), call.path().get(0));
    Pages.Query page = Pages.query(call);
    return sessions
        .turn(id)
        .thenApply(
            turn -> {
              List<ObjectNode> items = new ArrayList<>();
              List<Message> input = turn.request().input();
              for (int i = 0; i < input.size(); i++) {
                String item = Ids.input(id.session(), id.turn(), i);
                items.addAll(ResponsesJson.items(item, input.get(i)));
              }
              return Replies.ok(page.of(items));
            });
  }
}
