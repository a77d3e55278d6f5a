package io.parley.workers.upstream;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.parley.routing.protocol.SamplingParams;
import io.parley.workers.text.Tokenizer;
import java.io.IOException;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandler;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;

/** The server, by HTTP/1.1. Thread-safe. */
final class UpstreamServer {
  private static final ObjectMapper JSON = new ObjectMapper();

  /** Letters, a number and a mark: any two vocabularies cut it in different ways. */
  private static final String SENTENCE =
      "The keeper of the lighthouse, 71 years old, wrote into his book: wind north-west.";

  private final UpstreamSpec spec;
  private final UpstreamSettings settings;
  private final HttpClient client;
  private volatile String healthPath = "/health";

  UpstreamServer(UpstreamSpec spec, UpstreamSettings settings, Executor executor) {
    this.spec = spec;
    this.settings = settings;
    client =
        HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1)
            .connectTimeout(settings.connectTimeout())
            .executor(executor)
            .build();
  }

  /**
   * What the server says of itself.
   *
   * @param model its name for the model
   * @param kind what it is, such as {@code vllm}; in the letters of a variant
   * @param contextLength if it says so
   * @param slots how many requests it runs at once, if it says so
   */
  record Description(String model, String kind, OptionalInt contextLength, OptionalInt slots) {}

  /**
   * Asks the server, and sees whether its vocabulary is the one that is known here. Blocks for a
   * few answers.
   *
   * @throws UpstreamException saying in one line why it cannot be driven
   */
  Description describe(Tokenizer tokenizer) throws InterruptedException {
    JsonNode entry = served(read(get("/v1/models", settings.probeTimeout()), "/v1/models"));
    String model = entry.path("id").asText();
    requireSameTokens(model, tokenizer);
    requireIds(model, tokenizer);
    OptionalInt context = positive(entry.path("max_model_len"));
    OptionalInt slots = OptionalInt.empty();
    HttpResponse<String> props = get("/props", settings.probeTimeout());
    if (props.statusCode() == 200) { // llama.cpp's; its context is that of one of its slots
      JsonNode said = read(props, "/props");
      context = positive(said.at("/default_generation_settings/n_ctx"));
      slots = positive(said.path("total_slots"));
    }
    String kind = entry.path("owned_by").asText().toLowerCase(Locale.ROOT);
    return new Description(model, kind.replaceAll("[^a-z0-9]", ""), context, slots);
  }

  private JsonNode served(JsonNode list) {
    List<String> names = new ArrayList<>();
    for (JsonNode entry : list.path("data")) {
      String name = entry.path("id").asText();
      names.add(name);
      if (spec.servedAs().map(name::equals).orElse(list.path("data").size() == 1)) {
        return entry;
      }
    }
    throw new UpstreamException(
        "the upstream "
            + spec.server()
            + " serves "
            + String.join(", ", names)
            + "; say which of them with &as=NAME behind #upstream=…");
  }

  /** Where the server tokenizes, it must do so as is done here. */
  private void requireSameTokens(String model, Tokenizer tokenizer) throws InterruptedException {
    ObjectNode body = JSON.createObjectNode().put("model", model);
    body.put("content", SENTENCE).put("prompt", SENTENCE);
    body.put("add_special", false).put("add_special_tokens", false);
    HttpResponse<String> answer = send(post("/tokenize", body, settings.probeTimeout()));
    if (answer.statusCode() != 200) {
      return; // not all have it
    }
    List<Integer> theirs = new ArrayList<>();
    read(answer, "/tokenize").path("tokens").forEach(id -> theirs.add(id.asInt(-1)));
    List<Integer> ours = Arrays.stream(tokenizer.encode(SENTENCE, false)).boxed().toList();
    if (!theirs.equals(ours)) {
      throw new UpstreamException(
          "the upstream "
              + spec.server()
              + " has another vocabulary than "
              + spec.model()
              + ": name the file of the model that it serves");
    }
  }

  /** A few tokens, to see that it takes ids and gives ids. */
  private void requireIds(String model, Tokenizer tokenizer) throws InterruptedException {
    int[] prompt = tokenizer.encode(SENTENCE, false);
    ObjectNode body =
        CompletionRequest.of(model, prompt, List.of(), SamplingParams.greedy(4), 4)
            .put("stream", false);
    HttpResponse<String> answer = send(post("/v1/completions", body, settings.firstTokenTimeout()));
    if (answer.statusCode() != 200) {
      throw refused("/v1/completions", answer.statusCode());
    }
    if (CompletionChunk.parse(answer.body(), tokenizer, false).tokens().isEmpty()) {
      throw new UpstreamException("the upstream " + spec.server() + " gives no token ids");
    }
  }

  private static OptionalInt positive(JsonNode number) {
    return number.asInt() > 0 ? OptionalInt.of(number.asInt()) : OptionalInt.empty();
  }

  private JsonNode read(HttpResponse<String> answer, String path) {
    if (answer.statusCode() != 200) {
      throw refused(path, answer.statusCode());
    }
    try {
      return JSON.readTree(answer.body());
    } catch (JsonProcessingException e) {
      throw new UpstreamException(
          "the upstream " + spec.server() + " answers " + path + " with something else than JSON",
          e);
    }
  }

  private UpstreamException refused(String path, int status) {
    String why =
        switch (status) {
          case 401, 403 -> "; parley.upstream.api-key is what it wants";
          case 503 -> "; it is not ready yet";
          case 404 -> "; it is no server like vLLM or llama.cpp, or the address is wrong";
          default -> "";
        };
    return new UpstreamException(
        "the upstream " + spec.server() + " answers " + path + " with HTTP " + status + why);
  }

  private HttpResponse<String> get(String path, Duration timeout) throws InterruptedException {
    return send(request(path, timeout).GET().build());
  }

  private HttpResponse<String> send(HttpRequest request) throws InterruptedException {
    try {
      return client.send(request, info -> new BoundedBody());
    } catch (IOException e) {
      throw new UpstreamException(
          "the upstream "
              + spec.server()
              + " cannot be reached ("
              + (e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage())
              + "): start it, or correct the address",
          e);
    }
  }

  /** Whether the server is ready, in a moment; fails when it cannot be asked. */
  CompletableFuture<Boolean> probe() {
    String path = healthPath;
    HttpRequest request = request(path, settings.probeTimeout()).GET().build();
    return client
        .sendAsync(request, info -> new BoundedBody())
        .thenApply(
            answer -> {
              if (answer.statusCode() == 404 && path.equals("/health")) {
                healthPath = "/v1/models"; // not all have it
                return true;
              }
              return answer.statusCode() == 200;
            });
  }

  /** Begins a completion; the future ends with its body. Cancelled, it closes the connection. */
  CompletableFuture<HttpResponse<String>> complete(ObjectNode body, BodyHandler<String> handler) {
    return client.sendAsync(post("/v1/completions", body, null), handler);
  }

  private HttpRequest post(String path, ObjectNode body, Duration timeout) {
    return request(path, timeout)
        .header("Content-Type", "application/json")
        .POST(HttpRequest.BodyPublishers.ofString(body.toString()))
        .build();
  }

  private HttpRequest.Builder request(String path, Duration timeout) {
    HttpRequest.Builder request = HttpRequest.newBuilder(spec.at(path));
    if (!settings.apiKey().isEmpty()) {
      request.header("Authorization", "Bearer " + settings.apiKey());
    }
    Optional.ofNullable(timeout).ifPresent(request::timeout);
    return request;
  }
}
