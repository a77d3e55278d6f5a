package io.parley.node.chaos;

import io.parley.node.chaos.ObservedTurn.Api;
import io.parley.node.chaos.ObservedTurn.HttpAnswer;
import io.parley.node.chaos.ObservedTurn.Outcome;
import io.parley.node.chaos.ObservedTurn.Seen;
import io.parley.node.http.Ids;
import io.parley.routing.protocol.TenantId;
import java.io.IOException;
import java.net.http.HttpResponse;
import java.util.List;
import java.util.Queue;
import java.util.Random;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;

/** Asks: in the background all the time, and what a fault wants asked besides. */
final class Clients implements AutoCloseable {
  private static final int TOKENS_MIN = 90;
  private static final int TOKENS_MAX = 300;
  private static final int TURNS_MAX = 3;
  private static final long PATIENCE_MINUTES = 5;
  private static final List<String> THINGS =
      List.of("lighthouses", "the sea", "old maps", "a storm", "harbours", "whales", "ropes");

  private final Edges edges;
  private final History history;
  private final List<Tenant> tenants;
  private final Tenant greedy;
  private final long seed;
  private final AtomicInteger keys = new AtomicInteger();
  private final Queue<HttpAnswer> otherAnswers = new ConcurrentLinkedQueue<>();
  private final ExecutorService threads =
      Executors.newCachedThreadPool(
          task -> {
            Thread thread = new Thread(task, "chaos-client");
            thread.setDaemon(true);
            return thread;
          });
  private volatile boolean stopping;

  /**
   * @param greedy a tenant that asks only when a fault has it ask
   */
  Clients(Edges edges, History history, List<Tenant> tenants, Tenant greedy, long seed) {
    this.greedy = greedy;
    this.edges = edges;
    this.history = history;
    this.tenants = List.copyOf(tenants);
    this.seed = seed;
  }

  /** Begins the load that goes on behind all faults. */
  void converse(int sessions) {
    for (int i = 0; i < sessions; i++) {
      Random random = new Random(seed * 31 + i);
      Tenant tenant = tenants.get(i % tenants.size());
      var unused =
          threads.submit(
              () -> {
                while (!stopping) {
                  conversation(tenant, random);
                }
                return null;
              });
    }
  }

  /** Lets the conversations end; further ones do not begin. */
  void stopConversing() {
    stopping = true;
  }

  private void conversation(Tenant tenant, Random random) throws InterruptedException {
    Api api = List.of(Api.SESSION, Api.CHAT, Api.RESPONSE).get(random.nextInt(3));
    int turns = api == Api.SESSION ? random.nextInt(1, TURNS_MAX + 1) : 1;
    String session = api == Api.SESSION ? newSession(tenant) : "";
    String asked = session;
    for (int i = 0; i < turns && !stopping; i++) {
      String prompt = "Tell me about " + THINGS.get(random.nextInt(THINGS.size())) + ".";
      int tokens = random.nextInt(TOKENS_MIN, TOKENS_MAX + 1);
      ClientTurn turn = turn(api, tenant, session, prompt, tokens);
      asked = turn.session();
      new TurnStream(edges, turn, anyEdge(random), TurnStream.Pause.NONE).run();
    }
    history.close(asked);
  }

  NodeProcess anyEdge(Random random) {
    return edges.nodes().get(random.nextInt(edges.nodes().size()));
  }

  /** A new session, made with a key of its own. */
  String newSession(Tenant tenant) throws InterruptedException {
    String key = newKey();
    NodeProcess node = edges.nodes().get(Math.floorMod(key.hashCode(), edges.nodes().size()));
    long deadline = System.nanoTime() + TimeUnit.MINUTES.toNanos(PATIENCE_MINUTES);
    while (System.nanoTime() - deadline < 0) {
      try {
        HttpResponse<String> response =
            edges.sendNow(edges.post(node, tenant, "/v1/sessions", "{}", "Idempotency-Key", key));
        if (response.statusCode() == 201) {
          return Edges.parse(response.body()).path("id").asText();
        }
        otherAnswers.add(edges.answer(node, response, response.body()));
        TimeUnit.MILLISECONDS.sleep(Edges.retryAfterMillis(response));
      } catch (IOException e) {
        TimeUnit.MILLISECONDS.sleep(100);
      }
      node = edges.behind(node);
    }
    throw new IllegalStateException("no node makes a session");
  }

