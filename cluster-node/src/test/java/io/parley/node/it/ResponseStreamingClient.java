package io.parley.node.it;

import io.parley.node.it.EventStream.Event;
import java.net.http.HttpRequest;
import java.util.Set;
import java.util.UUID;

/** Streams a background response, and goes on behind a sequence number. */
final class ResponseStreamingClient extends StreamingClient {
  private static final Set<String> ENDS = Set.of("response.completed", "response.incomplete");

  private final String body;
  private final String key = UUID.randomUUID().toString();

  ResponseStreamingClient(ApiClient api, String prompt, int maxTokens) {
    super(api);
    this.body =
        """
        {"model": "%s", "input": "%s", "max_output_tokens": %d, "temperature": 0.9,
         "ignore_eos": true, "background": true, "stream": true}"""
            .formatted(ApiClient.MODEL, prompt, maxTokens);
  }

  @Override
  HttpRequest begin() {
    return api.post("/v1/responses", body, "Idempotency-Key", key);
  }

  @Override
  HttpRequest goOn(Event last) {
    return api.get(path() + "&starting_after=" + last.json().path("sequence_number").asInt());
  }

  @Override
  HttpRequest fromStart() {
    return api.get(path());
  }

  private String path() {
    String id = events().get(0).json().at("/response/id").asText();
    return "/v1/responses/" + id + "?stream=true";
  }

  @Override
  String textOf(Event event) {
    return event.name().equals("response.output_text.delta")
        ? event.json().path("delta").asText()
        : "";
  }

  @Override
  boolean isFinish(Event event) {
    return isLast(event);
  }

  @Override
  boolean isLast(Event event) {
    if (event.name().equals("response.failed")) {
      throw new AssertionError("the turn failed: " + event.data());
    }
    return ENDS.contains(event.name());
  }
}
