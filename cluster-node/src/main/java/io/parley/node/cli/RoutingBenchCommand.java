package io.parley.node.cli;

import com.typesafe.config.Config;
import io.parley.node.StartupException;
import io.parley.node.bench.RoutingLoad;
import io.parley.node.bench.RoutingLoad.Figures;
import io.parley.node.bench.RoutingLoad.Load;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code parley bench routing}. */
@Command(
    name = "routing",
    mixinStandardHelpOptions = true,
    description = {
      "Measures dispatchers, streams and workers of many nodes in this process; works of 0.6 to 1 s",
      "only take time, and each worker has 8 slots. Each size runs idle (5 % of the slots), at 95 %,",
      "and full. The wait is from the submission to the start at the worker; best p99 is that of",
      "one queue before all slots that costs nothing: what is above it, the routing costs. The exit",
      "code is 1 when a work was lost."
    })
final class RoutingBenchCommand implements Callable<Integer> {
  @Option(
      names = "--workers",
      split = ",",
      defaultValue = "1,10,50,200",
      description = "Workers (default: ${DEFAULT-VALUE}).")
  private List<Integer> workers;

  @Option(
      names = "--dispatchers",
      split = ",",
      defaultValue = "1,5,20",
      description = "Dispatchers, one for each session node (default: ${DEFAULT-VALUE}).")
  private List<Integer> dispatchers;

  @Option(
      names = "--loads",
      split = ",",
      defaultValue = "IDLE,HIGH,FULL",
      description = "Loads (default: ${DEFAULT-VALUE}).")
  private List<Load> loads;

  @Option(
      names = "--seconds",
      defaultValue = "4",
      description = "For which each load is measured (default: ${DEFAULT-VALUE}).")
  private double seconds;

  @Mixin private ConfigOptions configuration;

  @Override
  public Integer call() {
    if (workers.stream().anyMatch(n -> n < 1) || dispatchers.stream().anyMatch(n -> n < 1)) {
      throw new StartupException("workers and dispatchers are at least 1");
    }
    Config config = configuration.load();
    try (RoutingLoad first = new RoutingLoad(config, 20, 4)) {
      for (Load load : loads) {
        first.measure(load, 1); // classes are loaded and compiled
      }
    }
    System.out.println(
        "workers x dispatchers  load   works/s   wait p50 / p99 ms   best p99   slots taken"
            + "   cores  collecting ms  lost");
    int lost = 0;
    for (int some : workers) {
      for (int many : dispatchers) {
        try (RoutingLoad run = new RoutingLoad(config, some, many)) {
          for (Load load : loads) {
            Figures figures = run.measure(load, seconds);
            lost += figures.failed();
            print(some + " x " + many, load, figures);
          }
        }
      }
    }
    return lost == 0 ? 0 : 1;
  }

  private static void print(String size, Load load, Figures figures) {
    System.out.printf(
        Locale.ROOT,
        "%21s  %4s  %8.0f   %8.2f / %6.2f   %8.2f   %10.1f%%   %5.2f  %13d  %4d%n",
        size,
        load.name().toLowerCase(Locale.ROOT),
        figures.worksPerSecond(),
        figures.waited().p50Millis(),
        figures.waited().p99Millis(),
        figures.best().p99Millis(),
        100 * figures.slotsTaken(),
        figures.cores(),
        figures.collectionMillis(),
        figures.failed());
  }
}
