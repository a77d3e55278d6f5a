package io.parley.node.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.typesafe.config.Config;
import io.parley.node.DataFolder;
import io.parley.node.JournalListener;
import io.parley.node.Node;
import io.parley.node.NodePlan;
import io.parley.node.StartupException;
import io.parley.node.bench.SessionLoad;
import io.parley.node.bench.SessionLoad.Outcome;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code parley bench sessions}. */
@Command(
    name = "sessions",
    mixinStandardHelpOptions = true,
    description = {
      "Starts a node in this process, with Cassandra and a simulated model that takes no time, makes",
      "many sessions of one turn each over HTTP, lets them leave memory, and asks some of them again.",
      "Prints the heap after a collection with all asleep (in four steps, so that growth shows) and",
      "with all awake, how long a session takes to be there again, and what a turn is on the disk.",
      "The exit code is 1 when a request failed. With PARLEY_HEAP=4g 100,000 sessions fit."
    })
final class SessionsBenchCommand implements Callable<Integer> {
  private static final int STEPS = 4;
  private static final int WARM_UP = 200;
  private static final int EVENTS_SAMPLE = 20;
  private static final Duration ASLEEP_PATIENCE = Duration.ofMinutes(5);
  private static final long AWAKE_BYTES = 64 << 10; // of the budget, for each session

  @Option(
      names = "--sessions",
      defaultValue = "10000",
      description = "How many (default: ${DEFAULT-VALUE}).")
  private int count;

  @Option(
      names = "--sample",
      defaultValue = "2000",
      description =
          "How many are asked again, half by a read and half by a turn (default: ${DEFAULT-VALUE}).")
  private int sample;

  @Option(
      names = "--users",
      defaultValue = "16",
      description = "Requests at once while sessions are made (default: ${DEFAULT-VALUE}).")
  private int users;

  @Option(
      names = "--max-tokens",
      defaultValue = "16",
      description = "Tokens of each answer (default: ${DEFAULT-VALUE}).")
  private int maxTokens;

  @Option(
      names = "--data",
      required = true,
      description = "A folder that is empty, or does not exist, for journal and log.")
  private Path data;

  @Mixin private ConfigOptions configuration;

  private final ObjectMapper json = new ObjectMapper();
  private final HttpClient http = HttpClient.newHttpClient();
  private boolean sound = true;
  private int turns;
  private int eventsOfTurn;

  @Override
  public Integer call() throws Exception {
    if (count < STEPS || sample < 2 || sample > count || users < 1 || maxTokens < 1) {
      throw new StartupException(
          "sessions, sample, users and tokens are positive, sample the less");
    }
    requireEmpty();
    Path folder = data.toAbsolutePath().normalize();
    NodeRun.logTo(folder.resolve("log"));
    String[] sessions = new String[count];
    try (DataFolder claimed = DataFolder.claim(folder)) {
      asleep(claimed, sessions);
      disk(folder.resolve("cassandra").resolve("data"));
      awake(claimed, List.of(sessions));
    }
    return sound ? 0 : 1;
  }

  private void requireEmpty() throws IOException {
    if (Files.isDirectory(data)) {
      try (Stream<Path> there = Files.list(data)) {
        if (there.findAny().isPresent()) {
          throw new StartupException("the folder " + data + " is not empty");
        }
      }
    }
  }

  private void asleep(DataFolder folder, String[] sessions) throws Exception {
    try (Node node = start(folder, Map.of("parley.session.passivate-after", "5s"))) {
      SessionLoad load = load(node);
      String[] ignored = new String[WARM_UP];
      said("warm-up", load.create(users, ignored, 0, WARM_UP));
      awaitAsleep(node);
      System.out.printf(
          Locale.ROOT, "%8d sessions asleep: heap %6.1f MB%n", WARM_UP, heapMegabytes());
      int made = 0;
      for (int step = 1; step <= STEPS; step++) {
        int until = (int) ((long) count * step / STEPS);
        said("made", load.create(users, sessions, made, until - made));
        made = until;
        awaitAsleep(node);
        System.out.printf(
            Locale.ROOT, "%8d sessions asleep: heap %6.1f MB%n", WARM_UP + made, heapMegabytes());
      }
      List<String> some = new ArrayList<>(Arrays.asList(sessions));
      Collections.shuffle(some, new Random(1));
      int half = sample / 2;
      said("revived by a read, one at a time", load.reads(1, some.subList(0, half)));
      List<String> others = some.subList(half, sample);
      said("revived by a turn, one at a time", load.nextTurns(1, others));
      said("the next turn of one that is awake", load.nextTurns(1, others));
      int events = 0;
      List<String> read = others.subList(0, Math.min(EVENTS_SAMPLE, others.size()));
      for (String session : read) {
        events += load.events(session);
      }
      eventsOfTurn = Math.round(events / (3f * read.size())); // each of them has had three
      turns = WARM_UP + count + 2 * (sample - half);
    }
  }

