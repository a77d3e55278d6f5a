package io.parley.node;

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
import io.parley.node.http.WorkerEmbeddings;
import io.parley.persistence.CassandraRunningTurns;
import io.parley.persistence.JournalConfig;
import io.parley.persistence.JournalEndpoint;
import io.parley.persistence.JournalException;
import io.parley.persistence.RunningTurns;
import io.parley.persistence.embedded.EmbeddedCassandra;
import io.parley.routing.Dispatchers;
import io.parley.routing.RoutingPolicy;
import io.parley.routing.WorkerDirectory;
import io.parley.routing.protocol.ModelId;
import io.parley.routing.protocol.ModelInfo;
import io.parley.sessions.DispatcherSubmitter;
import io.parley.sessions.SessionSharding;
import java.io.IOException;
import java.net.BindException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.BooleanSupplier;

/**
 * A running node. Starts what its roles ask for, each part when what it needs is there: models
 * beside the journal and its schema, actor system, sessions, workers, and the HTTP edge last, so
 * that an open port means a node that can serve. Stops in the reverse order; the journal outlives
 * everything that writes to it.
 */
public final class Node implements AutoCloseable {
  private static final Duration START_PATIENCE = Duration.ofSeconds(60);

  private final NodePlan plan;
  private final StartupReporter reporter;
  private Optional<Starting<NodeJournal>> journal = Optional.empty();
  private Optional<Starting<List<ServedModel>>> models = Optional.empty();
  private Optional<ActorSystem<Void>> system = Optional.empty();
  private Optional<HttpServer> http = Optional.empty();
  private boolean closed; // guarded by this

  private Node(NodePlan plan, StartupReporter reporter) {
    this.plan = plan;
    this.reporter = reporter;
  }

  /**
   * Starts a node and returns when it serves.
   *
   * @param data the node's folder, which the caller holds
   * @param listener hears that the node must stop because of its journal
   * @throws StartupException with one line that says why it cannot; nothing is left running
   */
  public static Node start(
      NodePlan plan, DataFolder data, StartupReporter reporter, JournalListener listener) {
    Node node = new Node(plan, reporter);
    try {
      node.start(data, listener);
      return node;
    } catch (JournalException | IllegalArgumentException e) {
      node.close();
      throw new StartupException(e.getMessage(), e);
    } catch (RuntimeException e) {
      node.close();
      throw e;
    }
  }

  private void start(DataFolder data, JournalListener listener) {
    checkSurroundings(data);
    // before anything has been started or written: here most bad starts end
    List<ServedModel> obtained =
        has("worker")
            ? plan.node().models().stream()
                .map(model -> ServedModel.obtain(model, plan.config(), reporter))
                .toList()
            : List.of();
    // neither needs the other, and both take seconds
    journal =
        Optional.of(
            Starting.inBackground(
                "journal", () -> NodeJournal.start(plan, data, reporter, listener)));
    models = Optional.of(Starting.inBackground("models", () -> load(obtained)));
    Starting.awaitBoth(journal.get(), models.get());
    ActorSystem<Void> actors = startActors(journal.get().result().endpoint());
    RunningTurns running = new CassandraRunningTurns(actors);
    SessionSharding.init(actors, plan.session(), new DispatcherSubmitter(actors), running);
    if (has("session")) {
      Dispatchers.get(actors).start(RoutingPolicy.mostFreeSlots());
    }
    startWorkers(actors, models.get().result());
    if (has("session")) {
      SessionSharding.resumeTurns(actors, plan.session(), running);
    }
    if (has("api")) {
      startHttp(actors);
    }
  }

  private boolean has(String role) {
    return plan.node().roles().contains(role);
  }

  /** What can be seen to be wrong at once is better told now than after everything has started. */
  private void checkSurroundings(DataFolder data) {
    if (has("api")) {
      HttpServer.requireSafe(plan.http());
      requireFree(plan.http());
    }
    if (plan.journal().isEmbedded()) {
      EmbeddedCassandra.check(plan.journal().embedded(), data.path().resolve("cassandra"));
    }
  }

  private List<ServedModel> load(List<ServedModel> obtained) {
    try {
      obtained.forEach(model -> model.load(reporter));
      return obtained;
    } catch (RuntimeException e) {
      obtained.forEach(ServedModel::close);
      throw e;
    }
  }

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

  private ActorSystem<Void> startActors(JournalEndpoint endpoint) {
    StartupReporter.Step step = reporter.begin("cluster");
    Config akka =
        ConfigFactory.empty()
            .withValue("akka.cluster.roles", ConfigValueFactory.fromIterable(plan.node().roles()))
            .withFallback(JournalConfig.akkaConfig(plan.journal(), endpoint))
            .withFallback(StopTimes.from(plan.config()).phases())
            .withFallback(plan.config());
    ActorSystem<Void> actors =
        ActorSystem.create(Behaviors.empty(), plan.node().clusterName(), akka.resolve());
    system = Optional.of(actors);
    Cluster cluster = Cluster.get(actors);
    cluster.manager().tell(Join.create(cluster.selfMember().address()));
    await("the cluster", () -> cluster.selfMember().status() == MemberStatus.up());
    step.done("roles " + String.join(", ", plan.node().roles().stream().sorted().toList()));
    return actors;
  }

  private static void startWorkers(ActorSystem<Void> actors, List<ServedModel> models) {
    WorkerDirectory directory = WorkerDirectory.get(actors);
    for (ServedModel model : models) {
      actors.systemActorOf(model.worker(), "worker-" + model.actorName(), Props.empty());
    }
    for (ServedModel model : models) {
      ModelId id = model.info().id();
      await("the worker of " + id, () -> directory.serves(id));
    }
  }

  private void startHttp(ActorSystem<Void> actors) {
    HttpSettings httpSettings = plan.http();
    JournalHistory history = new JournalHistory(actors);
    HttpServer.Parts parts =
        new HttpServer.Parts(
            new ShardedSessions(actors, httpSettings),
            catalog(actors),
            new WorkerEmbeddings(actors, httpSettings),
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
    Duration stopPatience = StopTimes.from(plan.config()).patience();
    Optional<Exception> problem = system.flatMap(actors -> ActorStop.run(actors, stopPatience));
    models.ifPresent(
        starting -> starting.close(all -> all.forEach(ServedModel::close), Duration.ZERO));
    // a child process is waited for; a driver that tries to connect ends with this one
    Duration journalPatience = plan.journal().isEmbedded() ? stopPatience : Duration.ZERO;
    journal.ifPresent(
        starting -> starting.close(own -> own.close(problem.isEmpty()), journalPatience));
    problem
        .filter(why -> !(why instanceof InterruptedException))
        .ifPresent(
            why -> {
              throw new IllegalStateException("the node did not stop in order", why);
            });
  }
}
