package io.parley.node;

import akka.actor.CoordinatedShutdown;
import akka.actor.typed.ActorRef;
import akka.actor.typed.ActorSystem;
import akka.actor.typed.Props;
import akka.actor.typed.javadsl.Behaviors;
import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import com.typesafe.config.ConfigValueFactory;
import io.parley.node.NodePlan.JournalUse;
import io.parley.node.audit.JournalAudit;
import io.parley.node.bulk.BulkException;
import io.parley.node.bulk.BulkNode;
import io.parley.node.bulk.EmbeddedKafka;
import io.parley.node.cluster.NodeAgent;
import io.parley.node.http.Audit;
import io.parley.node.http.BatchTurns;
import io.parley.node.http.BulkView;
import io.parley.node.http.HttpServer;
import io.parley.node.http.HttpSettings;
import io.parley.node.http.ManagementSettings;
import io.parley.node.http.ModelCatalog;
import io.parley.node.http.SessionGateway;
import io.parley.node.http.ShardedSessions;
import io.parley.node.http.WorkerEmbeddings;
import io.parley.node.models.ModelFailure;
import io.parley.node.models.NodeModels;
import io.parley.persistence.CassandraCheckpoints;
import io.parley.persistence.CassandraRunningTurns;
import io.parley.persistence.JournalConfig;
import io.parley.persistence.JournalException;
import io.parley.persistence.JournalProbe;
import io.parley.persistence.RunningTurns;
import io.parley.persistence.chain.CheckpointKeys;
import io.parley.persistence.chain.Checkpoints;
import io.parley.persistence.embedded.ChildListener;
import io.parley.persistence.embedded.EmbeddedCassandra;
import io.parley.routing.Dispatchers;
import io.parley.routing.EmbeddingDispatcher;
import io.parley.routing.WorkerDirectory;
import io.parley.routing.protocol.ModelId;
import io.parley.routing.protocol.ModelInfo;
import io.parley.sessions.DispatcherSubmitter;
import io.parley.sessions.SessionSharding;
import io.parley.workers.engine.tensorflow.TensorFlowEngine;
import java.io.IOException;
import java.net.BindException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.time.Duration;
import java.time.InstantSource;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.BooleanSupplier;
import java.util.function.Function;
import java.util.stream.Stream;

/**
 * A running node. Starts what its roles ask for, each part when what it needs is there: models
 * beside the journal and its schema, actor system, sessions, workers, the management listener, and
 * the HTTP edge last, so that an open port means a node that can serve. Stops in the reverse order;
 * the journal outlives everything that writes to it.
 */
public final class Node implements AutoCloseable {
  private static final Duration START_PATIENCE = Duration.ofSeconds(60);

  private final NodePlan plan;
  private final StartupReporter reporter;
  private Optional<Starting<NodeJournal>> journal = Optional.empty();
  private final StartModels startModels;
  private Optional<Starting<List<NodeModels.Ready>>> models = Optional.empty();
  private Optional<Starting<EmbeddedKafka>> broker = Optional.empty();
  private Optional<ActorSystem<Void>> system = Optional.empty();
  private Optional<Membership> membership = Optional.empty();
  private Optional<HttpServer> http = Optional.empty();
  private Optional<HttpServer> management = Optional.empty();
  private Optional<ManagementAddress> published = Optional.empty();
  private boolean closed; // guarded by this

