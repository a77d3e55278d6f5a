package io.parley.node.it;

import io.parley.node.it.EventStream.Event;
import java.net.http.HttpRequest;
import java.util.UUID;

/** Streams a turn of a session, and goes on by the turn's own stream. */
final class SessionStreamingClient extends ChatStreamingClient {
  SessionStreamingClient(ApiClient api, String session, String prompt, int maxTokens) {
    super(
        api,
        prompt,
        maxTokens,
        "X-Parley-Session",
        session,
        "Idempotency-Key",
        UUID.randomUUID().toString());
  }

  @Override
  HttpRequest goOn(Event last) {
    return api.get(turnPath() + "/stream", "Last-Event-ID", last.id());
  }
}
