package io.parley.node.http;

import akka.actor.typed.ActorRef;
import io.parley.routing.protocol.SessionId;
import io.parley.sessions.SessionCommand;
import io.parley.sessions.SessionCommand.Reply;
import io.parley.sessions.SessionCommand.Reply.Refused;
import io.parley.sessions.SessionCommand.Reply.SessionView;
import io.parley.sessions.SessionCommand.Reply.TurnFound;
import io.parley.sessions.SessionCommand.TurnView;
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
