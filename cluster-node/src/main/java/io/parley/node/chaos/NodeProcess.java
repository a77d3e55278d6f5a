package io.parley.node.chaos;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.BindException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * A node as users start it, by the launcher, on a port that stays the same over restarts. It can be
 * killed with -9 and started again over the same data.
 */
public final class NodeProcess implements AutoCloseable {
  private static final int PORT_MIN = 15_000;
  private static final int PORT_MAX = 32_000;
  private static final int PORT_TRIES = 100;

  private static final Duration START_TIMEOUT = Duration.ofMinutes(4);
  private static final Duration STOP_TIMEOUT = Duration.ofSeconds(90);
  private static final long POLL_MILLIS = 200;

  private static final String UP = "Parley is ";

  private final Place place;
  private final List<String> arguments;
  private final Path output;
  private final HttpClient http =
      HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
  private volatile Process process;
  private int outputBefore;
  private List<ProcessHandle> children = List.of();

  /**
   * Where a node runs.
   *
   * @param data its folder
   * @param host where its edge listens
   * @param hasEdge whether it has one
   * @param prefix the command that runs the launcher's command; mostly none
   * @param environment further variables
   */
  record Place(
      Path data,
      String host,
      int port,
      boolean hasEdge,
      List<String> prefix,
      Map<String, String> environment) {
    static Place onLoopback(Path data, boolean hasEdge) {
      return new Place(data, "127.0.0.1", freePort(), hasEdge, List.of(), Map.of());
    }
  }

  NodeProcess(Place place, List<String> arguments) {
    this.place = place;
    this.arguments = List.copyOf(arguments);
    this.output = place.data().resolve("output.txt");
  }

  /** A node that is ready to serve, with its data in a folder and further options of {@code up}. */
  public static NodeProcess started(Path data, String... options) {
    NodeProcess node = new NodeProcess(Place.onLoopback(data, true), arguments("up", options));
    node.start();
    return node;
  }

  /** A node of a cluster, which is not started yet, with further options of {@code node}. */
  public static NodeProcess member(Path data, String roles, String... options) {
    return member(Place.onLoopback(data, roles.contains("api")), roles, options);
  }

  static NodeProcess member(Place place, String roles, String... options) {
    List<String> arguments = arguments("node", options);
    arguments.addAll(List.of("--roles", roles));
    return new NodeProcess(place, arguments);
  }

  private static List<String> arguments(String command, String... options) {
    List<String> arguments = new ArrayList<>(List.of(command));
    arguments.addAll(List.of(options));
    return arguments;
  }

  /** Starts it (again) and waits until it is ready. */
  public void start() {
    launch();
    awaitReady();
  }

