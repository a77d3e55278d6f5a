package io.parley.node.http;

import akka.Done;
import akka.NotUsed;
import akka.actor.Cancellable;
import akka.actor.typed.ActorSystem;
import akka.http.javadsl.IncomingConnection;
import akka.http.javadsl.model.HttpEntities;
import akka.http.javadsl.model.HttpRequest;
import akka.http.javadsl.model.HttpResponse;
import akka.stream.KillSwitches;
import akka.stream.Materializer;
import akka.stream.SharedKillSwitch;
import akka.stream.javadsl.Flow;
import akka.stream.javadsl.Keep;
import akka.stream.javadsl.Sink;
import akka.stream.javadsl.Source;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The open connections: only so many of one address, none that asks nothing for long, and an
 * orderly end.
 */
final class Connections {
  private static final Logger LOG = LoggerFactory.getLogger(Connections.class);

  /** Two, so that the next bytes of a connection, or its end, are seen while a request runs. */
  static final int PIPELINED = 2;

  /** So long after the deadline's answers were given, whoever has not read them is cut. */
  private static final Duration LAST_WORDS = Duration.ofSeconds(1);

  private final Edge edge;
  private final HttpSettings settings;
  private final ActorSystem<?> system;
  private final AddressLimit addresses;
  private final Stopping stopping;
  private final Set<Open> open = ConcurrentHashMap.newKeySet();

  Connections(Edge edge, HttpSettings settings, ActorSystem<?> system, Stopping stopping) {
    this.edge = edge;
    this.stopping = stopping;
    this.settings = settings;
    this.system = system;
    this.addresses = new AddressLimit(settings.maxConnectionsPerAddress());
  }

  /** Serves a connection to its end; the stage does not fail. */
  CompletionStage<Done> serve(IncomingConnection incoming) {
    String address = incoming.remoteAddress().getAddress().getHostAddress();
    Materializer materializer = Materializer.matFromSystem(system);
    if (!addresses.enter(address)) {
      LOG.debug("{} has as many connections as it may", address);
      incoming.handleWith(refusing(), materializer);
      return CompletableFuture.completedFuture(Done.getInstance());
    }
    Open connection = new Open();
    open.add(connection);
    connection.awaitRequest();
    return incoming
        .handleWith(connection.flow(), materializer)
        .handle((end, failure) -> Done.getInstance())
        .whenComplete(
            (end, failure) -> {
              open.remove(connection);
              connection.wasClosed();
              addresses.leave(address);
            });
  }

  private static Flow<HttpRequest, HttpResponse, NotUsed> refusing() {
    return Flow.fromSinkAndSource(Sink.cancelled(), Source.empty());
  }

  int count() {
    return addresses.total();
  }

  /**
   * Ends what is in progress: streams after {@code stream-grace}, the rest at {@code
   * stop-deadline}. Done when all responses were handed over; what of them is still on its way
   * leaves while the cluster is left. Akka's own termination would cut the streams at once.
   *
   * <p>Connections on which nothing is asked stay: a request on one is refused until the node is
   * gone, and its client told to go elsewhere.
   */
  CompletionStage<Done> end() {
    List<Cancellable> steps =
        List.of(
            after(settings.streamGrace(), stopping.streamsEnd()::give),
            after(settings.stopDeadline(), stopping.answersEnd()::give),
            after(
                settings.stopDeadline().plus(LAST_WORDS),
                () -> Set.copyOf(open).forEach(Open::cut)));
    return CompletableFuture.allOf(
            open.stream().map(Open::endSoon).toArray(CompletableFuture[]::new))
        .handle(
            (ended, failure) -> {
              steps.forEach(Cancellable::cancel);
              return Done.getInstance();
            });
  }

  private Cancellable after(Duration delay, Runnable step) {
    return system.scheduler().scheduleOnce(delay, step, system.executionContext());
  }

  private final class Open {
    private final Connection client = Connection.open();
    private final SharedKillSwitch requests = KillSwitches.shared("requests");
    private final SharedKillSwitch bodies = KillSwitches.shared("bodies");
    private CompletableFuture<Done> idle = new CompletableFuture<>(); // guarded by this
    private int pending; // guarded by this
    private boolean ending; // guarded by this
    private Cancellable timer = Cancellable.alreadyCancelled(); // guarded by this

    Flow<HttpRequest, HttpResponse, CompletionStage<Done>> flow() {
      return Flow.<HttpRequest>create()
          .watchTermination(Keep.right())
          // before what answers: a request that crosses the end is answered, the next not read
          .via(requests.flow())
          .map(this::began)
          .mapAsync(PIPELINED, request -> edge.handle(request, seenBy(request)))
          .map(this::answered)
          .watchTermination(
              (in, out) -> {
                in.whenComplete((end, failure) -> closedByClient());
                out.whenComplete((end, failure) -> client.terminated().give());
                return in.handle((end, failure) -> end)
                    .thenCombine(out.handle((end, failure) -> end), (a, b) -> Done.getInstance());
              });
    }

    /**
     * After {@code Connection: close} no request follows, which looks as if the client had left.
     */
    private Connection seenBy(HttpRequest request) {
      boolean lastOne =
          request.protocol().value().equals("HTTP/1.0")
              || request
                  .getHeader("Connection")
                  .filter(header -> header.value().equalsIgnoreCase("close"))
                  .isPresent();
      return lastOne ? client.halfClosing() : client;
    }

    private synchronized HttpRequest began(HttpRequest request) {
      if (pending == 0 && idle.isDone()) {
        idle = new CompletableFuture<>();
      }
      pending++;
      timer.cancel();
      return request;
    }

    private HttpResponse answered(HttpResponse response) {
      if (response.entity().isStrict()) {
        wasAnswered();
        return stopping.begun().isGiven() ? Replies.last(response) : response;
      }
      HttpResponse stoppable =
          response.withEntity(
              HttpEntities.create(
                  response.entity().getContentType(),
                  response.entity().getDataBytes().via(bodies.flow())));
      return Replies.whenEnded(stoppable, client, this::wasStreamed);
    }

    private synchronized void wasAnswered() {
      pending--;
      if (pending == 0) {
        idle.complete(Done.getInstance());
        awaitRequest();
      }
    }

    /**
     * A stream's head could not say that it is the last response; its client knows nothing of its
     * end yet, so no request crosses this one.
     */
    private synchronized void wasStreamed() {
      wasAnswered();
      if (stopping.begun().isGiven()) {
        endIfIdle();
      }
    }

    /** No request is in progress, and the next one has so long to come. */
    synchronized void awaitRequest() {
      timer.cancel();
      timer = after(settings.headTimeout(), this::endIfIdle);
    }

    private synchronized void endIfIdle() {
      if (pending == 0) {
        ending = true;
        requests.shutdown();
      }
    }

    /** Unless it is this side that reads no more. */
    private synchronized void closedByClient() {
      if (!ending) {
        client.closed().give();
      }
    }

    /** Done when no request is in progress. */
    synchronized CompletableFuture<Done> endSoon() {
      if (pending == 0) {
        idle.complete(Done.getInstance());
      }
      return idle;
    }

    synchronized void cut() {
      bodies.abort(new IllegalStateException("the server stops"));
      idle.complete(Done.getInstance());
    }

    synchronized void wasClosed() {
      timer.cancel();
      idle.complete(Done.getInstance());
    }
  }
}
