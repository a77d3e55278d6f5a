package io.parley.node;

import akka.actor.CoordinatedShutdown;
import akka.actor.typed.ActorSystem;
import akka.actor.typed.Props;
import akka.actor.typed.javadsl.Behaviors;
import akka.cluster.MemberStatus;
import akka.cluster.typed.Cluster;
import akka.cluster.typed.Join;
import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import com.typesafe.config.ConfigValueFactory;
import io.parley.node.http.HttpServer;
import io.parley.node.http.HttpSettings;
import io.parley.node.http.ModelCatalog;
import io.parley.node.http.ShardedSessions;
import io.parley.persistence.JournalConfig;
import io.parley.persistence.JournalEndpoint;
import io.parley.persistence.JournalException;
import io.parley.persistence.JournalSchema;
import io.parley.persistence.JournalSettings;
import io.parley.persistence.embedded.EmbeddedCassandra;
import io.parley.persistence.embedded.EmbeddedCassandraListener;
import io.parley.routing.Dispatchers;
import io.parley.routing.RoutingPolicy;
import io.parley.routing.WorkerDirectory;
import io.parley.routing.protocol.ModelInfo;
import io.parley.sessions.DispatcherSubmitter;
import io.parley.sessions.SessionSettings;
import io.parley.sessions.SessionSharding;
import io.parley.workers.ModelWorker;
import io.parley.workers.WorkerSettings;
import java.io.IOException;
import java.net.BindException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;

/**
 * A running node. Starts what its roles ask for, each part when what it needs is there: models,
 * journal, schema, actor system, sessions, workers, and the HTTP edge last, so that an open port
 * means a node that can serve. Stops in the reverse order; the journal outlives everything that
 * writes to it.
 */
public final class Node implements AutoCloseable {
  private static final Duration JOURNAL_PATIENCE = Duration.ofSeconds(60);
  private static final Duration START_PATIENCE = Duration.ofSeconds(60);
  private static final Duration STOP_PATIENCE = Duration.ofSeconds(75);

  private final Config config;
  private final NodeSettings settings;
  private final StartupReporter reporter;
  private Optional<EmbeddedCassandra> cassandra = Optional.empty();
  private Optional<ActorSystem<Void>> system = Optional.empty();
  private Optional<HttpServer> http = Optional.empty();
  private final List<LoadedModel> models = new ArrayList<>();
  private boolean closed; // guarded by this

  private Node(Config config, StartupReporter reporter) {
    this.config = config;
    this.settings = NodeSettings.from(config);
    this.reporter = reporter;
  }

  /**
   * Starts a node and returns when it serves.
   *
   * @param onJournalLost hears that the embedded journal is gone for good; the node must stop
   * @throws StartupException with one line that says why it cannot; nothing is left running
   */
  public static Node start(
      Config config, StartupReporter reporter, Consumer<String> onJournalLost) {
    Node node = new Node(config, reporter);
    try {
      node.start(onJournalLost);
      return node;
    } catch (JournalException | IllegalArgumentException e) {
      node.close();
      throw new StartupException(e.getMessage(), e);
    } catch (RuntimeException e) {
      node.close();
      throw e;
    }
  }

  private void start(Consumer<String> onJournalLost) {
    HttpSettings httpSettings = HttpSettings.of(config);
    JournalSettings journalSettings = JournalSettings.from(config);
    SessionSettings sessionSettings = SessionSettings.from(config);
    WorkerSettings.from(config).requireTwoResendsWithin(sessionSettings.adoptionLease());
    if (settings.roles().contains("api")) {
      HttpServer.requireSafe(httpSettings);
      requireFree(httpSettings);
    }
    if (settings.roles().contains("worker")) {
      for (String model : settings.models()) {
        models.add(LoadedModel.load(model, config, reporter));
      }
    }
    JournalEndpoint journal = startJournal(journalSettings, onJournalLost);
    ActorSystem<Void> actors = startActors(journalSettings, journal);
    SessionSharding.init(actors, sessionSettings, new DispatcherSubmitter(actors));
    if (settings.roles().contains("session")) {
      Dispatchers.get(actors).start(RoutingPolicy.mostFreeSlots());
    }
    startWorkers(actors);
    if (settings.roles().contains("api")) {
      startHttp(actors, httpSettings);
    }
  }

  /** A taken port is better told now than after everything else has started. */
  private static void requireFree(HttpSettings settings) {
    if (settings.port() == 0) {
      return;
    }
    try (ServerSocket probe = new ServerSocket()) {
      probe.setReuseAddress(true);
      probe.bind(new InetSocketAddress(InetAddress.getByName(settings.host()), settings.port()));
    } catch (BindException e) {
      throw portTaken(settings, e);
    } catch (IOException e) {
      throw new StartupException(
          "parley.http.host " + settings.host() + " is no address of this machine", e);
    }
  }

  private static StartupException portTaken(HttpSettings settings, Throwable cause) {
    return new StartupException(
        "port "
            + settings.port()
            + " of "
            + settings.host()
            + " is taken: stop what listens there, or choose another with --port",
        cause);
  }

