package io.parley.node.http;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.parley.routing.protocol.SessionId;
import java.util.List;
import java.util.Optional;

/**
 * A hash over what was asked, by which a reused idempotency key is told from a repeated request.
 * How the answer is delivered is no part of it: the same turn may be read again in another way.
 */
final class Fingerprint {
  private Fingerprint() {}

  static String of(String api, JsonInput body) {
    return of(api, body, Optional.empty());
  }

  static String of(String api, JsonInput body, Optional<SessionId> session) {
    ObjectNode asked = body.node().deepCopy();
    asked.remove(List.of("stream", "stream_options"));
    return Ids.digest(
        api + "\n" + session.map(SessionId::value).orElse("") + "\n" + Json.canonical(asked));
  }
}
