package io.parley.node.http;

import akka.actor.typed.ActorRef;
import io.parley.routing.protocol.SessionId;
import io.parley.sessions.SessionCommand;
import io.parley.sessions.SessionCommand.Reply;
import java.util.concurrent.CompletionStage;
import java.util.function.Function;

/** How the edge reaches a session, wherever it lives. */
@FunctionalInterface
public interface SessionGateway {
  /**
   * Asks a session. Every command is safe to send again, so an ask without an answer is repeated a
   * few times; after that the reply is {@link Reply.Refused} with {@code JOURNAL_UNAVAILABLE}. The
   * stage never fails because of a time-out.
   */
  CompletionStage<Reply> ask(SessionId session, Function<ActorRef<Reply>, SessionCommand> command);
}
