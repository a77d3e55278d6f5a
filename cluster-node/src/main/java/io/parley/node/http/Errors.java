package io.parley.node.http;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.parley.routing.protocol.EmbeddingReply;
import io.parley.sessions.SessionCommand.Failure;
import io.parley.sessions.SessionCommand.RefusalReason;
import io.parley.sessions.SessionCommand.Reply.Refused;
import java.io.NotSerializableException;
import java.util.Optional;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;

/** The one place that says which refusal or failure becomes which status and code. */
public final class Errors {
  private Errors() {}

  /** What a session refused. */
  public static ApiException of(Refused refused, long defaultRetryAfterMillis) {
    long retryAfter = refused.retryAfterMillis().orElse(defaultRetryAfterMillis);
    return switch (refused.reason()) {
      case NOT_FOUND -> ApiException.notFound("There is no such session, conversation or turn.");
      case TURN_RUNNING -> {
        ApiException running =
            ApiException.of(
                409,
                "turn_running",
                "Another turn of this conversation is running"
                    + refused.runningTurn().map(turn -> " (turn " + turn + ")").orElse("")
                    + "; wait for it or cancel it.");
        yield refused.runningTurn().map(running::withRunningTurn).orElse(running);
      }
      case TURN_NOT_LAST ->
          ApiException.of(
              409, "turn_not_last", "This conversation has gone on behind the turn in question.");
      case KEY_REUSED ->
          ApiException.of(
              422,
              "idempotency_key_reused",
              "This Idempotency-Key was used before with another request.");
      case SESSION_FULL ->
          ApiException.of(
              409, "session_full", "This conversation is full: " + refused.detail() + ".");
      case OVERLOADED ->
          ApiException.of(429, "overloaded", "Too much is asked for now: " + refused.detail() + ".")
              .withRetryAfter(retryAfter);
      case JOURNAL_UNAVAILABLE ->
          ApiException.of(
                  503,
                  "journal_unavailable",
                  "The journal does not answer; send the same Idempotency-Key again.")
              .withRetryAfter(retryAfter);
      case UNREADABLE ->
          ApiException.of(
              500, "session_unreadable", "The journal of this conversation cannot be read.");
    };
  }

  /** Why reading a session's events from the journal failed. */
  static ApiException ofJournal(Throwable failure, long retryAfterMillis) {
    RefusalReason reason =
        unwrap(failure) instanceof NotSerializableException
            ? RefusalReason.UNREADABLE
            : RefusalReason.JOURNAL_UNAVAILABLE;
    return of(new Refused(reason, "", Optional.empty(), Optional.empty()), retryAfterMillis);
  }

  /** Why a turn failed. */
  public static ApiException of(Failure failure, long retryAfterMillis) {
    return switch (failure.code()) {
      case CONTEXT_LENGTH_EXCEEDED ->
          ApiException.badField("messages", "context_length_exceeded", failure.message());
      case MODEL_NOT_FOUND ->
          ApiException.of(404, "model_not_found", "No worker serves this model.")
              .withParam("model");
      case INVALID_MESSAGES ->
          ApiException.badField("messages", "invalid_messages", failure.message());
      case PROMPT_FAILED -> ApiException.of(500, "prompt_failed", "The prompt could not be made.");
      case FORM_FAILED ->
          ApiException.of(500, "form_failed", "The model cannot answer in this form.");
      case ENGINE_FAILED -> ApiException.of(500, "engine_failed", "The model's engine failed.");
      case WORKER_LOST, WORKER_LEFT ->
          retryable(503, "worker_lost", "The worker was lost.", retryAfterMillis);
      case QUEUE_TIMEOUT ->
          retryable(429, "queue_timeout", "No worker had room in time.", retryAfterMillis);
      case FIRST_TOKEN_TIMEOUT ->
          retryable(503, "first_token_timeout", "No token came in time.", retryAfterMillis);
      case TURN_TIMEOUT ->
          retryable(503, "turn_timeout", "The answer took longer than it may.", retryAfterMillis);
      case ATTEMPTS_EXHAUSTED ->
          retryable(503, "attempts_exhausted", "Too many attempts failed.", retryAfterMillis);
      case POISON_WORK ->
          ApiException.of(
              500, "poison_work", "Workers failed at this turn; it is not tried again.");
    };
  }

  /**
   * Why texts were not embedded.
   *
   * @param field the text at fault, like {@code input[3]}
   */
  static ApiException of(EmbeddingReply.Refused refused, String field, long retryAfterMillis) {
    return switch (refused.reason()) {
      case FULL ->
          retryable(
              429,
              "overloaded",
              "Too much is asked for now: " + refused.detail() + ".",
              Math.max(retryAfterMillis, refused.retryAfterMillis()));
      case TOO_LONG ->
          ApiException.badField(
              field, "context_length_exceeded", "'" + field + "' " + refused.detail() + ".");
      case BAD_TOKENS -> JsonInput.invalid(field, refused.detail() + ".");
      case LATE -> retryable(429, "queue_timeout", "No worker had room in time.", retryAfterMillis);
      case ENGINE_FAILED -> ApiException.of(500, "engine_failed", "The model's engine failed.");
      case STOPPING, WORKER_LOST -> embeddingWorkerLost(retryAfterMillis);
      case NO_WORKER ->
          ApiException.of(404, "model_not_found", "No worker serves this model.")
              .withParam("model");
    };
  }

  /** An encoder's worker died, or does not answer. */
  static ApiException embeddingWorkerLost(long retryAfterMillis) {
    return retryable(503, "worker_lost", "The worker was lost.", retryAfterMillis);
  }

  private static ApiException retryable(int status, String code, String message, long millis) {
    return ApiException.of(status, code, message).withRetryAfter(millis);
  }

  /** This node stops: another one answers, at once. */
  static ApiException nodeStopping() {
    return retryable(
        503,
        "node_stopping",
        "This node stops; ask again, with the same Idempotency-Key or Last-Event-ID, and another"
            + " node answers.",
        0);
  }

  /** A turn that was cancelled has no answer to give as a plain result. */
  public static ApiException cancelled() {
    return ApiException.of(409, "turn_cancelled", "The turn was cancelled.");
  }

  /** Whatever went wrong, as an answer; what is not known becomes a 500 that shows nothing. */
  public static ApiException from(Throwable failure) {
    Throwable cause = unwrap(failure);
    return cause instanceof ApiException known
        ? known
        : ApiException.of(500, "internal_error", "The server failed to handle this request.");
  }

  /** The failure behind the wrappers of completion stages. */
  public static Throwable unwrap(Throwable failure) {
    Throwable cause = failure;
    while ((cause instanceof CompletionException || cause instanceof ExecutionException)
        && cause.getCause() != null) {
      cause = cause.getCause();
    }
    return cause;
  }

  /** {@code {"error": {...}}}. */
  public static ObjectNode json(ApiException error) {
    ObjectNode body = Json.object();
    fill(body.putObject("error"), error);
    return body;
  }

  /** The error object's fields. */
  public static void fill(ObjectNode node, ApiException error) {
    node.put("message", error.getMessage()).put("type", error.type());
    node.put("param", error.param().orElse(null)).put("code", error.code());
    error.runningTurn().ifPresent(turn -> node.put("running_turn", turn));
  }
}
