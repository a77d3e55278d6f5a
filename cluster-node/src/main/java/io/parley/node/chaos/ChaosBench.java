package io.parley.node.chaos;

import io.parley.node.chaos.Injection.Touches;
import io.parley.node.chaos.Violation.Check;
import io.parley.node.http.ApiKeys;
import io.parley.routing.protocol.TenantId;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.stream.Stream;

/**
 * Runs a {@link ChaosPlan}: a Cassandra, nodes as processes, clients that converse all the time,
 * one fault behind the other. Each session is compared with the journal when its clients are done.
 */
public final class ChaosBench implements AutoCloseable {
  private static final int TRIES_MAX = 3;
  private static final List<String> TENANTS = List.of("acme", "bolt", "crow");
  private static final String HEAP = "640m";

  private final ChaosPlan plan;
  private final Consumer<String> progress;
  private final Path folder;
  private final List<Tenant> tenants = new ArrayList<>();
  private final List<FaultResult> results = new ArrayList<>();
  private final List<Violation> violations = new ArrayList<>();
  private final List<String> unproven = new ArrayList<>();
  private int checkedSessions;
  private int checkedTurns;
  private long checkedTokens;
  private int lateRows;
  private volatile NodeNetwork network = new NodeNetwork.Loopback();
  private volatile NodeCluster cluster;

  /**
   * @param progress gets a line for each fault
   */
  public ChaosBench(ChaosPlan plan, Consumer<String> progress) throws IOException {
    this.plan = plan;
    this.progress = progress;
    this.folder =
        plan.keep().isPresent()
            ? Files.createDirectories(plan.keep().get()).toAbsolutePath()
            : Files.createTempDirectory("parley-chaos");
  }

  /** Runs to its end. Nothing that it started lives on behind it. */
  public ChaosReport run() throws InterruptedException, IOException {
    long begin = System.nanoTime();
    boolean wantsCuts = plan.kinds().stream().anyMatch(kind -> kind.startsWith("partition"));
    if (wantsCuts) {
      network = Namespaces.make(NodeCluster.NODES_MAX).orElse(network);
    }
    try (HistoryFiles files = HistoryFiles.in(folder)) {
      cluster = NodeCluster.in(folder, network, setting());
      List<String> leftOut = strike(files);
      ChaosReport report =
          ChaosReport.of(
              plan,
              (System.nanoTime() - begin) / 1e9,
              results,
              leftOut,
              new ChaosReport.Checked(checkedSessions, checkedTurns, checkedTokens, lateRows),
              violations,
              unproven,
              folder.toString());
      close();
      return report.isSound() && plan.keep().isEmpty() ? withoutFolder(report) : report;
    } finally {
      close();
    }
  }

  private NodeCluster.Setting setting() throws IOException {
    Path keys = folder.resolve("keys");
    List<String> lines = new ArrayList<>();
    for (String name : Stream.concat(TENANTS.stream(), Stream.of("greedy")).toList()) {
      ApiKeys.NewKey made = ApiKeys.create(new TenantId(name), "");
      lines.add(made.line());
      tenants.add(new Tenant(name, made.key()));
    }
    Files.write(keys, lines);
    List<String> options = new ArrayList<>(List.of("--api-keys", keys.toString()));
    Map<String, String> keyed =
        Map.of(
            "parley.management.api-keys-file", '"' + keys.toString() + '"',
            "parley.http.keep-alive", "2s", // clients tell by it that a node stands still
            "parley.session.memory-budget", "40MiB",
            "parley.routing.queue-capacity", "16");
    keyed.forEach((key, value) -> options.addAll(List.of("-D", key + "=" + value)));
    return new NodeCluster.Setting(
        options, Map.of("PARLEY_HEAP", HEAP), Optional.of(tenants.get(0).apiKey()));
  }

  private List<String> strike(HistoryFiles files) throws InterruptedException {
    start();
    Edges edges = new Edges(cluster.nodes().stream().filter(NodeProcess::hasEdge).toList());
    History history = new History();
    int last = tenants.size() - 1;
    try (Clients clients =
            new Clients(edges, history, tenants.subList(0, last), tenants.get(last), plan.seed());
        JournalReader journal = new JournalReader(edges, cluster.cassandra().endpoint())) {
      ChaosRun run = new ChaosRun(plan, cluster, edges, history, clients, journal);
      run.awaitWhole();
      List<Fault> kinds = Faults.named(plan.kinds());
      List<Fault> possible = kinds.stream().filter(fault -> fault.isPossible(run)).toList();
      clients.converse(plan.sessions());
      try {
        strikeAll(run, possible, files);
        clients.stopConversing();
        run.await("the ends of all conversations", () -> checkFinished(run, files));
      } catch (ChaosException | AssertionError | IllegalStateException e) {
        violations.addAll(run.takeViolations());
        violations.add(
            new Violation(Check.ANSWERED, "the run", "it cannot go on: " + e.getMessage()));
      }
      clients.otherAnswers().stream()
          .flatMap(answer -> Checker.undocumented(answer).stream())
          .forEach(what -> violations.add(new Violation(Check.DOCUMENTED, "a session", what)));
      return kinds.stream().filter(kind -> !possible.contains(kind)).map(Fault::name).toList();
    }
  }

  private void start() {
    List<String> roles = plan.roles();
    for (String role : roles) {
      String[] model =
          role.contains("worker") ? new String[] {"--model", ChaosPlan.MODEL} : new String[0];
      NodeProcess node = cluster.launch(role, model);
      if (cluster.nodes().size() == 1) {
        node.awaitReady(); // it forms the cluster
      }
    }
    cluster.nodes().forEach(NodeProcess::awaitReady);
  }

