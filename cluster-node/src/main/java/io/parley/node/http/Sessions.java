package io.parley.node.http;

import akka.actor.typed.ActorRef;
import io.parley.routing.protocol.Message;
import io.parley.routing.protocol.SessionId;
import io.parley.sessions.SessionCommand;
import io.parley.sessions.SessionCommand.Reply;
import io.parley.sessions.SessionCommand.Reply.Done;
import io.parley.sessions.SessionCommand.Reply.Refused;
import io.parley.sessions.SessionCommand.Reply.SessionView;
import io.parley.sessions.SessionCommand.Reply.TurnFound;
import io.parley.sessions.SessionCommand.TurnView;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletionStage;
import java.util.function.Function;

/** Asks of sessions whose refusals are {@link ApiException}s. */
final class Sessions {
  private final SessionGateway gateway;
  private final HttpSettings settings;

  Sessions(SessionGateway gateway, HttpSettings settings) {
    this.gateway = gateway;
    this.settings = settings;
  }

  /** Asks for a reply of one kind; a refusal becomes a failed stage. */
  <T extends Reply> CompletionStage<T> ask(
      SessionId session, Class<T> kind, Function<ActorRef<Reply>, SessionCommand> command) {
    return gateway
        .ask(session, command)
        .thenApply(
            reply -> {
              if (reply instanceof Refused refused) {
                throw Errors.of(refused, settings.retryAfter().toMillis());
              }
              return kind.cast(reply);
            });
  }

  /** A session that was made, or had been made before by the same request. */
  record Created(SessionId id, SessionView view) {}

  /**
   * Makes a session that starts with {@code history}; the same {@code Idempotency-Key} means the
   * same session.
   *
   * @param api distinguishes what the key means here from what it means elsewhere
   */
  CompletionStage<Created> create(Call call, String api, JsonInput body, List<Message> history) {
    Map<String, String> metadata = body.metadata("metadata");
    String fingerprint = Fingerprint.of(api, body);
    SessionId id = Ids.sessionFor(call.tenant(), call.idempotencyKey());
    return ask(
            id,
            Done.class,
            replyTo -> new SessionCommand.Create(fingerprint, history, metadata, replyTo))
        .thenCompose(done -> view(id))
        .thenApply(view -> new Created(id, view));
  }

  /** Deletes a session that is there. */
  CompletionStage<Done> delete(SessionId session) {
    return view(session).thenCompose(view -> ask(session, Done.class, SessionCommand.Delete::new));
  }

  CompletionStage<SessionView> view(SessionId session) {
    return ask(session, SessionView.class, SessionCommand.Get::new);
  }

  /** A turn that can be fetched by its id. */
  CompletionStage<TurnView> turn(Ids.TurnId id) {
    return anyTurn(id)
        .thenApply(
            turn -> {
              if (!turn.request().stored()) {
                throw ApiException.notFound("There is no such response.");
              }
              return turn;
            });
  }

  /** A turn that is not deleted. */
  CompletionStage<TurnView> anyTurn(Ids.TurnId id) {
    return ask(
            id.session(),
            TurnFound.class,
            replyTo -> new SessionCommand.GetTurn(id.turn(), replyTo))
        .thenApply(TurnFound::turn);
  }
}
