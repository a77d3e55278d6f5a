package io.parley.node.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.parley.node.StartupException;
import io.parley.node.chaos.ChaosBench;
import io.parley.node.chaos.ChaosPlan;
import io.parley.node.chaos.ChaosReport;
import java.io.IOException;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code parley chaos}. */
@Command(
    name = "chaos",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Starts a cluster on this machine, with a simulated model, and breaks it while clients converse:"
          + " kills, stops and cuts off nodes, takes the journal away, overloads it.",
      "Compares what every client saw with the journal, and prints how long streams stood still. The"
          + " exit code is 1 when a promise was broken, or a round proved nothing."
    })
final class ChaosCommand implements Callable<Integer> {
  @Option(
      names = "--seed",
      description = "Decides what happens to whom; a run prints its own (default: another one).")
  private Long seed;

  @Option(
      names = "--faults",
      defaultValue = "40",
      description =
          "How many; each kind comes once before any comes twice (default: ${DEFAULT-VALUE}).")
  private int faults;

  @Option(names = "--minutes", description = "No further fault begins after so many minutes.")
  private Integer minutes;

  @Option(
      names = "--kinds",
      split = ",",
      paramLabel = "KIND",
      description = "Kinds of faults, separated by commas (default: all).")
  private List<String> kinds = ChaosPlan.allKinds();

  @Option(
      names = "--nodes",
      defaultValue = "5",
      description =
          "Nodes, from 3 to 7; with 5 or more, none has both sessions and workers (default:"
              + " ${DEFAULT-VALUE}).")
  private int nodes;

  @Option(
      names = "--sessions",
      defaultValue = "8",
      description = "Conversations at once (default: ${DEFAULT-VALUE}).")
  private int sessions;

  @Option(
      names = "--freeze-seconds",
      defaultValue = "60",
      description = "How long a stopped owner stands still (default: ${DEFAULT-VALUE}).")
  private int freezeSeconds;

  @Option(
      names = "--outage-seconds",
      defaultValue = "30",
      description = "How long the journal is away (default: ${DEFAULT-VALUE}).")
  private int outageSeconds;

  @Option(
      names = "--keep",
      paramLabel = "FOLDER",
      description = "Keep history, logs and journal there (default: only when something broke).")
  private Path keep;

  @Option(names = "--json", description = "Print the report as JSON.")
  private boolean json;

  @Override
  public Integer call() throws InterruptedException, IOException {
    ChaosPlan plan = plan();
    say("seed " + plan.seed());
    ChaosReport report;
    try (ChaosBench bench = new ChaosBench(plan, ChaosCommand::say)) {
      Runtime.getRuntime().addShutdownHook(new Thread(bench::close, "chaos-exit"));
      report = bench.run();
    }
    System.out.println(
        json
            ? new ObjectMapper().writerWithDefaultPrettyPrinter().writeValueAsString(report)
            : report.table());
    return report.isSound() ? 0 : 1;
  }

  private static void say(String line) {
    System.err.println(line);
  }

  private ChaosPlan plan() {
    try {
      return new ChaosPlan(
          seed == null ? new SecureRandom().nextInt(Integer.MAX_VALUE) : seed,
          faults,
          Optional.ofNullable(minutes).map(Duration::ofMinutes),
          kinds,
          nodes,
          sessions,
          Duration.ofSeconds(freezeSeconds),
          Duration.ofSeconds(outageSeconds),
          Optional.ofNullable(keep));
    } catch (IllegalArgumentException e) {
      throw new StartupException(e.getMessage(), e);
    }
  }
}
