package io.parley.node.http;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.parley.node.http.openai.ChatJson;
import io.parley.node.http.openai.ResponsesJson;
import io.parley.routing.protocol.SessionId;
import io.parley.sessions.SessionCommand.Failure;
import io.parley.sessions.SessionCommand.TurnStatus;
import io.parley.sessions.SessionCommand.TurnView;
import java.util.Optional;
import java.util.function.Function;

/** What an ended turn is in the words of the API that asked for it, however it was asked. */
final class Answers {
  private final Function<Optional<Failure>, ApiException> failures;

  /**
   * @param failures why a failed turn failed
   */
  Answers(Function<Optional<Failure>, ApiException> failures) {
    this.failures = failures;
  }

  /**
   * A chat completion.
   *
   * @throws ApiException when the turn failed or was cancelled
   */
  ObjectNode chat(SessionId session, Turns.Ended ended) {
    if (ended.turn().status() == TurnStatus.FAILED) {
      throw failures.apply(ended.turn().failure());
    }
    if (ended.turn().status() == TurnStatus.CANCELLED) {
      throw Errors.cancelled();
    }
    return ChatJson.completion(session, ended.turn(), ended.tokens());
  }

  /**
   * A response; one that was cancelled says so.
   *
   * @throws ApiException when the turn failed
   */
  ObjectNode response(SessionId session, TurnView turn) {
    if (turn.status() == TurnStatus.FAILED) {
      throw responseFailure(turn.failure());
    }
    return ResponsesJson.response(session, turn, this::responseFailure);
  }

  /** Why a response failed; what a prompt is made of is called input here. */
  ApiException responseFailure(Optional<Failure> why) {
    ApiException error = failures.apply(why);
    return error.param().filter("messages"::equals).isPresent() ? error.withParam("input") : error;
  }
}
