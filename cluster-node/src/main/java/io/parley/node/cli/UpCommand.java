package io.parley.node.cli;

import java.util.Map;
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
          + " cluster, and serves HTTP. `parley node` starts one that joins it.",
      "Ctrl-C or SIGTERM stops it in order."
    })
final class UpCommand implements Callable<Integer> {
  @Option(
      names = "--bulk",
      description =
          "Take bulk jobs, too: starts an embedded Kafka, unless parley.bulk.bootstrap-servers names"
              + " an external one. All roles run here then.")
  private boolean bulk;

  @Mixin private ServeOptions options;

  @Override
  public Integer call() throws InterruptedException {
    return NodeRun.run(
        options.load(
            bulk ? Map.of("parley.node.roles", "[api, session, worker, bulk]") : Map.of()));
  }
}