  private JournalEndpoint startJournal(JournalSettings journal, Consumer<String> onLost) {
    JournalEndpoint endpoint;
    if (journal.isEmbedded()) {
      StartupReporter.Step step = reporter.begin("journal (Cassandra)");
      long patience = journal.embedded().startTimeout().toSeconds();
      EmbeddedCassandra child =
          EmbeddedCassandra.start(
              journal.embedded(),
              settings.data().resolve("cassandra"),
              new EmbeddedCassandraListener() {
                @Override
                public void starting(long seconds) {
                  step.progress(seconds, Math.min(patience, 20));
                }

                @Override
                public void gaveUp(String reason) {
                  onLost.accept(reason);
                }
              });
      cassandra = Optional.of(child);
      endpoint = child.endpoint();
      step.done("process " + child.pid());
    } else {
      endpoint = journal.external().orElseThrow();
    }
    StartupReporter.Step step = reporter.begin("journal's schema");
    JournalSchema.ensure(journal, endpoint, JOURNAL_PATIENCE);
    step.done("");
    return endpoint;
  }

  private ActorSystem<Void> startActors(JournalSettings journal, JournalEndpoint endpoint) {
    StartupReporter.Step step = reporter.begin("cluster");
    Config akka =
        ConfigFactory.empty()
            .withValue("akka.cluster.roles", ConfigValueFactory.fromIterable(settings.roles()))
            .withFallback(JournalConfig.akkaConfig(journal, endpoint))
            .withFallback(config);
    ActorSystem<Void> actors =
        ActorSystem.create(Behaviors.empty(), settings.clusterName(), akka.resolve());
    system = Optional.of(actors);
    Cluster cluster = Cluster.get(actors);
    cluster.manager().tell(Join.create(cluster.selfMember().address()));
    await("the cluster", () -> cluster.selfMember().status() == MemberStatus.up());
    step.done("roles " + String.join(", ", settings.roles().stream().sorted().toList()));
    return actors;
  }

  private void startWorkers(ActorSystem<Void> actors) {
    WorkerDirectory directory = WorkerDirectory.get(actors);
    for (LoadedModel model : models) {
      actors.systemActorOf(
          ModelWorker.create(model::openReplica), "worker-" + model.actorName(), Props.empty());
    }
    for (LoadedModel model : models) {
      await("the worker of " + model.id(), () -> directory.serves(model.id()));
    }
  }

  private void startHttp(ActorSystem<Void> actors, HttpSettings httpSettings) {
    JournalHistory history = new JournalHistory(actors);
    HttpServer.Parts parts =
        new HttpServer.Parts(
            new ShardedSessions(actors, httpSettings),
            catalog(actors),
            history,
            new NodeReadiness(actors, history, this::servedModels));
    try {
      http =
          Optional.of(
              HttpServer.start(actors, httpSettings, parts)
                  .toCompletableFuture()
                  .get(START_PATIENCE.toMillis(), TimeUnit.MILLISECONDS));
    } catch (ExecutionException e) {
      throw portTaken(httpSettings, e.getCause());
    } catch (TimeoutException e) {
      throw new StartupException("the HTTP edge did not open in time", e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new StartupException("interrupted", e);
    }
  }

  private static ModelCatalog catalog(ActorSystem<?> actors) {
    WorkerDirectory directory = WorkerDirectory.get(actors);
    return new ModelCatalog() {
      @Override
      public List<ModelInfo> models() {
        return directory.models();
      }

      @Override
      public Optional<ModelInfo> find(String nameOrId) {
        return directory.find(nameOrId);
      }
    };
  }

  private static void await(String what, BooleanSupplier condition) {
    long deadline = System.nanoTime() + START_PATIENCE.toNanos();
    while (!condition.getAsBoolean()) {
      if (System.nanoTime() - deadline > 0) {
        throw new StartupException(what + " did not come up in time; the log says why");
      }
      try {
        Thread.sleep(20);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new StartupException("interrupted", e);
      }
    }
  }

  /** Where the HTTP edge listens; empty without the role {@code api}. */
  public Optional<InetSocketAddress> httpAddress() {
    return http.map(HttpServer::address);
  }

  /** The models that the cluster serves now. */
  public List<ModelInfo> servedModels() {
    return system.map(actors -> WorkerDirectory.get(actors).models()).orElseGet(List::of);
  }

  /** Blocks until the node has stopped, by {@link #close()} or by itself. */
  public void awaitStop() throws InterruptedException {
    if (system.isEmpty()) {
      return;
    }
    try {
      system.get().getWhenTerminated().toCompletableFuture().get();
    } catch (ExecutionException e) {
      throw new IllegalStateException(e.getCause());
    }
  }

  /** Hands over, stops everything in order, the journal last. Safe to call again. */
  @Override
  public synchronized void close() {
    if (closed) {
      return;
    }
    closed = true;
    List<Exception> problems = new ArrayList<>();
    system.ifPresent(
        actors -> {
          try {
            CoordinatedShutdown.get(actors)
                .runAll(CoordinatedShutdown.jvmExitReason())
                .toCompletableFuture()
                .get(STOP_PATIENCE.toMillis(), TimeUnit.MILLISECONDS);
          } catch (ExecutionException | TimeoutException e) {
            problems.add(e);
          } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
          }
        });
    models.forEach(LoadedModel::close);
    cassandra.ifPresent(EmbeddedCassandra::close);
    if (!problems.isEmpty()) {
      throw new IllegalStateException("the node did not stop in order", problems.get(0));
    }
  }
}
