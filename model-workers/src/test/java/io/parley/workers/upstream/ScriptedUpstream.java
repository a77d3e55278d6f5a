package io.parley.workers.upstream;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.parley.workers.engine.simulated.SimulatedText;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/**
 * A server that speaks as vLLM or llama.cpp do and does what the test says. Its model is a function
 * of the tokens before: whoever sends the prompt and an answer's beginning gets what follows.
 */
final class ScriptedUpstream implements AutoCloseable {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final SimulatedText TEXT = new SimulatedText();
  private static final int WORDS_FROM = TEXT.vocabularySize() - 300;

  /** How token ids are said. */
  enum Dialect {
    VLLM,
    OLD_VLLM,
    LLAMA_CPP,
    NO_IDS
  }

  private static final class Cut extends IOException {
    private static final long serialVersionUID = 1L;
  }

  /** What becomes of one request. */
  interface Script {
    void run(Reply reply) throws IOException, InterruptedException;
  }

  final Deque<Script> scripts = new ArrayDeque<>();
  final List<JsonNode> requests = new CopyOnWriteArrayList<>();

  /** An entry for each request whose client went away before its end. */
  final BlockingQueue<JsonNode> abandoned = new LinkedBlockingQueue<>();

  volatile Dialect dialect = Dialect.VLLM;
  volatile int health = 200;
  volatile String models = "{\"data\":[{\"id\":\"served\",\"owned_by\":\"vllm\"}]}";
  volatile String props = "";
  volatile boolean otherVocabulary;

  private final CountDownLatch closing = new CountDownLatch(1);
  private final ExecutorService threads = Executors.newCachedThreadPool();
  private final HttpServer server;

  ScriptedUpstream() throws IOException {
    this(0);
  }

