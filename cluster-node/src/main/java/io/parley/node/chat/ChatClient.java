package io.parley.node.chat;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.MissingNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.parley.node.client.TimedLines;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.function.Consumer;

/**
 * One user's side of a conversation. Every turn has an idempotency key, so that asking again after
 * a lost connection finds the same turn, and {@code Last-Event-ID} makes it go on from the very
 * next token.
 */
public final class ChatClient {
  private static final Duration CONNECT_TIMEOUT = Duration.ofSeconds(5);

  /** The node sends the head when it has journaled the turn, or says that it could not. */
  private static final Duration HEAD_TIMEOUT = Duration.ofSeconds(60);

  /**
   * By these codes the node asks to be asked again with the same key; a turn that failed does not.
   */
  private static final Set<String> AGAIN =
      Set.of(
          "journal_unavailable",
          "node_stopping",
          "no_worker",
          "overloaded",
          "too_many_requests",
          "internal_error");

  /** What a proxy says in the place of a node that is away. */
  private static final Set<Integer> AWAY = Set.of(502, 503, 504);

  private final ObjectMapper json = new ObjectMapper();
  private final HttpClient http =
      HttpClient.newBuilder()
          .version(HttpClient.Version.HTTP_1_1)
          .connectTimeout(CONNECT_TIMEOUT)
          .build();
  private final URI baseUrl;
  private final Optional<String> apiKey;
  private final Optional<Integer> maxTokens;
  private final RetryPolicy retries;

  /**
   * How long to try again after a lost connection.
   *
   * @param delay between two tries
   * @param attempts without any new text before giving up
   * @param silence without a byte for so long, a connection is lost; longer than the node's pause
   *     between two keep-alives
   */
  public record RetryPolicy(Duration delay, int attempts, Duration silence) {}

  /** Hears an answer as it comes. */
  public interface Listener {
    void text(String delta);

    /** The connection is lost; it will be tried again. */
    void interrupted();
  }

  /** Who answered and where the conversation lives. */
  public record Answer(String sessionId, String finishReason) {}

  /** One line of a conversation's history. */
  public record Line(String role, String text) {}

  /**
   * A client of one node.
   *
   * @param baseUrl up to and including {@code /v1}
   * @param maxTokens the longest answer; empty: what the model's context holds
   */
  public ChatClient(
      URI baseUrl, Optional<String> apiKey, Optional<Integer> maxTokens, RetryPolicy retries) {
    this.baseUrl = baseUrl;
    this.apiKey = apiKey;
    this.maxTokens = maxTokens;
    this.retries = retries;
  }

  /** Names of the models that the node serves and that answer messages. */
  public List<String> chatModels() throws ChatException, InterruptedException {
    List<String> names = new ArrayList<>();
    for (JsonNode model : get("/models").path("data")) {
      if (!model.path("kind").asText().equals("embedding")) {
        names.add(model.path("id").asText());
      }
    }
    return names;
  }

  /** The messages of a session, oldest first. */
  public List<Line> history(String sessionId) throws ChatException, InterruptedException {
    List<Line> lines = new ArrayList<>();
    get("/sessions/" + sessionId)
        .path("messages")
        .forEach(
            message ->
                lines.add(
                    new Line(message.path("role").asText(), message.path("content").asText())));
    return lines;
  }

  /**
   * Sends one message and streams the answer.
   *
   * @param sessionId the conversation, or empty for a new one
   * @throws ChatException when the node refuses, or is away for longer than the retry policy allows
   */
  public Answer send(Optional<String> sessionId, String model, String text, Listener listener)
      throws ChatException, InterruptedException {
    ObjectNode body = json.createObjectNode();
    body.put("model", model);
    body.putArray("messages").addObject().put("role", "user").put("content", text);
    body.put("stream", true);
    maxTokens.ifPresent(most -> body.put("max_tokens", most));
    Turn turn = new Turn(body.toString(), sessionId, listener);
    int failures = 0;
    while (true) {
      int seenBefore = turn.events;
      try {
        Optional<Answer> answer = turn.stream();
        if (answer.isPresent()) {
          return answer.get();
        }
      } catch (IOException e) {
        // told below, as for a stream that was cut
      }
      failures = turn.events > seenBefore ? 1 : failures + 1;
      if (failures > retries.attempts()) {
        throw new ChatException("the node at " + baseUrl + " does not answer");
      }
      if (failures == 1) {
        listener.interrupted();
      }
      Thread.sleep(retries.delay().toMillis());
    }
  }

