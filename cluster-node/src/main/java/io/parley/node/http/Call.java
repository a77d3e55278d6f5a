package io.parley.node.http;

import akka.http.javadsl.model.HttpRequest;
import io.parley.routing.protocol.TenantId;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * A request that was routed and whose caller is known.
 *
 * @param path values of the route's {@code {…}} parts, in order
 * @param body the whole body; empty when there is none
 */
public record Call(
    HttpRequest request,
    TenantId tenant,
    List<String> path,
    Map<String, String> query,
    byte[] body,
    Connection connection) {

  private static final Pattern KEY = Pattern.compile("[!-~]{1,255}");

  public Optional<String> header(String name) {
    return request.getHeader(name).map(header -> header.value());
  }

  /** The {@code Idempotency-Key}, if any. */
  public Optional<String> idempotencyKey() {
    Optional<String> key = header("Idempotency-Key");
    key.filter(k -> !KEY.matcher(k).matches())
        .ifPresent(
            k -> {
              throw JsonInput.invalid(
                  "Idempotency-Key", "must have 1 to 255 visible ASCII characters.");
            });
    return key;
  }

  /** The {@code Last-Event-ID}, if any. */
  public Optional<EventId> lastEventId() {
    return header("Last-Event-ID").map(id -> EventId.parse(tenant, id));
  }

  /** The {@code Last-Event-ID} of a request that is sent again: it needs the turn's key. */
  Optional<EventId> lastEventIdOfKey() {
    Optional<EventId> seen = lastEventId();
    if (seen.isPresent() && idempotencyKey().isEmpty()) {
      throw EventId.invalid("Last-Event-ID needs the Idempotency-Key of the same turn.");
    }
    return seen;
  }

  /** What {@code X-Parley-On-Disconnect} wants, if it is there: whether the turn is cancelled. */
  public Optional<Boolean> cancelOnDisconnect() {
    return header("X-Parley-On-Disconnect")
        .map(
            word ->
                switch (word) {
                  case "cancel" -> true;
                  case "continue" -> false;
                  default ->
                      throw JsonInput.invalid(
                          "X-Parley-On-Disconnect", "must be 'cancel' or 'continue'.");
                });
  }

  /** A whole number in the query. */
  public Optional<Long> queryInteger(String name, long min, long max) {
    return Optional.ofNullable(query.get(name))
        .map(
            text -> {
              long value;
              try {
                value = Long.parseLong(text);
              } catch (NumberFormatException e) {
                throw JsonInput.wrongType(name, "an integer");
              }
              if (value < min || value > max) {
                throw JsonInput.invalid(name, "must be from " + min + " to " + max + ".");
              }
              return value;
            });
  }

  /** One of a few words in the query. */
  public Optional<String> queryOneOf(String name, List<String> allowed) {
    Optional<String> word = Optional.ofNullable(query.get(name));
    word.filter(w -> !allowed.contains(w))
        .ifPresent(
            w -> {
              throw JsonInput.invalid(name, "must be one of " + allowed + ".");
            });
    return word;
  }

  /** The body as a JSON object. */
  public JsonInput json() {
    return JsonInput.root(Json.parseObject(body));
  }

  /** The body as a JSON object; no body counts as an empty one. */
  public JsonInput jsonOrEmpty() {
    return body.length == 0 ? JsonInput.root(Json.object()) : json();
  }
}
