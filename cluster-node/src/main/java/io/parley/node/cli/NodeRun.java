package io.parley.node.cli;

import com.typesafe.config.Config;
import io.parley.node.DataFolder;
import io.parley.node.JournalListener;
import io.parley.node.Node;
import io.parley.node.NodePlan;
import io.parley.node.StartupException;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;

/** A node in this process, from its start to its end. */
final class NodeRun {
  private NodeRun() {}

  /**
   * Starts it, and returns when it has stopped by itself; a signal ends the process.
   *
   * @return the exit code
   */
  static int run(Config config) throws InterruptedException {
    long startedNanos = System.nanoTime();
    NodePlan plan = NodePlan.of(config);
    DataFolder folder = DataFolder.claim(plan.node().data());
    logTo(folder.path().resolve("log"));

    Node node;
    try (Console console = Console.standardError()) {
      node = Node.start(plan, folder, console, new StopWithJournal());
      console.line(ready(node, System.nanoTime() - startedNanos));
    }
    AtomicBoolean stopping = new AtomicBoolean();
    node.atJvmEnd(
        () -> {
          stopping.set(true);
          stop(node);
        });
    Node.End end = node.awaitStop();
    if (!stopping.get()) {
      System.err.println("parley: stopped: " + end.why());
    }
    return end.wanted() ? 0 : 1;
  }

  private static final class StopWithJournal implements JournalListener {
    @Override
    public void gone(String reason) {
      System.err.println("parley: the journal is lost: " + reason);
      new Thread(() -> System.exit(1), "exit").start();
    }

    @Override
    public void taken(String reason) {
      System.err.println("parley: stopped: " + reason);
      // an end in order would still write
      Runtime.getRuntime().halt(1);
    }
  }

  private static void stop(Node node) {
    System.err.println("parley: stopping");
    node.close();
    ClassArchive.writeIfMissing();
    System.err.println("parley: stopped");
  }

  /** Must come before anything logs: the log's place depends on the configuration. */
  static void logTo(Path folder) {
    try {
      Files.createDirectories(folder);
    } catch (IOException e) {
      throw new StartupException(
          "the data folder cannot be written: " + e.getMessage() + "; choose another with --data",
          e);
    }
    System.setProperty("parley.log", folder.resolve("parley.log").toString());
    System.setProperty("logback.configurationFile", "logback-node.xml");
  }

  private static String authority(InetSocketAddress address) {
    return address.getAddress().getHostAddress() + ":" + address.getPort();
  }

  private static String ready(Node node, long tookNanos) {
    Optional<InetSocketAddress> address = node.httpAddress();
    String cluster = "Cluster: " + node.clusterAddress();
    if (address.isEmpty()) {
      return "\nParley is up.\n" + cluster + managed(node);
    }
    String base = "http://" + authority(address.get());
    String model =
        node.servedModels().stream()
            .filter(served -> !served.embeds())
            .map(served -> served.id().name())
            .findFirst()
            .orElse("");
    return String.format(
        Locale.ROOT,
        """

        Parley is ready at %s/v1 after %.1f s. Try it:

        curl %s/v1/chat/completions -H 'Content-Type: application/json' \
        -d '{"model": "%s", "messages": [{"role": "user", "content": "What is a lighthouse for?"}]}'

        Or talk to it: parley chat --url %s/v1
        %s
        Ctrl-C stops it.\
        """,
        base,
        tookNanos / 1e9,
        base,
        model,
        base,
        cluster + managed(node));
  }

  private static String managed(Node node) {
    String journal =
        node.embeddedJournal().map(address -> "\nCassandra: " + address).orElse("")
            + node.embeddedBroker().map(address -> "\nKafka: " + address).orElse("");
    return node.managementAddress()
        .map(listener -> "\nManagement: http://" + authority(listener) + journal)
        .orElse(journal);
  }
}
