package io.parley.node.bench;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.parley.node.client.TimedLines;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpTimeoutException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/** Plays a {@link LoadPlan}: one thread for each user, one streamed request at a time in each. */
public final class LoadGenerator {
  private static final int SENDS_MAX = 3;

  private final ObjectMapper json = new ObjectMapper();
  private final HttpClient http =
      HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
  private final LoadPlan plan;

  public LoadGenerator(LoadPlan plan) {
    this.plan = plan;
  }

  /** Runs the plan to its end. A failed turn ends its user's conversation and is counted. */
  public LoadReport run() throws InterruptedException {
    ExecutorService users = Executors.newFixedThreadPool(plan.users());
    try {
      long started = System.nanoTime();
      List<Future<List<TurnSample>>> running = new ArrayList<>();
      for (int user = 0; user < plan.users(); user++) {
        int number = user;
        running.add(users.submit(() -> converse(number)));
      }
      List<TurnSample> samples = new ArrayList<>();
      for (Future<List<TurnSample>> one : running) {
        samples.addAll(one.get());
      }
      return LoadReport.of(plan.users(), plan.turns(), samples, System.nanoTime() - started);
    } catch (ExecutionException e) {
      throw new IllegalStateException("a user's thread failed", e.getCause());
    } finally {
      users.shutdownNow();
    }
  }

  private List<TurnSample> converse(int user) throws InterruptedException {
    List<TurnSample> samples = new ArrayList<>();
    ArrayNode messages = json.createArrayNode();
    for (int turn = 0; turn < plan.turns(); turn++) {
      messages.addObject().put("role", "user").put("content", Conversation.input(user, turn));
      StringBuilder answer = new StringBuilder();
      TurnSample sample = ask(turn, messages, answer);
      samples.add(sample);
      if (sample.error().isPresent()) {
        break;
      }
      messages.addObject().put("role", "assistant").put("content", answer.toString());
    }
    return samples;
  }

  private TurnSample ask(int turn, ArrayNode messages, StringBuilder answer)
      throws InterruptedException {
    ObjectNode body = json.createObjectNode();
    body.put("model", plan.model());
    body.set("messages", messages);
    body.put("stream", true);
    body.put("max_tokens", plan.maxTokens());
    body.put("temperature", 0);
    body.putObject("stream_options").put("include_usage", true);
    if (plan.ignoreEos()) {
      body.put("ignore_eos", true);
    }
    HttpRequest.Builder request =
        HttpRequest.newBuilder(URI.create(plan.baseUrl() + "/chat/completions"))
            .timeout(plan.timeout())
            .header("Content-Type", "application/json")
            .POST(HttpRequest.BodyPublishers.ofString(body.toString()));
    plan.apiKey().ifPresent(key -> request.header("Authorization", "Bearer " + key));

    TurnWatch watch = new TurnWatch(turn);
    try {
      HttpResponse<InputStream> response = send(request.build());
      try (TimedLines lines = new TimedLines(response.body())) {
        if (response.statusCode() != 200) {
          return watch.failed("HTTP " + response.statusCode());
        }
        return read(lines, watch, answer);
      }
    } catch (IOException e) {
      return watch.failed(e.getClass().getSimpleName());
    }
  }

  /**
   * A connection that the server closed while nothing went over it fails the next request; OpenAI's
   * clients send that one again, and so does this one. The time of all tries counts.
   */
  private HttpResponse<InputStream> send(HttpRequest request)
      throws IOException, InterruptedException {
    for (int attempt = 1; ; attempt++) {
      try {
        return http.send(request, HttpResponse.BodyHandlers.ofInputStream());
      } catch (HttpTimeoutException e) {
        throw e;
      } catch (IOException e) {
        if (attempt == SENDS_MAX) {
          throw e;
        }
      }
    }
  }

  private TurnSample read(TimedLines lines, TurnWatch watch, StringBuilder answer)
      throws IOException {
    for (String line = next(lines, watch); line != null; line = next(lines, watch)) {
      if (!line.startsWith("data:")) {
        continue;
      }
      String data = line.substring("data:".length()).strip();
      if (data.equals("[DONE]")) {
        return watch.ended();
      }
      JsonNode chunk = json.readTree(data);
      if (chunk.has("error")) {
        return watch.failed("stream error " + chunk.path("error").path("code").asText());
      }
      String text = chunk.path("choices").path(0).path("delta").path("content").asText("");
      if (!text.isEmpty()) {
        watch.text();
        answer.append(text);
      }
      JsonNode completionTokens = chunk.path("usage").path("completion_tokens");
      if (completionTokens.isInt()) {
        watch.tokens = completionTokens.asInt();
      }
    }
    return watch.failed("stream cut");
  }

  /** The time-out of the turn holds for the whole of it. */
  private String next(TimedLines lines, TurnWatch watch) throws IOException {
    return lines.next(plan.timeout().minusNanos(System.nanoTime() - watch.startedNanos));
  }
}