  /** Behind the end of the node, which made Cassandra write all that was in memory. */
  private void disk(Path tables) throws IOException {
    Map<String, Long> bytes = new LinkedHashMap<>();
    try (Stream<Path> files = Files.walk(tables)) {
      files
          .filter(Files::isRegularFile)
          .filter(file -> tables.relativize(file).toString().startsWith("parley"))
          .forEach(
              file -> {
                Path table = tables.relativize(file);
                String name = table.getName(0) + "." + table.getName(1).toString().split("-")[0];
                bytes.merge(name, size(file), Long::sum);
              });
    }
    long all = bytes.values().stream().mapToLong(Long::longValue).sum();
    System.out.printf(
        Locale.ROOT,
        "%d turns on the disk: %.1f MB, %.0f bytes a turn, %d events a turn, %.0f bytes an event%n",
        turns,
        all / 1e6,
        (double) all / turns,
        eventsOfTurn,
        (double) all / turns / eventsOfTurn);
    bytes.forEach(
        (name, size) ->
            System.out.printf(Locale.ROOT, "         %-30s %10.1f MB%n", name, size / 1e6));
  }

  private static long size(Path file) {
    try {
      return Files.size(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void awake(DataFolder folder, List<String> sessions) throws Exception {
    Map<String, String> stay =
        Map.of(
            "parley.session.passivate-after",
            "10h",
            "parley.session.memory-budget",
            Math.max(128L << 20, sessions.size() * AWAKE_BYTES) + "B");
    try (Node node = start(folder, stay)) {
      double before = heapMegabytes();
      said("revived by a read, " + users + " at a time", load(node).reads(users, sessions));
      int awake = sessionsAwake(node);
      double after = heapMegabytes();
      System.out.printf(
          Locale.ROOT,
          "%8d sessions awake: heap %6.1f MB, of a node without one %.1f MB, of a session %.1f kB%n",
          awake,
          after,
          before,
          (after - before) * 1e3 / Math.max(1, awake));
    }
  }

  private Node start(DataFolder folder, Map<String, String> more) {
    Map<String, String> settings = new LinkedHashMap<>();
    settings.put("parley.node.models", "[\"simulated#decode=0&prefill=0&answer-tokens=0\"]");
    settings.put("parley.http.port", "0");
    settings.put("parley.node.data", ServeOptions.quoted(folder.path().toString()));
    settings.putAll(more);
    Config config = configuration.load(settings);
    try (Console console = Console.standardError()) {
      return Node.start(NodePlan.of(config), folder, console, new Ending());
    }
  }

  /** Without its journal there is nothing left to measure. */
  private static final class Ending implements JournalListener {
    @Override
    public void gone(String reason) {
      System.err.println("parley: the journal is lost: " + reason);
      Runtime.getRuntime().halt(1);
    }

    @Override
    public void taken(String reason) {
      gone(reason);
    }
  }

  private SessionLoad load(Node node) {
    return new SessionLoad(base(node.httpAddress().orElseThrow()), "simulated", maxTokens);
  }

  private static URI base(InetSocketAddress address) {
    return URI.create("http://" + address.getAddress().getHostAddress() + ":" + address.getPort());
  }

  private void awaitAsleep(Node node) throws IOException, InterruptedException {
    long deadline = System.nanoTime() + ASLEEP_PATIENCE.toNanos();
    while (sessionsAwake(node) > 0) {
      if (System.nanoTime() - deadline > 0) {
        throw new StartupException(
            sessionsAwake(node) + " sessions did not leave memory within " + ASLEEP_PATIENCE);
      }
      Thread.sleep(Duration.ofSeconds(1).toMillis());
    }
  }

  private int sessionsAwake(Node node) throws IOException, InterruptedException {
    HttpResponse<String> shards =
        http.send(
            HttpRequest.newBuilder(
                    base(node.managementAddress().orElseThrow()).resolve("/cluster/shards"))
                .build(),
            HttpResponse.BodyHandlers.ofString());
    int awake = 0;
    for (JsonNode shard : json.readTree(shards.body()).path("data")) {
      awake += shard.path("sessions").asInt();
    }
    return awake;
  }

  /** What is left after a collection of everything. */
  private static double heapMegabytes() {
    System.gc();
    System.gc(); // what the first one made collectable by its references
    return ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed() / 1e6;
  }

  private void said(String what, Outcome outcome) {
    sound &= outcome.errors().isEmpty();
    System.out.printf(
        Locale.ROOT,
        "%8d %s: %.0f/s, p50 %.1f ms, p99 %.1f ms, refused for now %d, errors %s%n",
        outcome.requests(),
        what,
        outcome.requests() / outcome.seconds(),
        outcome.latency().p50Millis(),
        outcome.latency().p99Millis(),
        outcome.refused(),
        outcome.errors().isEmpty() ? "0" : outcome.errors());
  }
}
