package io.parley.node.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.awaitility.core.ConditionTimeoutException;

/**
 * A node as users start it, by the launcher, on a port that stays the same over restarts. It can be
 * killed with -9 and started again over the same data.
 */
final class NodeProcess implements AutoCloseable {
  private static final Duration START_TIMEOUT = Duration.ofMinutes(4);
  private static final Duration STOP_TIMEOUT = Duration.ofSeconds(90);

  private static final String UP = "Parley is ";

  private final Path data;
  private final int port;
  private final boolean hasEdge;
  private final List<String> arguments;
  private final Path output;
  private final HttpClient http =
      HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
  private Process process;
  private int outputBefore;
  private List<ProcessHandle> children = List.of();

  private NodeProcess(Path data, int port, boolean hasEdge, List<String> arguments) {
    this.data = data;
    this.port = port;
    this.hasEdge = hasEdge;
    this.arguments = arguments;
    this.output = data.resolve("output.txt");
  }

  /** A node that is ready to serve, with its data in a folder and further options of {@code up}. */
  static NodeProcess started(Path data, String... options) {
    NodeProcess node = new NodeProcess(data, freePort(), true, arguments("up", options));
    node.start();
    return node;
  }

  /** A node of a cluster, which is not started yet, with further options of {@code node}. */
  static NodeProcess member(Path data, String roles, String... options) {
    List<String> arguments = arguments("node", options);
    arguments.addAll(List.of("--roles", roles));
    return new NodeProcess(data, freePort(), roles.contains("api"), arguments);
  }

  private static List<String> arguments(String command, String... options) {
    List<String> arguments = new ArrayList<>(List.of(command));
    arguments.addAll(List.of(options));
    return arguments;
  }

  /** Starts it (again) and waits until it is ready. */
  void start() {
    launch();
    awaitReady();
  }

  /**
   * Starts it (again) without waiting.
   *
   * @param more further options, for this time
   */
  void launch(String... more) {
    List<String> command = new ArrayList<>();
    command.add(root().resolve("parley").toString());
    command.addAll(arguments);
    command.addAll(List.of(more));
    command.addAll(List.of("--port", Integer.toString(port), "--data", data.toString()));
    try {
      Files.createDirectories(data);
      outputBefore = output().length();
      ProcessBuilder builder =
          new ProcessBuilder(command)
              .redirectErrorStream(true)
              .redirectOutput(ProcessBuilder.Redirect.appendTo(output.toFile()));
      builder.environment().put("PARLEY_NO_BUILD", "1");
      process = builder.start();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  void awaitReady() {
    try {
      await("a ready node")
          .atMost(START_TIMEOUT)
          .pollInterval(Duration.ofMillis(200))
          .until(
              () -> {
                assertThat(process.isAlive()).as("the node's process lives").isTrue();
                return isReady();
              });
    } catch (ConditionTimeoutException | AssertionError e) {
      throw new AssertionError("no ready node; it said:\n" + output(), e);
    }
    children = process.descendants().toList();
  }

  private boolean isReady() throws InterruptedException {
    if (!hasEdge) {
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
    }
  }

  /** {@code kill -9}. */
  void kill() {
    process.destroyForcibly();
    awaitEnd();
  }

  /** {@code kill -9} of the embedded Cassandra alone. */
  void killCassandra() {
    // asked anew: the node starts another one when it dies
    List<ProcessHandle> now = process.descendants().toList();
    assertThat(now).as("the node's child processes").hasSize(1);
    now.get(0).destroyForcibly();
  }

  /** SIGTERM, and waits for an end in order. */
  void stop() {
    process.destroy();
    awaitEnd();
  }

  /** SIGINT, as Ctrl-C sends it, and waits for an end in order. */
  void interrupt() {
    Commands.run(
            Duration.ofSeconds(30), Map.of(), List.of("kill", "-INT", Long.toString(process.pid())))
        .success();
    awaitEnd();
  }

  /** Waits for the end of a node that was told to stop. */
  void awaitEnd() {
    try {
      assertThat(process.waitFor(STOP_TIMEOUT.toSeconds(), TimeUnit.SECONDS))
          .as("the node's process ended")
          .isTrue();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }

  /** The processes that the node had started, whether they live or not. */
  List<ProcessHandle> children() {
    return children;
  }

  boolean isAlive() {
    return process != null && process.isAlive();
  }

  long pid() {
    return process.pid();
  }

  Path data() {
    return data;
  }

  int port() {
    return port;
  }

  String url(String path) {
    return "http://127.0.0.1:" + port + path;
  }

  /** A path of its management listener. */
  String managementUrl(String path) {
    try {
      return Files.readString(data.resolve("management.url")).strip() + path;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** What it printed since its first start. */
  String output() {
    try {
      return Files.exists(output) ? Files.readString(output) : "";
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** What it logged since its first start. */
  String log() {
    try {
      return Files.readString(data.resolve("log/parley.log"));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static Path root() {
    return Path.of(System.getProperty("parley.root"));
  }

  static int freePort() {
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return socket.getLocalPort();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public void close() {
    Stream.concat(Stream.of(process.toHandle()), children.stream())
        .forEach(ProcessHandle::destroyForcibly);
    awaitEnd();
  }
}
