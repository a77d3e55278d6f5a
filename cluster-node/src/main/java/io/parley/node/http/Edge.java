package io.parley.node.http;

import akka.actor.typed.ActorSystem;
import akka.http.javadsl.model.AttributeKeys;
import akka.http.javadsl.model.HttpRequest;
import akka.http.javadsl.model.HttpResponse;
import akka.http.javadsl.model.headers.RawHeader;
import akka.http.scaladsl.model.EntityStreamSizeException;
import akka.http.scaladsl.model.IllegalUriException;
import akka.util.ByteString;
import io.parley.routing.protocol.TenantId;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeoutException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What happens to each request, whatever its route: routing, login, limits, the body, and that
 * every failure becomes an error object.
 */
final class Edge {
  private static final Logger LOG = LoggerFactory.getLogger(Edge.class);

  /** A client that sends too much is read on for a while, so that it gets to see the 413. */
  private static final long DRAIN_BYTES_MAX = 64L << 20;

  private final Router router;
  private final ApiKeys keys;
  private final HttpSettings settings;
  private final ActorSystem<?> system;
  private final AddressLimit addresses;
  private final Stopping stopping;

  Edge(
      Router router,
      ApiKeys keys,
      HttpSettings settings,
      ActorSystem<?> system,
      Stopping stopping) {
    this.stopping = stopping;
    this.router = router;
    this.keys = keys;
    this.settings = settings;
    this.system = system;
    this.addresses = new AddressLimit(settings.maxRequestsPerAddress());
  }

  CompletionStage<HttpResponse> handle(HttpRequest request, Connection connection) {
    String requestId = "req_" + Ids.random();
    if (stopping.begun().isGiven()) {
      request.discardEntityBytes(system);
      return CompletableFuture.completedFuture(
          withId(Replies.error(Errors.nodeStopping()), requestId));
    }
    String address =
        request
            .getAttribute(AttributeKeys.remoteAddress)
            .flatMap(remote -> remote.getAddress())
            .map(inet -> inet.getHostAddress())
            .orElse("");
    if (!addresses.enter(address)) {
      request.discardEntityBytes(system);
      ApiException busy =
          ApiException.of(429, "too_many_requests", "Too many requests from this address.")
              .withRetryAfter(settings.retryAfter().toMillis());
      return CompletableFuture.completedFuture(withId(Replies.error(busy), requestId));
    }
    CompletionStage<HttpResponse> response;
    try {
      response = dispatch(request, connection);
    } catch (RuntimeException e) {
      request.discardEntityBytes(system);
      response = CompletableFuture.failedFuture(e);
    }
    return Stopping.orRefused(
            stopping.answersEnd(), response, late -> late.discardEntityBytes(system))
        .exceptionally(failure -> failed(failure, requestId))
        .thenApply(
            answer ->
                Replies.whenEnded(
                    withId(answer, requestId), connection, () -> addresses.leave(address)));
  }

  private static HttpResponse withId(HttpResponse response, String requestId) {
    return response.addHeader(RawHeader.create("X-Request-Id", requestId));
  }

  private HttpResponse failed(Throwable failure, String requestId) {
    ApiException error = Errors.from(failure);
    if (!(Errors.unwrap(failure) instanceof ApiException)) {
      LOG.error("request {} failed", requestId, Errors.unwrap(failure));
    }
    return Replies.error(error);
  }

  private CompletionStage<HttpResponse> dispatch(HttpRequest request, Connection connection) {
    List<String> segments = new ArrayList<>();
    request.getUri().pathSegments().forEach(segments::add);
    Router.Lookup found = router.find(request.method().name(), segments);
    if (found instanceof Router.Lookup.Found hit) {
      Router.Route route = hit.match().route();
      TenantId tenant = route.open() ? TenantId.DEFAULT : tenantOf(request);
      Map<String, String> query = queryOf(request);
      return body(request, route)
          .thenCompose(
              body ->
                  route
                      .handler()
                      .handle(
                          new Call(
                              request, tenant, hit.match().values(), query, body, connection)));
    }
    request.discardEntityBytes(system);
    if (found instanceof Router.Lookup.WrongMethod wrong) {
      ApiException error =
          ApiException.of(405, "method_not_allowed", "Allowed here: " + wrong.allow() + ".");
      return CompletableFuture.completedFuture(
          Replies.error(error).addHeader(RawHeader.create("Allow", wrong.allow())));
    }
    throw ApiException.of(404, "unknown_url", "There is nothing at this path.");
  }

  private TenantId tenantOf(HttpRequest request) {
    if (keys.isEmpty()) {
      return TenantId.DEFAULT;
    }
    String header =
        request.getHeader("Authorization").map(value -> value.value().strip()).orElse("");
    if (!header.regionMatches(true, 0, "Bearer ", 0, 7)) {
      throw ApiException.of(
          401, "missing_api_key", "Send an API key as 'Authorization: Bearer KEY'.");
    }
    return keys.tenantOf(header.substring(7).strip())
        .orElseThrow(() -> ApiException.of(401, "invalid_api_key", "This API key is not known."));
  }

  private static Map<String, String> queryOf(HttpRequest request) {
    try {
      Map<String, String> query = new HashMap<>();
      request.getUri().query().toList().forEach(pair -> query.put(pair.first(), pair.second()));
      return query;
    } catch (IllegalUriException e) {
      throw ApiException.of(400, "invalid_query", "The query string is malformed.");
    }
  }

  private CompletionStage<byte[]> body(HttpRequest request, Router.Route route) {
    if (!route.takesJson()) {
      request.discardEntityBytes(system);
      return CompletableFuture.completedFuture(new byte[0]);
    }
    boolean empty = request.entity().isKnownEmpty();
    if (!empty && !isJson(request)) {
      throw ApiException.of(
          415, "unsupported_media_type", "Send the body as 'Content-Type: application/json'.");
    }
    return request
        .entity()
        .withSizeLimit(DRAIN_BYTES_MAX)
        .getDataBytes()
        .completionTimeout(settings.bodyTimeout())
        .runFold(new Received(ByteString.emptyByteString(), 0), this::receive, system)
        .handle(
            (received, failure) -> {
              if (failure != null) {
                throw badBody(Errors.unwrap(failure));
              }
              if (received.length() > settings.maxBodyBytes()) {
                throw tooLarge();
              }
              return received.bytes().toArray();
            });
  }

  private record Received(ByteString bytes, long length) {}

  private Received receive(Received soFar, ByteString chunk) {
    long length = soFar.length() + chunk.size();
    return length > settings.maxBodyBytes()
        ? new Received(ByteString.emptyByteString(), length)
        : new Received(soFar.bytes().concat(chunk), length);
  }

  private RuntimeException badBody(Throwable failure) {
    if (failure instanceof EntityStreamSizeException) {
      return tooLarge();
    }
    if (failure instanceof TimeoutException) {
      return ApiException.of(408, "body_timeout", "The body did not arrive in time.");
    }
    return ApiException.of(400, "incomplete_body", "The body could not be read.");
  }

  private ApiException tooLarge() {
    return ApiException.of(
        413, "body_too_large", "The body has more than " + settings.maxBodyBytes() + " bytes.");
  }

  private static boolean isJson(HttpRequest request) {
    // a charset in the type is without meaning for JSON; the body is checked to be UTF-8
    var media = request.entity().getContentType().mediaType();
    return media.mainType().equals("application")
        && (media.subType().equals("json") || media.subType().endsWith("+json"));
  }
}