  private Node(NodePlan plan, StartupReporter reporter) {
    this.plan = plan;
    this.reporter = reporter;
    this.startModels = new StartModels(plan, reporter);
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
    } catch (JournalException | BulkException | IllegalArgumentException | ModelFailure e) {
      node.close();
      throw new StartupException(e.getMessage(), e);
    } catch (RuntimeException e) {
      node.close();
      throw e;
    }
  }

  private void start(DataFolder data, JournalListener listener) {
    checkSurroundings(data);
    CheckpointKeys checkpointKeys = plan.audit().checkpoint().keys();
    boolean writes = plan.journalUse() == JournalUse.WRITE;
    // before anything has been started or written: here most bad starts end
    List<NodeModels.Ready> obtained = has("worker") ? startModels.obtain() : List.of();
    // neither needs the other, and both take seconds
    models = Optional.of(Starting.inBackground("models", () -> startModels.load(obtained)));
    if (plan.journalUse() != JournalUse.NONE) {
      journal =
          Optional.of(
              Starting.inBackground(
                  "journal", () -> NodeJournal.start(plan, data, reporter, listener)));
    }
    if (plan.embedsBroker()) {
      broker = Optional.of(Starting.inBackground("kafka", () -> startBroker(data)));
    }
    Starting.awaitAll(
        Stream.of(models.stream(), journal.stream(), broker.stream())
            .flatMap(each -> each)
            .toList());
    ActorSystem<Void> actors = startActors();
    if (writes) {
      probeJournal(actors);
    }
    RunningTurns running = new CassandraRunningTurns(actors);
    BooleanSupplier mayWrite =
        writes ? membership.orElseThrow().startPulse()::mayWrite : () -> false;
    Checkpoints checkpoints =
        CassandraCheckpoints.signedBy(checkpointKeys, actors, InstantSource.system());
    SessionSharding.init(
        actors, plan.session(), new DispatcherSubmitter(actors), running, mayWrite, checkpoints);
    if (writes) {
      Dispatchers.get(actors).local(); // a session that came at once has started it perhaps
    }
    Optional<ActorRef<NodeModels.Command>> owner =
        has("worker") ? Optional.of(startWorkers(actors, models.get().result())) : Optional.empty();
    if (writes) {
      SessionSharding.resumeTurns(actors, plan.session(), running);
    }
    NodeAgent.start(actors, owner);
    Optional<Audit> audit =
        plan.journalUse() == JournalUse.NONE
            ? Optional.empty()
            : Optional.of(new JournalAudit(actors, checkpointKeys, plan.audit().accessRetention()));
    if (!has("api") && !has("bulk")) {
      startManagement(actors, owner, audit, Optional.empty(), data);
      return;
    }
    SessionGateway sessions = new ShardedSessions(actors, plan.http());
    Optional<BulkView> bulk =
        has("bulk") ? Optional.of(startBulk(actors, sessions).view()) : Optional.empty();
    startManagement(actors, owner, audit, bulk, data);
    if (has("api")) {
      startHttp(actors, audit.orElseThrow(), sessions, bulk);
    }
  }

  private EmbeddedKafka startBroker(DataFolder data) {
    StartupReporter.Step step = reporter.begin("broker (Kafka)");
    long patience = plan.bulk().embedded().startTimeout().toSeconds();
    EmbeddedKafka started =
        EmbeddedKafka.start(
            plan.bulk().embedded(),
            data.path().resolve("kafka"),
            new ChildListener() {
              @Override
              public void starting(long seconds) {
                step.progress(seconds, patience);
              }
            });
    step.done("process " + started.pid());
    return started;
  }

  private BulkNode startBulk(ActorSystem<Void> actors, SessionGateway sessions) {
    StartupReporter.Step step = reporter.begin("bulk");
    String servers =
        broker
            .map(own -> own.result().bootstrapServer())
            .orElseGet(() -> String.join(",", plan.bulk().bootstrapServers()));
    BulkNode started =
        BulkNode.start(
            actors,
            plan.bulk(),
            servers,
            new BatchTurns(actors, plan.http(), sessions, catalog(actors)));
    step.done(plan.bulk().topics().requests() + " at " + servers);
    return started;
  }

  private boolean has(String role) {
    return plan.node().roles().contains(role);
  }

  /** What can be seen to be wrong at once is better told now than after everything has started. */
  private void checkSurroundings(DataFolder data) {
    if (has("api")) {
      HttpServer.requireSafe(plan.http());
      requireFree("parley.http.host", plan.http().host(), plan.http().port(), "--port");
    }
    ManagementSettings managed = plan.management();
    HttpServer.requireSafe(managed);
    requireFree(
        "parley.management.host", managed.host(), managed.port(), "-D parley.management.port=PORT");
    requireFree(
        "parley.cluster.bind-host",
        plan.cluster().listenHost(),
        plan.cluster().port(),
        "--bind HOST:PORT");
    if (plan.embedsJournal()) {
      EmbeddedCassandra.check(plan.journal().embedded(), data.path().resolve("cassandra"));
    }
  }

  private static void requireFree(String key, String host, int port, String option) {
    if (port == 0) {
      return;
    }
    try (ServerSocket probe = new ServerSocket()) {
      probe.setReuseAddress(true);
      probe.bind(new InetSocketAddress(InetAddress.getByName(host), port));
    } catch (BindException e) {
      throw portTaken(host, port, option, e);
    } catch (IOException e) {
      throw new StartupException(key + " " + host + " is no address of this machine", e);
    }
  }

  private static StartupException portTaken(String host, int port, String option, Throwable cause) {
    return new StartupException(
        "port "
            + port
            + " of "
            + host
            + " is taken: stop what listens there, or choose another with "
            + option,
        cause);
  }

  private ActorSystem<Void> startActors() {
    StartupReporter.Step step = reporter.begin("cluster");
    ClusterTerms terms = ClusterTerms.of(plan, journal.map(own -> own.result().id()));
    Config akka =
        ConfigFactory.empty()
            .withValue("akka.cluster.roles", ConfigValueFactory.fromIterable(plan.node().roles()))
            .withFallback(Membership.config(plan, terms))
            .withFallback(journalConfig())
            .withFallback(StopTimes.from(plan.config()).phases())
            .withFallback(plan.config());
    ActorSystem<Void> actors =
        ActorSystem.create(Behaviors.empty(), Membership.SYSTEM, akka.resolve());
    system = Optional.of(actors);
    Membership entered = new Membership(actors, plan, terms);
    membership = Optional.of(entered);
    Optional<UUID> claim = entered.enter(() -> journal.ifPresent(own -> own.result().take()));
    if (plan.journalUse() == JournalUse.WRITE) {
      NodeJournal own = journal.orElseThrow().result();
      claim.ifPresent(own::share);
      claim = claim.or(own::claim);
    }
    entered.openDoor(claim);
    step.done(
        (entered.hasFormed() ? "formed" : "joined")
            + " at "
            + entered.address()
            + ", roles "
            + String.join(", ", plan.node().roles().stream().sorted().toList()));
    return actors;
  }

  private Config journalConfig() {
    return switch (plan.journalUse()) {
      case NONE -> ConfigFactory.empty();
      case READ ->
          JournalConfig.readerConfig(plan.journal(), journal.orElseThrow().result().endpoint());
      case WRITE ->
          JournalConfig.akkaConfig(plan.journal(), journal.orElseThrow().result().endpoint());
    };
  }

  private ActorRef<NodeModels.Command> startWorkers(
      ActorSystem<Void> actors, List<NodeModels.Ready> loaded) {
    WorkerDirectory directory = WorkerDirectory.get(actors);
    NodeModels.Surroundings surroundings =
        new NodeModels.Surroundings(
            plan.models(),
            plan.memoryBudget(),
            TensorFlowEngine.keepsMemory(plan.engine()),
            order -> ModelKinds.of(order, plan.config()),
            directory::servesHere);
    ActorRef<NodeModels.Command> owner =
        actors.systemActorOf(
            NodeModels.create(surroundings, loaded), "parley-models", Props.empty());
    for (NodeModels.Ready ready : loaded) {
      ModelId id = ready.model().id();
      await("the worker of " + id, () -> directory.servesHere(id));
    }
    return owner;
  }

  private void startManagement(
      ActorSystem<Void> actors,
      Optional<ActorRef<NodeModels.Command>> owner,
      Optional<Audit> audit,
      Optional<BulkView> bulk,
      DataFolder data) {
    ManagementSettings settings = plan.management();
    HttpServer listener =
        opened(
            HttpServer.startManagement(actors, plan.http(), settings, owner, audit, bulk),
            "the management listener",
            cause ->
                portTaken(
                    settings.host(), settings.port(), "-D parley.management.port=PORT", cause));
    management = Optional.of(listener);
    published = Optional.of(ManagementAddress.publish(data.path(), listener.address()));
  }

  private void startHttp(
      ActorSystem<Void> actors, Audit audit, SessionGateway sessions, Optional<BulkView> bulk) {
    HttpSettings httpSettings = plan.http();
    JournalHistory history = new JournalHistory(actors);
    HttpServer.Parts parts =
        new HttpServer.Parts(
            sessions,
            catalog(actors),
            new WorkerEmbeddings(actors, EmbeddingDispatcher.start(actors), httpSettings),
            history,
            audit,
            new NodeReadiness(actors, history, this::servedModels, bulk));
    http =
        Optional.of(
            opened(
                HttpServer.start(actors, httpSettings, parts),
                "the HTTP edge",
                cause -> portTaken(httpSettings.host(), httpSettings.port(), "--port", cause)));
  }

  private static HttpServer opened(
      CompletionStage<HttpServer> server,
      String what,
      Function<Throwable, StartupException> failed) {
    try {
      return server.toCompletableFuture().get(START_PATIENCE.toMillis(), TimeUnit.MILLISECONDS);
    } catch (ExecutionException e) {
      throw failed.apply(e.getCause());
    } catch (TimeoutException e) {
      throw new StartupException(what + " did not open in time", e);
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

      @Override
      public boolean hasHeard() {
        return directory.hasHeard();
      }
    };
  }

  private static void probeJournal(ActorSystem<Void> actors) {
    try {
      JournalProbe.run(actors)
          .toCompletableFuture()
          .get(START_PATIENCE.toMillis(), TimeUnit.MILLISECONDS);
    } catch (ExecutionException | TimeoutException e) {
      throw new StartupException("the journal went away while the node started: start it again", e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new StartupException("interrupted while the journal was asked", e);
    }
  }

  private static void await(String what, BooleanSupplier condition) {
    if (!Waiting.until(System.nanoTime() + START_PATIENCE.toNanos(), condition)) {
      throw new StartupException(what + " did not come up in time; the log says why");
    }
  }

  /** Where other nodes reach this one. */
  public String clusterAddress() {
    return membership.map(own -> own.address().toString()).orElse("");
  }

  /** Where Cassandra answers, when it is this node's own. */
  public Optional<String> embeddedJournal() {
    return plan.embedsJournal()
        ? journal.map(own -> own.result().endpoint().contactPoints().get(0))
        : Optional.empty();
  }

  /** Where Kafka answers, when it is this node's own. */
  public Optional<String> embeddedBroker() {
    return broker.map(own -> own.result().bootstrapServer());
  }

  /** Where the HTTP edge listens; empty without the role {@code api}. */
  public Optional<InetSocketAddress> httpAddress() {
    return http.map(HttpServer::address);
  }

  /** Where the management listener listens. */
  public Optional<InetSocketAddress> managementAddress() {
    return management.map(HttpServer::address);
  }

  /** The models that the cluster serves now. */
  public List<ModelInfo> servedModels() {
    return system.map(actors -> WorkerDirectory.get(actors).models()).orElseGet(List::of);
  }

  /**
   * How a node ended that nobody had stopped on its own machine.
   *
   * @param wanted whether an operator had it leave its cluster
   * @param why for people
   */
  public record End(boolean wanted, String why) {}

  /**
   * Has the JVM do something when it ends, with the node still connected to the others. A hook that
   * Akka knows nothing of would not do: its own closes all connections as soon as none of these
   * runs.
   */
  public void atJvmEnd(Runnable action) {
    CoordinatedShutdown shutdown = CoordinatedShutdown.get(system.orElseThrow());
    if (shutdown.addCancellableJvmShutdownHook(action).isCancelled()) { // it stops already
      Runtime.getRuntime().addShutdownHook(new Thread(action, "stop"));
    }
  }

  /** Blocks until the node has stopped, by {@link #close()} or by itself. */
  public End awaitStop() throws InterruptedException {
    ActorSystem<Void> actors = system.orElseThrow();
    try {
      actors.getWhenTerminated().toCompletableFuture().get();
    } catch (ExecutionException e) {
      throw new IllegalStateException(e.getCause());
    }
    CoordinatedShutdown.Reason reason =
        CoordinatedShutdown.get(actors).getShutdownReason().orElse(null);
    if (reason instanceof NodeAgent.Drained) {
      return new End(true, "it was drained");
    }
    if (CoordinatedShutdown.clusterLeavingReason().equals(reason)) {
      return new End(true, "it was told to leave its cluster");
    }
    if (reason instanceof Membership.StoodStill still) {
      return new End(false, still + ": start it again");
    }
    return new End(
        false,
        CoordinatedShutdown.clusterDowningReason().equals(reason)
            ? "its cluster gave this node up, since they could not reach each other: start it again"
            : "its actors ended by themselves; the log says why");
  }

  /** Hands over, stops everything in order, the journal last. Safe to call again. */
  @Override
  public synchronized void close() {
    if (closed) {
      return;
    }
    closed = true;
    published.ifPresent(ManagementAddress::withdraw);
    Duration stopPatience = StopTimes.from(plan.config()).patience();
    Optional<Exception> problem = system.flatMap(actors -> ActorStop.run(actors, stopPatience));
    models.ifPresent(
        starting ->
            starting.close(all -> all.forEach(ready -> ready.model().close()), Duration.ZERO));
    broker.ifPresent(
        starting ->
            starting.close(
                EmbeddedKafka::close, plan.embedsBroker() ? stopPatience : Duration.ZERO));
    boolean last = membership.map(Membership::isLastWriter).orElse(true);
    // a child process is waited for; a driver that tries to connect ends with this one
    Duration journalPatience = plan.embedsJournal() ? stopPatience : Duration.ZERO;
    journal.ifPresent(
        starting -> starting.close(own -> own.close(problem.isEmpty() && last), journalPatience));
    problem
        .filter(why -> !(why instanceof InterruptedException))
        .ifPresent(
            why -> {
              throw new IllegalStateException("the node did not stop in order", why);
            });
  }
}
