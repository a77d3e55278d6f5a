package io.parley.node.chaos;

import com.fasterxml.jackson.databind.JsonNode;
import io.parley.node.chaos.ObservedTurn.Api;
import io.parley.node.chaos.ObservedTurn.HttpAnswer;
import io.parley.node.chaos.ObservedTurn.Outcome;
import io.parley.node.chaos.ObservedTurn.Seen;
import io.parley.node.client.TimedLines;
import java.io.IOException;
import java.io.InputStream;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.Arrays;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;

/**
 * Streams a turn to its end, and goes on behind the last event that was seen, at another node,
 * whenever the connection is lost or says nothing any more.
 */
final class TurnStream {
  private static final long PATIENCE_NANOS = TimeUnit.MINUTES.toNanos(4);
  private static final long PAUSE_MILLIS = 50;
  private static final String CHAT_PATH = "/v1/chat/completions";

  /** Codes of a turn that failed: its key gives them again for ever. */
  private static final Set<String> FAILED =
      Set.of(
          "queue_timeout",
          "worker_lost",
          "first_token_timeout",
          "turn_timeout",
          "attempts_exhausted",
          "poison_work",
          "engine_failed",
          "prompt_failed");

  private final Edges edges;
  private final ClientTurn turn;
  private final Pause pause;
  private NodeProcess node;
  private volatile CompletableFuture<HttpResponse<InputStream>> asking;
  private volatile TimedLines reading;
  private volatile boolean leaving;
  private boolean paused;

  /** When a reader stops reading for a while, as a slow one does. */
  record Pause(int atTokens, long millis) {
    static final Pause NONE = new Pause(Integer.MAX_VALUE, 0);
  }

  TurnStream(Edges edges, ClientTurn turn, NodeProcess first, Pause pause) {
    this.edges = edges;
    this.turn = turn;
    this.node = first;
    this.pause = pause;
  }

  /** Streams on this thread until the client has its answer, or has left. */
  void run() throws InterruptedException {
    long deadline = System.nanoTime() + PATIENCE_NANOS;
    while (turn.isRunning()) {
      if (leaving) {
        turn.end(Outcome.LEFT, "");
        return;
      }
      if (System.nanoTime() - deadline > 0) {
        turn.end(Outcome.UNANSWERED, "");
        return;
      }
      ask();
    }
  }

  /** Closes the connection, wherever it is. */
  void leave() {
    leaving = true;
    CompletableFuture<?> request = asking;
    if (request != null) {
      request.cancel(true);
    }
    TimedLines lines = reading;
    if (lines != null) {
      lines.close();
    }
  }

  private void ask() throws InterruptedException {
    turn.asksAt(node);
    try {
      asking = edges.open(request());
      HttpResponse<InputStream> response = asking.get();
      if (response.statusCode() == 200) {
        read(response.body());
      } else {
        refused(response);
        return;
      }
    } catch (IOException | ExecutionException | CancellationException e) {
      // lost, or nobody listens: it goes on at the next node
    }
    if (turn.isRunning() && !leaving) {
      turn.lostConnection();
      node = edges.behind(node);
      TimeUnit.MILLISECONDS.sleep(PAUSE_MILLIS);
    }
  }

  private void refused(HttpResponse<InputStream> response)
      throws IOException, InterruptedException {
    HttpAnswer answer = edges.answer(node, response, Edges.body(response));
    turn.told(answer);
    if (FAILED.contains(answer.code())) {
      turn.end(Outcome.FAILED, answer.code());
    } else if (answer.code().equals("turn_cancelled")) {
      turn.end(Outcome.CANCELLED, answer.code());
    } else {
      node = edges.behind(node);
      TimeUnit.MILLISECONDS.sleep(Edges.retryAfterMillis(response));
    }
  }

  private HttpRequest request() {
    Optional<Seen> last = turn.last();
    Tenant who = turn.tenant();
    if (last.isEmpty()) {
      return begin();
    }
    String[] seen = {"Last-Event-ID", last.get().id()};
    return switch (turn.api()) {
      case SESSION -> edges.get(node, who, turnPath() + "/stream", seen);
      case RESPONSE -> edges.get(node, who, responsePath(last.get()));
      case CHAT, WHOLE ->
          edges.post(node, who, CHAT_PATH, chat(), "Idempotency-Key", turn.key(), seen[0], seen[1]);
    };
  }

