package io.parley.node.cli;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigValueFactory;
import io.parley.node.StartupException;
import io.parley.node.StoredReplica;
import io.parley.node.bench.ProcessMemory;
import io.parley.node.bench.Soak;
import io.parley.workers.batch.BatcherSettings;
import io.parley.workers.batch.BatcherStats;
import io.parley.workers.engine.EngineSettings;
import io.parley.workers.engine.ImportListener;
import io.parley.workers.model.ModelStore;
import io.parley.workers.model.ModelStoreException;
import io.parley.workers.model.ProgressListener;
import io.parley.workers.model.StoredModel;
import io.parley.workers.replica.EngineReplica;
import java.time.Duration;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code parley bench soak}. */
@Command(
    name = "soak",
    mixinStandardHelpOptions = true,
    description = {
      "Runs random works through a replica in this process, in rounds of a minute: all lengths,",
      "cancellations, preemptions, conversations that go on. Behind each round it prints memory and",
      "checks that all KV blocks came back and that answers are, to the last bit, those of works",
      "that run alone. The exit code is 1 when they are not."
    })
final class SoakBenchCommand implements Callable<Integer> {
  private static final Duration ROUND = Duration.ofMinutes(1);

  @Option(
      names = "--model",
      defaultValue = "smollm2-135m-instruct",
      description = "A model as for parley up (default: ${DEFAULT-VALUE}).")
  private String model;

  @Option(
      names = "--minutes",
      defaultValue = "30",
      description = "Rounds of a minute, and the checks behind each (default: ${DEFAULT-VALUE}).")
  private int minutes;

  @Option(
      names = "--works",
      defaultValue = "48",
      description = "Works at once, waiting or running (default: ${DEFAULT-VALUE}).")
  private int works;

  @Option(
      names = "--kv-blocks",
      defaultValue = "48",
      description =
          "KV blocks of 64 tokens; few of them make sequences give way to others (default:"
              + " ${DEFAULT-VALUE}).")
  private int blocks;

  @Option(
      names = "--checks",
      defaultValue = "8",
      description = "Answers of a round that are computed again alone (default: ${DEFAULT-VALUE}).")
  private int checks;

  @Option(
      names = "--seed",
      defaultValue = "1",
      description = "Of the random works (default: ${DEFAULT-VALUE}).")
  private long seed;

  @Mixin private ConfigOptions configuration;

  @Override
  public Integer call() throws InterruptedException {
    Config config = configuration.load();
    try {
      EngineSettings settings = EngineSettings.from(config);
      StoredModel stored =
          ModelStore.in(settings.cacheFolder()).obtain(model, ProgressListener.NONE);
      BatcherSettings batcher = BatcherSettings.from(config);
      int context = stored.manifest().contextLength();
      Config one =
          config
              .withValue("parley.batcher.prefix-cache", ConfigValueFactory.fromAnyRef(false))
              .withValue("parley.batcher.draft-rows", ConfigValueFactory.fromAnyRef(0));
      try (EngineReplica replica = open(stored, withBlocks(config, blocks), batcher);
          EngineReplica alone =
              open(
                  stored,
                  withBlocks(config, context / EngineSettings.BLOCK_SIZE + 1),
                  BatcherSettings.from(one).withSlots(1))) {
        return run(replica, new Soak(replica, replica::stats, alone, works, seed)) ? 0 : 1;
      }
    } catch (ModelStoreException | IllegalArgumentException e) {
      throw new StartupException(e.getMessage(), e);
    }
  }

  private static EngineSettings withBlocks(Config config, int count) {
    return EngineSettings.from(
        config.withValue("parley.engine.kv-blocks", ConfigValueFactory.fromAnyRef(count)));
  }

  private static EngineReplica open(
      StoredModel stored, EngineSettings settings, BatcherSettings batcher) {
    return StoredReplica.open(stored, settings, batcher, ImportListener.NONE);
  }

  private boolean run(EngineReplica replica, Soak soak) throws InterruptedException {
    System.out.println(replica.model().id() + ", " + replica.variant());
    boolean sound = true;
    for (int minute = 1; minute <= minutes; minute++) {
      Soak.Round round = soak.round(ROUND, checks);
      BatcherStats stats = replica.stats();
      System.out.printf(
          Locale.ROOT,
          "round %3d: %4d works (%d cancelled), %.1f tokens/s, %d preemptions and %d tokens from the"
              + " prefix cache so far, %d blocks leaked, %d answers checked, %d wrong, %.0f MB"
              + " resident%n",
          minute,
          round.works(),
          round.cancelled(),
          round.tokens() / round.seconds(),
          stats.preemptions(),
          stats.cachedTokens(),
          round.leakedBlocks(),
          round.checked(),
          round.wrong().size(),
          ProcessMemory.now().residentBytes() / 1e6);
      round.wrong().forEach(line -> System.out.println("  " + line));
      sound &= round.sound();
    }
    return sound;
  }
}