  ScriptedUpstream(int port) throws IOException {
    server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), 0);
    server.setExecutor(threads);
    server.createContext("/health", exchange -> answer(exchange, health, ""));
    server.createContext("/v1/models", exchange -> answer(exchange, 200, models));
    server.createContext(
        "/props", exchange -> answer(exchange, props.isEmpty() ? 404 : 200, props));
    server.createContext("/tokenize", this::tokenize);
    server.createContext("/v1/completions", this::complete);
    server.start();
  }

  int port() {
    return server.getAddress().getPort();
  }

  UpstreamSpec spec() {
    return UpstreamSpec.parse("model#upstream=http://127.0.0.1:" + port() + "/v1");
  }

  private static void answer(HttpExchange exchange, int status, String body) throws IOException {
    try (exchange) {
      byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
      exchange.sendResponseHeaders(status, bytes.length == 0 ? -1 : bytes.length);
      exchange.getResponseBody().write(bytes);
    }
  }

  private void tokenize(HttpExchange exchange) throws IOException {
    JsonNode request = JSON.readTree(exchange.getRequestBody());
    ObjectNode body = JSON.createObjectNode();
    ArrayNode tokens = body.putArray("tokens");
    for (int id : TEXT.encode(request.path("content").asText(), false)) {
      tokens.add(otherVocabulary ? id + 1 : id);
    }
    answer(exchange, 200, body.toString());
  }

  private void complete(HttpExchange exchange) throws IOException {
    JsonNode request = JSON.readTree(exchange.getRequestBody());
    if (!request.path("stream").asBoolean()) { // the trial
      ObjectNode body = JSON.createObjectNode();
      body.putArray("choices").add(choice(List.of(next(request, List.of())), "length"));
      answer(exchange, 200, body.toString());
      return;
    }
    Script script;
    synchronized (scripts) {
      requests.add(request);
      script = scripts.isEmpty() ? Reply::all : scripts.removeFirst();
    }
    try {
      script.run(new Reply(exchange, request));
      exchange.close();
    } catch (Cut e) {
      throw e; // the server closes the connection as it is
    } catch (IOException e) {
      abandoned.add(request);
      exchange.close();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** The token after a prompt and what was generated behind it. */
  static int next(JsonNode request, List<Integer> generated) {
    int hash = 17;
    for (JsonNode id : request.path("prompt")) {
      hash = 31 * hash + id.asInt();
    }
    for (int id : generated) {
      hash = 31 * hash + id;
    }
    return WORDS_FROM + Math.floorMod(hash, 300);
  }

  private ObjectNode choice(List<Integer> ids, String finish) {
    StringBuilder text = new StringBuilder();
    ids.forEach(id -> text.append(new String(TEXT.bytes(id), StandardCharsets.UTF_8)));
    return choice(ids, text.toString(), finish);
  }

  private ObjectNode choice(List<Integer> ids, String text, String finish) {
    ObjectNode choice = JSON.createObjectNode().put("index", 0).put("text", text);
    choice.put("finish_reason", finish);
    ObjectNode logProbs = choice.putObject("logprobs");
    switch (dialect) {
      case VLLM -> {
        ids.forEach(choice.putArray("token_ids")::add);
        logProbs.putArray("token_logprobs").add(-0.25);
        logProbs.putArray("top_logprobs").addObject().put("token_id:65", -1.5);
      }
      case OLD_VLLM -> {
        ArrayNode tokens = logProbs.putArray("tokens");
        ids.forEach(id -> tokens.add("token_id:" + id));
        ArrayNode values = logProbs.putArray("token_logprobs");
        ids.forEach(id -> values.add(-0.25));
        ArrayNode tops = logProbs.putArray("top_logprobs");
        ids.forEach(id -> tops.addObject().put("token_id:65", -1.5).put("token_id:66", -0.5));
      }
      case LLAMA_CPP -> {
        ArrayNode content = logProbs.putArray("content");
        for (int id : ids) {
          ObjectNode token = content.addObject().put("id", id).put("logprob", -0.25);
          token.putArray("top_logprobs").addObject().put("id", 65).put("logprob", -1.5);
        }
      }
      case NO_IDS -> choice.putNull("logprobs");
    }
    return choice;
  }

  /** One request and the answer to it. */
  final class Reply {
    final JsonNode request;
    private final HttpExchange exchange;
    private final List<Integer> generated = new ArrayList<>();
    private OutputStream body;

    private Reply(HttpExchange exchange, JsonNode request) {
      this.exchange = exchange;
      this.request = request;
    }

    /** A status and nothing else. */
    void status(int status, String... headers) throws IOException {
      for (int i = 0; i < headers.length; i += 2) {
        exchange.getResponseHeaders().add(headers[i], headers[i + 1]);
      }
      exchange.sendResponseHeaders(status, -1);
    }

    /** As many tokens as are asked for, and the end. */
    void all() throws IOException {
      tokens(request.path("max_tokens").asInt() - 1);
      event(choice(List.of(ScriptedUpstream.next(request, generated)), "length"));
      done();
    }

    void tokens(int count) throws IOException {
      for (int i = 0; i < count; i++) {
        int id = ScriptedUpstream.next(request, generated);
        generated.add(id);
        event(choice(List.of(id), null));
      }
    }

    /** A sign of life now and then, until the client goes away. */
    void neverEnd() throws IOException, InterruptedException {
      while (closing.getCount() > 0) {
        line(": ping");
        closing.await(2, TimeUnit.MILLISECONDS);
      }
    }

    /** Thrown, it closes the connection in the middle of the body. */
    IOException cut() {
      return new Cut();
    }

    void token(int id, String finish) throws IOException {
      event(choice(List.of(id), finish));
    }

    void token(int id, String text, String finish) throws IOException {
      event(choice(List.of(id), text, finish));
    }

    void end(String finish) throws IOException {
      event(choice(List.of(), finish));
      done();
    }

    void done() throws IOException {
      line("data: [DONE]");
      body.close();
    }

    void line(String line) throws IOException {
      if (body == null) {
        exchange.getResponseHeaders().add("Content-Type", "text/event-stream");
        exchange.sendResponseHeaders(200, 0);
        body = exchange.getResponseBody();
      }
      body.write((line + "\n\n").getBytes(StandardCharsets.UTF_8));
      body.flush();
    }

    /** Says nothing any more, and does not end. */
    void hang() throws InterruptedException {
      closing.await();
    }

    private void event(ObjectNode choice) throws IOException {
      ObjectNode event = JSON.createObjectNode();
      event.putArray("choices").add(choice);
      line("data: " + event);
    }
  }

  @Override
  public void close() {
    closing.countDown();
    server.stop(0);
    threads.shutdownNow();
  }
}