  String newKey() {
    return "chaos-" + seed + "-" + keys.incrementAndGet();
  }

  /** A turn with a key, in a session that was made or in the key's own. */
  ClientTurn turn(Api api, Tenant tenant, String session, String prompt, int tokens) {
    String key = newKey();
    return turn(
        api, tenant, session.isEmpty() ? sessionOf(tenant, key) : session, key, prompt, tokens);
  }

  ClientTurn turn(Api api, Tenant tenant, String session, String key, String prompt, int tokens) {
    ClientTurn turn = new ClientTurn(api, tenant, session, key, prompt, tokens);
    history.add(turn);
    return turn;
  }

  /** The session that a key names. */
  static String sessionOf(Tenant tenant, String key) {
    return Ids.session(Ids.sessionOfKey(new TenantId(tenant.name()), key));
  }

  /** Streams a turn on a thread of its own. */
  Future<?> run(TurnStream stream) {
    return threads.submit(
        () -> {
          stream.run();
          return null;
        });
  }

  /**
   * Asks for a turn whose answer comes whole, on a thread of its own.
   *
   * @param insists whether it asks again when it is told to come later
   */
  Future<?> runWhole(ClientTurn turn, NodeProcess first, boolean insists) {
    return threads.submit(
        () -> {
          whole(turn, first, insists);
          return null;
        });
  }

  private void whole(ClientTurn turn, NodeProcess first, boolean insists)
      throws InterruptedException {
    long deadline = System.nanoTime() + TimeUnit.MINUTES.toNanos(PATIENCE_MINUTES);
    NodeProcess node = first;
    while (turn.isRunning() && System.nanoTime() - deadline < 0) {
      turn.asksAt(node);
      try {
        HttpResponse<String> response =
            edges.sendNow(
                Edges.patient(
                    edges.post(
                        node,
                        turn.tenant(),
                        "/v1/chat/completions",
                        TurnStream.chat(turn, false),
                        "Idempotency-Key",
                        turn.key())));
        if (response.statusCode() == 200) {
          answered(turn, response.body());
          return;
        }
        HttpAnswer answer = edges.answer(node, response, response.body());
        turn.told(answer);
        if (answer.code().equals("queue_timeout")) {
          turn.end(Outcome.FAILED, answer.code());
        } else if (!insists) {
          turn.end(Outcome.LEFT, answer.code());
        } else {
          TimeUnit.MILLISECONDS.sleep(Edges.retryAfterMillis(response));
        }
      } catch (IOException e) {
        turn.lostConnection();
        TimeUnit.MILLISECONDS.sleep(100);
      }
      node = edges.behind(node);
    }
    if (turn.isRunning()) {
      turn.end(Outcome.UNANSWERED, "");
    }
  }

  private static void answered(ClientTurn turn, String body) {
    var json = Edges.parse(body);
    String id = json.path("id").asText();
    turn.saw(
        Integer.parseInt(id.substring(id.lastIndexOf('-') + 1)),
        new Seen(
            System.nanoTime(),
            System.currentTimeMillis(),
            json.at("/usage/completion_tokens").asInt(),
            json.at("/choices/0/message/content").asText(),
            ""));
    turn.end(Outcome.COMPLETED, "");
  }

  /** Waits for what was begun; what fails or takes too long is thrown. */
  static void await(List<Future<?>> works) throws InterruptedException {
    for (Future<?> work : works) {
      try {
        Object unused = work.get(PATIENCE_MINUTES + 1, TimeUnit.MINUTES);
      } catch (ExecutionException | TimeoutException e) {
        throw new IllegalStateException("a client failed", e);
      }
    }
  }

  /** What was answered to requests that are no turns, and was no success. */
  List<HttpAnswer> otherAnswers() {
    return List.copyOf(otherAnswers);
  }

  List<Tenant> tenants() {
    return tenants;
  }

  Tenant greedy() {
    return greedy;
  }

  @Override
  public void close() {
    stopping = true;
    threads.shutdownNow();
  }
}
