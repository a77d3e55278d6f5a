package io.parley.node.http;

import akka.Done;
import akka.NotUsed;
import akka.actor.CoordinatedShutdown;
import akka.actor.typed.ActorSystem;
import akka.http.javadsl.Http;
import akka.http.javadsl.ServerBinding;
import akka.http.javadsl.model.HttpRequest;
import akka.http.javadsl.model.HttpResponse;
import akka.http.javadsl.settings.ServerSettings;
import akka.stream.javadsl.Flow;
import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.atomic.AtomicBoolean;

/** The HTTP server of a node. */
public final class HttpServer {
  /** Two, so that the next bytes of a connection, or its end, are seen while a request runs. */
  private static final int PIPELINED = 2;

  private final ServerBinding binding;
  private final List<Router.Route> routes;

  private HttpServer(ServerBinding binding, List<Router.Route> routes) {
    this.binding = binding;
    this.routes = routes;
  }

  /** What the edge needs of the rest of the node. */
  public record Parts(
      SessionGateway sessions, ModelCatalog models, EventHistory history, Readiness readiness) {}

  /**
   * Binds, and adds an orderly end to the coordinated shutdown: no new connections, then running
   * requests may end until {@code stop-deadline}.
   *
   * @throws IllegalArgumentException when the address is not loopback and nobody has to log in, or
   *     the keys cannot be read; the stage fails with a BindException when the port is taken
   */
  public static CompletionStage<HttpServer> start(
      ActorSystem<?> system, HttpSettings settings, Parts parts) {
    ApiKeys keys = requireSafe(settings);
    AtomicBoolean stopping = new AtomicBoolean();
    Router router = router(system, settings, parts, stopping);
    Edge edge = new Edge(router, keys, settings, system);
    return Http.get(system)
        .newServerAt(settings.host(), settings.port())
        .withSettings(serverSettings(system, settings))
        .bindFlow(connectionFlow(edge))
        .thenApply(
            binding -> {
              stopOnShutdown(system, settings, binding, stopping);
              return new HttpServer(binding, router.routes());
            });
  }

  private static Router router(
      ActorSystem<?> system, HttpSettings settings, Parts parts, AtomicBoolean stopping) {
    Sessions sessions = new Sessions(parts.sessions(), settings);
    TurnReader reader = new TurnReader(parts.sessions(), settings, system);
    Turns turns = new Turns(sessions, reader, settings, system, stopping::get);
    ModelRoutes models = new ModelRoutes(parts.models(), settings);
    Router router = new Router();
    models.addTo(router);
    new ChatRoutes(turns, models).addTo(router);
    new ResponseRoutes(turns, sessions, models).addTo(router);
    new ConversationRoutes(sessions).addTo(router);
    new SessionRoutes(turns, sessions, parts.history(), system).addTo(router);
    new OperationRoutes(parts.readiness()).addTo(router);
    return router;
  }

  /**
   * Reads the keys, and checks that the address goes with them; {@link #start} does so too, but a
   * node wants to know it before anything else has started.
   *
   * @throws IllegalArgumentException as {@link #start} does
   */
  public static ApiKeys requireSafe(HttpSettings settings) {
    ApiKeys keys = settings.apiKeysFile().map(HttpServer::readKeys).orElseGet(ApiKeys::none);
    requireSafeAddress(settings, keys);
    return keys;
  }

  private static ApiKeys readKeys(Path file) {
    try {
      return ApiKeys.read(file);
    } catch (IOException e) {
      throw new IllegalArgumentException(
          "parley.http.api-keys-file " + file + " cannot be read", e);
    }
  }

  private static void requireSafeAddress(HttpSettings settings, ApiKeys keys) {
    if (!keys.isEmpty() || settings.insecure()) {
      return;
    }
    boolean loopback;
    try {
      loopback = InetAddress.getByName(settings.host()).isLoopbackAddress();
    } catch (UnknownHostException e) {
      throw new IllegalArgumentException(
          "parley.http.host " + settings.host() + " is no address of this machine", e);
    }
    if (!loopback) {
      throw new IllegalArgumentException(
          "parley.http.host "
              + settings.host()
              + " can be reached by others: set parley.http.api-keys-file, or"
              + " parley.http.insecure if that is wanted");
    }
  }

  private static ServerSettings serverSettings(ActorSystem<?> system, HttpSettings settings) {
    Config own =
        ConfigFactory.parseMap(
            Map.of(
                "akka.http.server.request-timeout", "infinite", // every wait here has its own bound
                "akka.http.server.idle-timeout", settings.idleTimeout().toMillis() + " ms",
                "akka.http.server.max-connections", settings.maxConnections(),
                "akka.http.server.pipelining-limit", PIPELINED,
                "akka.http.server.server-header", "parley",
                "akka.http.server.remote-address-attribute", "on",
                "akka.http.server.transparent-head-requests", "on",
                "akka.http.server.parsing.error-handler", JsonParsingErrors.class.getName(),
                "akka.http.server.parsing.max-content-length", "infinite")); // the edge counts
    return ServerSettings.create(own.withFallback(system.settings().config()));
  }

  private static Flow<HttpRequest, HttpResponse, NotUsed> connectionFlow(Edge edge) {
    return Flow.<HttpRequest, HttpResponse, NotUsed>fromMaterializer(
            (materializer, attributes) -> {
              Connection connection = Connection.open();
              return Flow.<HttpRequest>create()
                  .watchTermination(
                      (ignored, done) -> {
                        done.whenComplete((end, failure) -> connection.closed().complete(null));
                        return ignored;
                      })
                  .mapAsync(PIPELINED, request -> edge.handle(request, seenBy(request, connection)))
                  .watchTermination(
                      (ignored, done) -> {
                        done.whenComplete((end, failure) -> connection.terminated().complete(null));
                        return ignored;
                      });
            })
        .mapMaterializedValue(ignored -> NotUsed.getInstance());
  }

  /** After {@code Connection: close} no request follows, which looks as if the client had left. */
  private static Connection seenBy(HttpRequest request, Connection connection) {
    boolean last =
        request.protocol().value().equals("HTTP/1.0")
            || request
                .getHeader("Connection")
                .filter(header -> header.value().equalsIgnoreCase("close"))
                .isPresent();
    return last ? connection.halfClosing() : connection;
  }

  private static void stopOnShutdown(
      ActorSystem<?> system, HttpSettings settings, ServerBinding binding, AtomicBoolean stopping) {
    CoordinatedShutdown shutdown = CoordinatedShutdown.get(system);
    shutdown.addTask(
        CoordinatedShutdown.PhaseServiceUnbind(),
        "http-unbind",
        () -> {
          // from now on a cut stream is not the client's wish: its turn goes on elsewhere
          stopping.set(true);
          return binding.unbind().thenApply(done -> Done.getInstance());
        });
    shutdown.addTask(
        CoordinatedShutdown.PhaseServiceRequestsDone(),
        "http-terminate",
        () -> binding.terminate(settings.stopDeadline()).thenApply(ended -> Done.getInstance()));
  }

  /** Where it listens. */
  public InetSocketAddress address() {
    return binding.localAddress();
  }

  /** The routes that are served. */
  public List<Router.Route> routes() {
    return routes;
  }
}