  private HttpRequest begin() {
    String[] key =
        turn.key().isEmpty() ? new String[0] : new String[] {"Idempotency-Key", turn.key()};
    if (turn.api() == Api.RESPONSE) {
      return edges.post(node, turn.tenant(), "/v1/responses", response(), key);
    }
    if (turn.api() != Api.SESSION) {
      return edges.post(node, turn.tenant(), CHAT_PATH, chat(), key);
    }
    String[] headers = Arrays.copyOf(key, key.length + 2);
    headers[key.length] = "X-Parley-Session";
    headers[key.length + 1] = turn.session();
    return edges.post(node, turn.tenant(), CHAT_PATH, chat(), headers);
  }

  private String chat() {
    return chat(turn, true);
  }

  /** The body of a chat completion. */
  static String chat(ClientTurn turn, boolean stream) {
    return """
        {"model": "%s", "messages": [{"role": "user", "content": %s}], "max_tokens": %d,
         "temperature": 0.9, "ignore_eos": true, "stream": %s}"""
        .formatted(ChaosPlan.MODEL_NAME, Edges.quote(turn.prompt()), turn.maxTokens(), stream);
  }

  private String response() {
    return """
        {"model": "%s", "input": %s, "max_output_tokens": %d, "temperature": 0.9,
         "ignore_eos": true, "background": true, "stream": true}"""
        .formatted(ChaosPlan.MODEL_NAME, Edges.quote(turn.prompt()), turn.maxTokens());
  }

  private String turnPath() {
    return "/v1/sessions/" + turn.session() + "/turns/" + turn.number();
  }

  private String responsePath(Seen last) {
    String[] parts = last.id().split("\\.");
    long sequence = Long.parseLong(parts[2]) + Long.parseLong(parts[3]) - 1;
    return "/v1/responses/resp_%s_%d?stream=true&starting_after=%d"
        .formatted(turn.session().substring("sess_".length()), turn.number(), sequence);
  }

  private void read(InputStream body) throws IOException, InterruptedException {
    try (TimedLines lines = new TimedLines(body)) {
      reading = lines;
      String id = "";
      String name = "";
      String data = "";
      String line = leaving ? null : lines.next(Edges.SILENCE);
      while (line != null && turn.isRunning()) {
        if (line.startsWith("id: ")) {
          id = line.substring(4);
        } else if (line.startsWith("event: ")) {
          name = line.substring(7);
        } else if (line.startsWith("data: ")) {
          data = line.substring(6);
        } else if (line.isEmpty() && !data.isEmpty()) {
          if (id.isEmpty()) {
            return; // the node gave up on this stream, not on the turn
          }
          event(id, name, data);
          id = "";
          name = "";
          data = "";
        }
        line = turn.isRunning() ? lines.next(Edges.SILENCE) : null;
      }
    } finally {
      reading = null;
    }
  }

  private void event(String id, String name, String data) throws InterruptedException {
    String[] parts = id.split("\\.");
    int tokens = Integer.parseInt(parts[2]);
    boolean done = data.equals("[DONE]");
    JsonNode json = done ? null : Edges.parse(data);
    String text = "";
    if (json != null) {
      text =
          turn.api() == Api.RESPONSE
              ? name.equals("response.output_text.delta") ? json.path("delta").asText() : ""
              : json.at("/choices/0/delta/content").asText("");
    }
    turn.saw(
        Integer.parseInt(parts[1]),
        new Seen(System.nanoTime(), System.currentTimeMillis(), tokens, text, id));
    if (done || name.equals("response.completed") || isCut(name, json)) {
      turn.end(Outcome.COMPLETED, "");
    } else if (json.has("error") && json.path("error").isObject()) {
      failed(json.at("/error/code").asText());
    } else if (name.equals("response.failed") || name.equals("response.incomplete")) {
      failed(json.at("/response/error/code").asText(json.at("/response/status").asText()));
    }
    if (tokens >= pause.atTokens() && turn.isRunning()) {
      pauseOnce();
    }
  }

  private void pauseOnce() throws InterruptedException {
    if (!paused) {
      paused = true;
      TimeUnit.MILLISECONDS.sleep(pause.millis());
    }
  }

  /** An answer that ends at its limit of tokens is whole. */
  private static boolean isCut(String name, JsonNode json) {
    return name.equals("response.incomplete")
        && json.at("/response/incomplete_details/reason").asText().equals("max_output_tokens");
  }

  private void failed(String code) {
    turn.end(
        code.equals("turn_cancelled") || code.equals("cancelled")
            ? Outcome.CANCELLED
            : Outcome.FAILED,
        code);
  }
}