  private JsonNode get(String path) throws ChatException, InterruptedException {
    try {
      HttpResponse<String> response =
          http.send(request(path).GET().build(), HttpResponse.BodyHandlers.ofString());
      if (response.statusCode() != 200) {
        throw refused(response.statusCode(), response.body());
      }
      return json.readTree(response.body());
    } catch (IOException e) {
      throw new ChatException("cannot reach " + baseUrl + "; is a node running? (parley up)");
    }
  }

  private HttpRequest.Builder request(String path) {
    HttpRequest.Builder request =
        HttpRequest.newBuilder(URI.create(baseUrl + path)).timeout(HEAD_TIMEOUT);
    apiKey.ifPresent(key -> request.header("Authorization", "Bearer " + key));
    return request;
  }

  private ChatException refused(int status, String body) {
    String message = error(body).path("message").asText("");
    return new ChatException(message.isEmpty() ? "the node answered HTTP " + status : message);
  }

  /** The error object, or nothing where it is none: then the status has to do. */
  private JsonNode error(String body) {
    try {
      return json.readTree(body).path("error");
    } catch (JsonProcessingException e) {
      return MissingNode.getInstance();
    }
  }

  /** One turn over as many connections as it takes. */
  private final class Turn {
    private final String key = UUID.randomUUID().toString();
    private final String body;
    private final Consumer<String> text;
    private Optional<String> sessionId;
    private Optional<String> lastEventId = Optional.empty();
    private String finishReason = "";
    private int events;

    Turn(String body, Optional<String> sessionId, Listener listener) {
      this.body = body;
      this.sessionId = sessionId;
      this.text = listener::text;
    }

    /** One connection: the answer when it ended, empty when the stream was cut. */
    Optional<Answer> stream() throws IOException, ChatException, InterruptedException {
      HttpRequest.Builder request =
          request("/chat/completions")
              .header("Content-Type", "application/json")
              .header("Idempotency-Key", key)
              .POST(HttpRequest.BodyPublishers.ofString(body));
      sessionId.ifPresent(id -> request.header("X-Parley-Session", id));
      lastEventId.ifPresent(id -> request.header("Last-Event-ID", id));
      HttpResponse<InputStream> response =
          http.send(request.build(), HttpResponse.BodyHandlers.ofInputStream());
      int status = response.statusCode();
      try (TimedLines lines = new TimedLines(response.body())) {
        if (status != 200) {
          String refusal = all(lines);
          String code = error(refusal).path("code").asText("");
          if (AGAIN.contains(code) || (code.isEmpty() && AWAY.contains(status))) {
            return Optional.empty();
          }
          throw refused(status, refusal);
        }
        String session =
            response
                .headers()
                .firstValue("X-Parley-Session")
                .orElseThrow(() -> new ChatException("the server at " + baseUrl + " is no Parley"));
        return read(lines, session);
      }
    }

    private String all(TimedLines lines) throws IOException {
      StringBuilder text = new StringBuilder();
      for (String line = next(lines); line != null; line = next(lines)) {
        text.append(line).append('\n');
      }
      return text.toString();
    }

    private String next(TimedLines lines) throws IOException {
      return lines.next(retries.silence());
    }

    private Optional<Answer> read(TimedLines lines, String session)
        throws IOException, ChatException {
      Optional<String> id = lastEventId;
      for (String line = next(lines); line != null; line = next(lines)) {
        if (line.startsWith("id:")) {
          id = Optional.of(line.substring("id:".length()).strip());
        } else if (line.startsWith("data:")) {
          String data = line.substring("data:".length()).strip();
          if (data.equals("[DONE]")) {
            return Optional.of(new Answer(session, finishReason));
          }
          if (!event(json.readTree(data))) {
            return Optional.empty();
          }
          lastEventId = id;
          events++;
        }
      }
      return Optional.empty();
    }

    /** Whether the stream goes on; a retryable error is a cut stream. */
    private boolean event(JsonNode chunk) throws ChatException {
      JsonNode error = chunk.path("error");
      if (!error.isMissingNode()) {
        if (AGAIN.contains(error.path("code").asText(""))) {
          return false;
        }
        throw new ChatException(error.path("message").asText("the turn failed"));
      }
      JsonNode choice = chunk.path("choices").path(0);
      String delta = choice.path("delta").path("content").asText("");
      if (!delta.isEmpty()) {
        text.accept(delta);
      }
      String reason = choice.path("finish_reason").asText("");
      if (!reason.isEmpty() && !reason.equals("null")) {
        finishReason = reason;
      }
      return true;
    }
  }
}