  private void strikeAll(ChaosRun run, List<Fault> possible, HistoryFiles files)
      throws InterruptedException {
    long begin = System.nanoTime();
    List<Fault> drawn = Faults.draw(possible, plan.faults(), plan.seed());
    for (int i = 0; i < drawn.size(); i++) {
      Duration soFar = Duration.ofNanos(System.nanoTime() - begin);
      if (plan.limit().isPresent() && soFar.compareTo(plan.limit().get()) > 0) {
        return;
      }
      try {
        proved(run, drawn.get(i), i + 1, files);
      } catch (ChaosException e) {
        String what = "%d %s: %s".formatted(i + 1, drawn.get(i).name(), e.getMessage());
        progress.accept(what);
        violations.add(new Violation(Check.ANSWERED, "the run", what));
        run.awaitWhole();
      }
    }
  }

  private void proved(ChaosRun run, Fault fault, int number, HistoryFiles files)
      throws InterruptedException {
    for (int tries = 0; tries < TRIES_MAX; tries++) {
      if (one(run, fault, number, files).provesSomething()) {
        return;
      }
    }
    unproven.add(number + " " + fault.name());
  }

  private FaultResult one(ChaosRun run, Fault fault, int number, HistoryFiles files)
      throws InterruptedException {
    int before = violations.size();
    Injection injection = fault.strike(run);
    run.awaitEnds(injection);
    FaultResult result = result(run, injection, number);
    results.add(result);
    files.add(result);
    boolean unused = checkFinished(run, files);
    violations.addAll(run.takeViolations());
    progress.accept(line(result));
    violations.subList(before, violations.size()).forEach(each -> progress.accept("  " + each));
    return result;
  }

  private static String line(FaultResult result) {
    return String.format(
        Locale.ROOT,
        "%3d %-19s %5.1f s: %d streams cut, longest pause %.0f ms%s%s%s",
        result.number(),
        result.kind(),
        result.seconds(),
        result.streams().size(),
        result.longestPauseMillis(),
        result.recoveryMillis().isPresent()
            ? String.format(
                Locale.ROOT, ", recovered in %.0f ms", result.recoveryMillis().getAsDouble())
            : "",
        result.notes().isEmpty() ? "" : "; " + result.notes(),
        result.provesSomething() ? "" : "; proves nothing");
  }

  private static FaultResult result(ChaosRun run, Injection injection, int number)
      throws InterruptedException {
    List<FaultResult.Stream> streams = new ArrayList<>();
    for (Map.Entry<ClientTurn, Long> watched : injection.watched().entrySet()) {
      ClientTurn turn = watched.getKey();
      Optional<Gap> gap = Gap.of(turn.observed().seen(), watched.getValue());
      if (gap.isEmpty() || injection.touches() == Touches.NONE) {
        continue;
      }
      Journal.Turn stored = stored(run, turn);
      List<Journal.Attempt> again =
          stored.attempts().stream()
              .skip(1)
              .filter(attempt -> attempt.atMillis() >= injection.startMillis())
              .toList();
      if (injection.touches() == Touches.ALL || !again.isEmpty()) {
        streams.add(
            new FaultResult.Stream(
                turn.session(),
                turn.number(),
                gap.get(),
                again.size(),
                again.stream()
                    .mapToInt(attempt -> stored.promptTokens() + attempt.tokensBefore())
                    .sum()));
      }
    }
    return new FaultResult(
        number,
        injection.kind(),
        injection.startMillis(),
        (System.nanoTime() - injection.startNanos()) / 1e9,
        streams,
        injection.recoveryMillis(),
        injection.proofs(),
        injection.notes());
  }

  private static Journal.Turn stored(ChaosRun run, ClientTurn turn) throws InterruptedException {
    return new Journal(run.journal().events(turn.session(), turn.tenant()), List.of())
        .turns().stream()
            .filter(each -> each.number() == turn.number())
            .findFirst()
            .orElseThrow(() -> new ChaosException(turn + " is not in the journal"));
  }

  /**
   * Compares what can be compared by now.
   *
   * @return whether nothing is left
   */
  private boolean checkFinished(ChaosRun run, HistoryFiles files) {
    for (History.Finished session : run.history().takeFinished()) {
      try {
        Journal journal = run.journal().read(session.session(), session.tenant());
        List<ObservedTurn> turns = session.turns().stream().map(ClientTurn::observed).toList();
        List<Violation> found = Checker.check(session.session(), turns, journal);
        files.add(session.session(), turns, found, journal);
        violations.addAll(found);
        checkedSessions++;
        checkedTurns += turns.size();
        lateRows += journal.rows().size() - journal.writtenRows().size();
        checkedTokens += journal.turns().stream().mapToLong(turn -> turn.texts().size()).sum();
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new IllegalStateException("interrupted while reading the journal", e);
      }
    }
    return run.history().all().isEmpty();
  }

  /** Ends every process, at once. */
  @Override
  public void close() {
    NodeCluster running = cluster;
    if (running != null) {
      running.close();
    }
    network.close();
  }

  private ChaosReport withoutFolder(ChaosReport report) throws IOException {
    List<Path> files;
    try (Stream<Path> all = Files.walk(folder)) {
      files = all.sorted(Comparator.reverseOrder()).toList();
    }
    for (Path file : files) {
      Files.deleteIfExists(file);
    }
    return report.inNoFolder();
  }
}
