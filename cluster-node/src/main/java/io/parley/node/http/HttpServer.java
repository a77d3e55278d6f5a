package io.parley.node.http;

import akka.Done;
import akka.actor.CoordinatedShutdown;
import akka.actor.typed.ActorRef;
import akka.actor.typed.ActorSystem;
import akka.http.javadsl.Http;
import akka.http.javadsl.ServerBinding;
import akka.http.javadsl.settings.ServerSettings;
import akka.stream.javadsl.Sink;
import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import io.parley.node.models.NodeModels;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletionStage;

/**
 * An HTTP server of a node: the edge, or the management listener. Both treat connections, bodies,
 * keys and failures alike.
 */
public final class HttpServer {
  private final ServerBinding binding;
  private final Connections connections;
  private final List<Router.Route> routes;

  private HttpServer(ServerBinding binding, Connections connections, List<Router.Route> routes) {
    this.binding = binding;
    this.connections = connections;
    this.routes = routes;
  }

  /** What the edge needs of the rest of the node. */
  public record Parts(
      SessionGateway sessions,
      ModelCatalog models,
      Embeddings embeddings,
      EventHistory history,
      Audit audit,
      Readiness readiness) {}

  /**
   * Binds, and adds an orderly end to the coordinated shutdown: nothing new is taken, open streams
   * end after {@code stream-grace}, and running requests may go on until {@code stop-deadline}.
   *
   * @throws IllegalArgumentException when the address is not loopback and nobody has to log in, or
   *     the keys cannot be read; the stage fails with a BindException when the port is taken
   */
  public static CompletionStage<HttpServer> start(
      ActorSystem<?> system, HttpSettings settings, Parts parts) {
    ApiKeys keys = requireSafe(settings);
    Stopping stopping = Stopping.notYet();
    Router router = router(system, settings, parts, stopping);
    Place place = new Place("http", settings.host(), settings.port());
    return bind(system, settings, place, keys, router, stopping);
  }

  /**
   * The same for the management listener.
   *
   * @param settings its limits are the edge's
   * @param models the owner of this node's models, if it has the role {@code worker}
   * @param audit empty on a node without a journal
   * @param bulk where bulk stands, if it has the role {@code bulk}
   */
  public static CompletionStage<HttpServer> startManagement(
      ActorSystem<?> system,
      HttpSettings settings,
      ManagementSettings management,
      Optional<ActorRef<NodeModels.Command>> models,
      Optional<Audit> audit,
      Optional<BulkView> bulk) {
    ApiKeys keys = requireSafe(management);
    Router router = new Router();
    new ManagementRoutes(system, models).addTo(router);
    new ClusterRoutes(system).addTo(router);
    new BulkRoutes(bulk).addTo(router);
    new AuditRoutes(audit, "management", settings).addForOperators(router);
    Place place = new Place("management", management.host(), management.port());
    return bind(system, settings, place, keys, router, Stopping.notYet());
  }

  private record Place(String name, String host, int port) {}

  private static CompletionStage<HttpServer> bind(
      ActorSystem<?> system,
      HttpSettings settings,
      Place place,
      ApiKeys keys,
      Router router,
      Stopping stopping) {
    Edge edge = new Edge(router, keys, settings, system, stopping);
    Connections connections = new Connections(edge, settings, system, stopping);
    return Http.get(system)
        .newServerAt(place.host(), place.port())
        .withSettings(serverSettings(system, settings))
        .connectionSource()
        .mapAsyncUnordered(settings.maxConnections(), connections::serve)
        .to(Sink.ignore())
        .run(system)
        .thenApply(
            binding -> {
              stopOnShutdown(system, place, binding, connections, stopping);
              return new HttpServer(binding, connections, router.routes());
            });
  }