  /**
   * Starts it (again) without waiting.
   *
   * @param more further options, for this time
   */
  public void launch(String... more) {
    List<String> command = new ArrayList<>(place.prefix());
    command.add(launcher().toString());
    command.addAll(arguments);
    command.addAll(List.of(more));
    command.addAll(List.of("--port", Integer.toString(place.port()), "--data", data().toString()));
    try {
      Files.createDirectories(data());
      outputBefore = output().length();
      ProcessBuilder builder =
          new ProcessBuilder(command)
              .redirectErrorStream(true)
              .redirectOutput(ProcessBuilder.Redirect.appendTo(output.toFile()));
      builder.environment().putAll(environment());
      process = builder.start();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private Map<String, String> environment() {
    Map<String, String> all = new HashMap<>(place.environment());
    all.put("PARLEY_NO_BUILD", "1");
    return all;
  }

  /**
   * Waits until it serves.
   *
   * @throws AssertionError with all it said, when it ended or took too long
   */
  public void awaitReady() {
    long deadline = System.nanoTime() + START_TIMEOUT.toNanos();
    while (!isReady()) {
      if (!process.isAlive() || System.nanoTime() - deadline > 0) {
        throw new AssertionError("no ready node; it said:\n" + output());
      }
      pause();
    }
    children = process.descendants().toList();
  }

  private static void pause() {
    try {
      TimeUnit.MILLISECONDS.sleep(POLL_MILLIS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted while a node was starting", e);
    }
  }

  private boolean isReady() {
    if (!place.hasEdge()) {
      return output().indexOf(UP, outputBefore) >= 0;
    }
    try {
      return http.send(
                  HttpRequest.newBuilder(URI.create(url("/health/ready")))
                      .timeout(Duration.ofSeconds(5))
                      .build(),
                  HttpResponse.BodyHandlers.discarding())
              .statusCode()
          == 200;
    } catch (IOException e) {
      return false;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted while a node was starting", e);
    }
  }

  /** {@code kill -9}. */
  public void kill() {
    process.destroyForcibly();
    awaitEnd();
  }

  /** {@code kill -9} of the embedded Cassandra alone. */
  public void killCassandra() {
    // asked anew: the node starts another one when it dies
    List<ProcessHandle> now =
        process
            .descendants()
            .filter(child -> commandLine(child).contains("CassandraChild"))
            .toList();
    if (now.size() != 1) {
      throw new AssertionError("one child process of the node, and not " + now);
    }
    now.get(0).destroyForcibly();
  }

  /**
   * All of it, where the system tells: the JVM gives its first 4,096 bytes, less than a class path.
   */
  private static String commandLine(ProcessHandle child) {
    Path file = Path.of("/proc", Long.toString(child.pid()), "cmdline");
    try {
      return Files.readString(file, StandardCharsets.ISO_8859_1);
    } catch (IOException e) {
      return child.info().commandLine().orElse("");
    }
  }

  /** SIGTERM, and waits for an end in order. */
  public void stop() {
    terminate();
    awaitEnd();
  }

  /** SIGTERM. */
  void terminate() {
    process.destroy();
  }

  /** SIGINT, as Ctrl-C sends it, and waits for an end in order. */
  public void interrupt() {
    Signals.send(process.pid(), "INT");
    awaitEnd();
  }

  /** SIGSTOP: it stands still, and whoever talks to it does not know why. */
  void freeze() {
    Signals.send(process.pid(), "STOP");
  }

  /** SIGCONT. */
  void thaw() {
    Signals.send(process.pid(), "CONT");
  }

  /** Waits for the end of a node that was told to stop. */
  public void awaitEnd() {
    if (!endsWithin(STOP_TIMEOUT)) {
      throw new AssertionError("the node's process did not end; it said:\n" + output());
    }
  }

  boolean endsWithin(Duration time) {
    try {
      return process.waitFor(time.toMillis(), TimeUnit.MILLISECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted while a node was stopping", e);
    }
  }

  /** The exit code of a process that ended. */
  int exitValue() {
    return process.exitValue();
  }

  /** The processes that the node had started, whether they live or not. */
  public List<ProcessHandle> children() {
    return children;
  }

  public boolean isAlive() {
    return process != null && process.isAlive();
  }

  public long pid() {
    return process.pid();
  }

  public Path data() {
    return place.data();
  }

  public int port() {
    return place.port();
  }

  boolean hasEdge() {
    return place.hasEdge();
  }

  public String url(String path) {
    return "http://" + place.host() + ":" + place.port() + path;
  }

  /** A path of its management listener. */
  public String managementUrl(String path) {
    try {
      return Files.readString(data().resolve("management.url")).strip() + path;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** What it printed since its first start. */
  public String output() {
    try {
      return Files.exists(output) ? Files.readString(output) : "";
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** What it logged since its first start. */
  public String log() {
    try {
      return Files.readString(data().resolve("log/parley.log"));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** What it printed last. */
  String lastLine() {
    return output().lines().reduce("", (before, line) -> line.isBlank() ? before : line);
  }

  /** The source tree, or the folder of an unpacked archive. */
  public static Path root() {
    return Path.of(System.getProperty("parley.home"));
  }

  private static Path launcher() {
    Path inSources = root().resolve("parley");
    return Files.isRegularFile(inSources) ? inSources : root().resolve("bin/parley");
  }

  /**
   * A port that nobody listens on. It is none of those that the system gives to clients (from 32768
   * on), one of which could take it before the node does, or while it is started again.
   */
  public static int freePort() {
    for (int tries = 0; tries < PORT_TRIES; tries++) {
      int port = ThreadLocalRandom.current().nextInt(PORT_MIN, PORT_MAX);
      if (isFree(port)) {
        return port;
      }
    }
    throw new IllegalStateException("no free port between " + PORT_MIN + " and " + PORT_MAX);
  }

  private static boolean isFree(int port) {
    try (ServerSocket socket = new ServerSocket(port, 1, InetAddress.getLoopbackAddress())) {
      return socket.isBound();
    } catch (BindException taken) {
      return false;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public void close() {
    if (process == null) {
      return;
    }
    Stream.concat(Stream.of(process.toHandle()), children.stream())
        .forEach(ProcessHandle::destroyForcibly);
    awaitEnd();
  }
}
