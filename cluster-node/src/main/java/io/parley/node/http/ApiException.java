package io.parley.node.http;

import java.util.Optional;

/**
 * A request that is answered with OpenAI's error object instead of a result.
 *
 * <p>{@code code} is stable: clients may match on it. The message is for people, and holds neither
 * prompts nor internals.
 */
public final class ApiException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final int status;
  private final String code;
  private final String param;
  private final long retryAfterMillis;
  private final int runningTurn;

  private ApiException(
      int status,
      String code,
      String param,
      String message,
      long retryAfterMillis,
      int runningTurn) {
    // no stack trace: these are answers, not defects, and they are frequent under overload
    super(message, null, false, false);
    this.status = status;
    this.code = code;
    this.param = param;
    this.retryAfterMillis = retryAfterMillis;
    this.runningTurn = runningTurn;
  }

  /** An error that concerns no particular field. */
  public static ApiException of(int status, String code, String message) {
    return new ApiException(status, code, null, message, -1, -1);
  }

  /** 400 because of one field; {@code param} is its path, like {@code messages[2].content}. */
  public static ApiException badField(String param, String code, String message) {
    return new ApiException(400, code, param, message, -1, -1);
  }

  /** 404 for a thing that is not there, or is another tenant's. */
  public static ApiException notFound(String message) {
    return of(404, "not_found", message);
  }

  /** The same error about a field. */
  public ApiException withParam(String field) {
    return new ApiException(status, code, field, getMessage(), retryAfterMillis, runningTurn);
  }

  /** The same error with a hint when to try again. */
  public ApiException withRetryAfter(long millis) {
    return new ApiException(status, code, param, getMessage(), millis, runningTurn);
  }

  /** The same error with the turn that is in the way. */
  public ApiException withRunningTurn(int turn) {
    return new ApiException(status, code, param, getMessage(), retryAfterMillis, turn);
  }

  public int status() {
    return status;
  }

  public String code() {
    return code;
  }

  public Optional<String> param() {
    return Optional.ofNullable(param);
  }

  /** When a new try may succeed. */
  public Optional<Long> retryAfterMillis() {
    return retryAfterMillis < 0 ? Optional.empty() : Optional.of(retryAfterMillis);
  }

  /** The turn in the way of a new one. */
  public Optional<Integer> runningTurn() {
    return runningTurn < 0 ? Optional.empty() : Optional.of(runningTurn);
  }

  /** OpenAI's coarse class of the error, derived from the status. */
  public String type() {
    return switch (status) {
      case 401 -> "authentication_error";
      case 404 -> "not_found_error";
      case 409 -> "conflict_error";
      case 429 -> "rate_limit_error";
      default -> status >= 500 ? "server_error" : "invalid_request_error";
    };
  }
}