  private static Router router(
      ActorSystem<?> system, HttpSettings settings, Parts parts, Stopping stopping) {
    Sessions sessions = new Sessions(parts.sessions(), settings);
    TurnReader reader = new TurnReader(parts.sessions(), settings, system);
    Turns turns = new Turns(sessions, reader, settings, system, stopping);
    ModelRoutes models = new ModelRoutes(parts.models(), settings);
    Router router = new Router();
    models.addTo(router);
    new ChatRoutes(turns, models).addTo(router);
    new ResponseRoutes(turns, sessions, models).addTo(router);
    new EmbeddingRoutes(parts.embeddings(), models).addTo(router);
    new ConversationRoutes(sessions).addTo(router);
    new SessionRoutes(turns, sessions, parts.history(), settings, system).addTo(router);
    new AuditRoutes(Optional.of(parts.audit()), "edge", settings).addForTenants(router);
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
    ApiKeys keys = keys("parley.http", settings.apiKeysFile());
    if (keys.isEmpty() && !settings.insecure() && !isLoopback("parley.http", settings.host())) {
      throw new IllegalArgumentException(
          "parley.http.host "
              + settings.host()
              + " can be reached by others: set parley.http.api-keys-file, or"
              + " parley.http.insecure if that is wanted");
    }
    return keys;
  }

  /** The same for the management listener, which others can never reach without a key. */
  public static ApiKeys requireSafe(ManagementSettings settings) {
    ApiKeys keys = keys("parley.management", settings.apiKeysFile());
    if (keys.isEmpty() && !isLoopback("parley.management", settings.host())) {
      throw new IllegalArgumentException(
          "parley.management.host "
              + settings.host()
              + " can be reached by others: set parley.management.api-keys-file");
    }
    return keys;
  }

  private static ApiKeys keys(String section, Optional<Path> file) {
    try {
      return file.isPresent() ? ApiKeys.read(file.get()) : ApiKeys.none();
    } catch (IOException e) {
      throw new IllegalArgumentException(
          section + ".api-keys-file " + file.get() + " cannot be read", e);
    }
  }

  private static boolean isLoopback(String section, String host) {
    try {
      return InetAddress.getByName(host).isLoopbackAddress();
    } catch (UnknownHostException e) {
      throw new IllegalArgumentException(
          section + ".host " + host + " is no address of this machine", e);
    }
  }

  private static ServerSettings serverSettings(ActorSystem<?> system, HttpSettings settings) {
    Config own =
        ConfigFactory.parseMap(
            Map.of(
                "akka.http.server.request-timeout", "infinite", // every wait here has its own bound
                "akka.http.server.idle-timeout", settings.idleTimeout().toMillis() + " ms",
                // reads on behind a last request, so that a reset is seen while it is answered
                "akka.http.server.linger-timeout", settings.idleTimeout().toMillis() + " ms",
                "akka.http.server.pipelining-limit", Connections.PIPELINED,
                "akka.http.server.server-header", "parley",
                "akka.http.server.remote-address-attribute", "on",
                "akka.http.server.transparent-head-requests", "on",
                "akka.http.server.parsing.error-handler", JsonParsingErrors.class.getName(),
                "akka.http.server.parsing.max-content-length", "infinite")); // the edge counts
    // a burst of clients waits in the backlog; past it the system resets some of them
    return ServerSettings.create(own.withFallback(system.settings().config()))
        .withBacklog(settings.maxConnections());
  }

  private static void stopOnShutdown(
      ActorSystem<?> system,
      Place place,
      ServerBinding binding,
      Connections connections,
      Stopping stopping) {
    CoordinatedShutdown shutdown = CoordinatedShutdown.get(system);
    shutdown.addTask(
        CoordinatedShutdown.PhaseServiceUnbind(),
        place.name() + "-unbind",
        () -> {
          // from now on a cut stream is not the client's wish: its turn goes on elsewhere
          stopping.begun().give();
          return binding.unbind().thenApply(done -> Done.getInstance());
        });
    shutdown.addTask(
        CoordinatedShutdown.PhaseServiceRequestsDone(),
        place.name() + "-terminate",
        connections::end);
  }

  /** Where it listens. */
  public InetSocketAddress address() {
    return binding.localAddress();
  }

  /** How many connections are open. */
  int connections() {
    return connections.count();
  }

  /** The routes that are served. */
  public List<Router.Route> routes() {
    return routes;
  }
}
