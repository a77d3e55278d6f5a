package io.parley.node.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.parley.node.bench.LoadGenerator;
import io.parley.node.bench.LoadPlan;
import io.parley.node.bench.LoadReport;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code parley bench}. */
@Command(
    name = "bench",
    mixinStandardHelpOptions = true,
    subcommands = {
      EngineBenchCommand.class,
      QualityBenchCommand.class,
      EncoderBenchCommand.class,
      SoakBenchCommand.class,
      SessionsBenchCommand.class,
      RoutingBenchCommand.class,
      ReproduceBenchCommand.class
    },
    description = "Measures any server that speaks OpenAI's streamed chat completions.")
final class BenchCommand implements Callable<Integer> {
  static final String HEAD =
      "users  tokens/s  TTFT p50/p99 ms  follow-up p50/p99  ITL p50/p99 ms  per token  errors";

  @Mixin private ServerOptions server;

  @Option(
      names = "--model",
      defaultValue = "smollm2-135m-instruct",
      description = "Model name to send (default: ${DEFAULT-VALUE}).")
  private String model;

  @Option(
      names = "--users",
      split = ",",
      defaultValue = "1,16,32",
      description = "Conversations at once; several are run one after another (default: 1,16,32).")
  private List<Integer> users;

  @Option(
      names = "--turns",
      defaultValue = "3",
      description = "Turns of each conversation (default: ${DEFAULT-VALUE}).")
  private int turns;

  @Option(
      names = "--max-tokens",
      defaultValue = "64",
      description = "Tokens of each answer (default: ${DEFAULT-VALUE}).")
  private int maxTokens;

  @Option(
      names = "--no-ignore-eos",
      description = "Let answers end by themselves; lengths then differ between servers.")
  private boolean letEnd;

  @Option(
      names = "--warm-up-turns",
      defaultValue = "1",
      description = "Turns of one user before the measuring (default: ${DEFAULT-VALUE}).")
  private int warmUpTurns;

  @Option(names = "--json", description = "Print the figures as JSON instead of a table.")
  private boolean asJson;

  @Option(
      names = "--timeout",
      defaultValue = "300",
      description = "Seconds after which a turn counts as failed (default: ${DEFAULT-VALUE}).")
  private int timeoutSeconds;

  @Override
  public Integer call() throws InterruptedException, JsonProcessingException {
    if (warmUpTurns > 0) {
      new LoadGenerator(plan(1, warmUpTurns)).run();
    }
    List<LoadReport> reports = new ArrayList<>();
    if (!asJson) {
      System.out.println(HEAD);
    }
    for (int count : users) {
      LoadReport report = new LoadGenerator(plan(count, turns)).run();
      reports.add(report);
      if (!asJson) {
        System.out.println(row(report));
      }
    }
    if (asJson) {
      System.out.println(
          new ObjectMapper().writerWithDefaultPrettyPrinter().writeValueAsString(reports));
    }
    return reports.stream().allMatch(report -> report.errors().isEmpty()) ? 0 : 1;
  }

  private LoadPlan plan(int users, int turns) {
    return new LoadPlan(
        server.url(),
        model,
        server.apiKey(),
        users,
        turns,
        maxTokens,
        !letEnd,
        Duration.ofSeconds(timeoutSeconds));
  }

  static String row(LoadReport report) {
    return String.format(
        Locale.ROOT,
        "%5d  %8.1f  %7.0f /%7.0f  %8.0f /%7.0f  %6.1f /%7.1f  %9.1f  %s",
        report.users(),
        report.tokensPerSecond(),
        report.firstToken().p50Millis(),
        report.firstToken().p99Millis(),
        report.followUpFirstToken().p50Millis(),
        report.followUpFirstToken().p99Millis(),
        report.interToken().p50Millis(),
        report.interToken().p99Millis(),
        report.perToken().p50Millis(),
        report.errors().isEmpty() ? "0" : report.errors());
  }
}
