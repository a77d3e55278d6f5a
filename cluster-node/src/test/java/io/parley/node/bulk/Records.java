package io.parley.node.bulk;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Records of the requests' topic for tests. */
final class Records {
  private Records() {}

  static final String BODY =
      """
      {"model": "simulated", "messages": [{"role": "user", "content": "Hello"}]}""";

  static String line(String customId, String body) {
    return """
        {"custom_id": "%s", "method": "POST", "url": "/v1/chat/completions", "body": %s}"""
        .formatted(customId, body);
  }

  /** A record with headers, as name and value in turn. */
  static Envelope record(String value, String... headers) {
    return record(value.getBytes(StandardCharsets.UTF_8), headers);
  }

  static Envelope record(byte[] value, String... headers) {
    List<Envelope.Header> all = new ArrayList<>();
    Map<String, byte[]> byName = new HashMap<>();
    for (int i = 0; i < headers.length; i += 2) {
      byte[] bytes = headers[i + 1].getBytes(StandardCharsets.UTF_8);
      all.add(new Envelope.Header(headers[i], bytes));
      byName.put(headers[i], bytes);
    }
    return new Envelope(
        "requests",
        3,
        42,
        1_700_000_000_000L,
        Optional.of("key".getBytes(StandardCharsets.UTF_8)),
        all,
        byName,
        value);
  }
}
