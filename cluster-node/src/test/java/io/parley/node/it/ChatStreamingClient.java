package io.parley.node.it;

import io.parley.node.it.EventStream.Event;
import java.net.http.HttpRequest;
import java.util.Arrays;
import java.util.UUID;

/** Streams a chat completion, and goes on by sending it again with its key. */
class ChatStreamingClient extends StreamingClient {
  private final String body;
  final String[] headers;

  ChatStreamingClient(ApiClient api, String prompt, int maxTokens) {
    this(api, prompt, maxTokens, "Idempotency-Key", UUID.randomUUID().toString());
  }

  ChatStreamingClient(ApiClient api, String prompt, int maxTokens, String... headers) {
    super(api);
    this.body = body(prompt, maxTokens, true);
    this.headers = headers;
  }

  static String body(String prompt, int maxTokens, boolean stream) {
    return """
        {"model": "%s", "messages": [{"role": "user", "content": "%s"}], "max_tokens": %d,
         "temperature": 0.9, "ignore_eos": true, "stream": %s%s}"""
        .formatted(
            ApiClient.MODEL,
            prompt,
            maxTokens,
            stream,
            stream ? ", \"stream_options\": {\"include_usage\": true}" : "");
  }

  @Override
  HttpRequest begin() {
    return api.post("/v1/chat/completions", body, headers);
  }

  @Override
  HttpRequest goOn(Event last) {
    String[] more = Arrays.copyOf(headers, headers.length + 2);
    more[headers.length] = "Last-Event-ID";
    more[headers.length + 1] = last.id();
    return api.post("/v1/chat/completions", body, more);
  }

  @Override
  HttpRequest fromStart() {
    return api.get(turnPath() + "/stream");
  }

  @Override
  String textOf(Event event) {
    return isLast(event) ? "" : event.json().at("/choices/0/delta/content").asText("");
  }

  @Override
  boolean isFinish(Event event) {
    return !isLast(event) && event.json().at("/choices/0/finish_reason").isTextual();
  }

  @Override
  boolean isLast(Event event) {
    if (event.data().startsWith("{\"error\"")) {
      throw new AssertionError("the turn failed: " + event.data());
    }
    return event.data().equals("[DONE]");
  }
}
