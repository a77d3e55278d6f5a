package io.parley.node.http;

import akka.NotUsed;
import akka.http.javadsl.model.ContentTypes;
import akka.http.javadsl.model.HttpEntities;
import akka.http.javadsl.model.HttpResponse;
import akka.http.javadsl.model.MediaTypes;
import akka.http.javadsl.model.headers.RawHeader;
import akka.stream.javadsl.Source;
import akka.util.ByteString;
import com.fasterxml.jackson.databind.JsonNode;
import java.util.concurrent.atomic.AtomicBoolean;

/** HTTP responses. */
final class Replies {
  private Replies() {}

  static HttpResponse ok(JsonNode body) {
    return json(200, body);
  }

  static HttpResponse json(int status, JsonNode body) {
    return json(status, Json.bytes(body));
  }

  static HttpResponse json(int status, byte[] body) {
    return HttpResponse.create()
        .withStatus(status)
        .withEntity(HttpEntities.create(ContentTypes.APPLICATION_JSON, body));
  }

  /** What was deleted. */
  static HttpResponse deleted(String id, String object) {
    return ok(Json.object().put("id", id).put("object", object).put("deleted", true));
  }

  static HttpResponse error(ApiException error) {
    HttpResponse response = json(error.status(), Errors.json(error));
    if (error.retryAfterMillis().isPresent()) {
      long seconds = Math.max(1, (error.retryAfterMillis().get() + 999) / 1000);
      response = response.addHeader(RawHeader.create("Retry-After", Long.toString(seconds)));
    }
    return error.status() == 401
        ? response.addHeader(RawHeader.create("WWW-Authenticate", "Bearer"))
        : response;
  }

  /** The last response of its connection. */
  static HttpResponse last(HttpResponse response) {
    return response.addHeader(akka.http.javadsl.model.headers.Connection.create("close"));
  }

  static HttpResponse events(Source<ByteString, NotUsed> events) {
    return HttpResponse.create()
        .addHeader(RawHeader.create("Cache-Control", "no-cache"))
        .addHeader(RawHeader.create("X-Accel-Buffering", "no")) // nginx must not collect events
        .withEntity(HttpEntities.create(MediaTypes.TEXT_EVENT_STREAM.toContentType(), events));
  }

  /** Does something once when the response is complete, or can no longer be sent. */
  static HttpResponse whenEnded(HttpResponse response, Connection connection, Runnable action) {
    if (response.entity().isStrict()) {
      action.run();
      return response;
    }
    AtomicBoolean ended = new AtomicBoolean();
    Runnable once =
        () -> {
          if (ended.compareAndSet(false, true)) {
            action.run();
          }
        };
    // a stream whose connection broke before it began never starts
    Signal.Registration broken = connection.terminated().listen(once);
    var watched =
        response
            .entity()
            .getDataBytes()
            .watchTermination(
                (ignored, done) -> {
                  done.whenComplete(
                      (end, failure) -> {
                        broken.remove();
                        once.run();
                      });
                  return ignored;
                });
    return response.withEntity(HttpEntities.create(response.entity().getContentType(), watched));
  }
}
