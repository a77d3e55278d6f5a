package io.parley.node.cli;

import com.typesafe.config.Config;
import io.parley.node.StartupException;
import io.parley.node.StoredReplica;
import io.parley.node.audit.reproduce.ReproducibleModel;
import io.parley.node.bench.LoadReport;
import io.parley.node.bench.RecordingReplica;
import io.parley.node.bench.ReplicaLoad;
import io.parley.workers.batch.BatcherSettings;
import io.parley.workers.engine.EngineSettings;
import io.parley.workers.engine.ImportListener;
import io.parley.workers.model.ModelStore;
import io.parley.workers.model.ModelStoreException;
import io.parley.workers.model.ProgressListener;
import io.parley.workers.model.StoredModel;
import io.parley.workers.replica.EngineReplica;
import io.parley.workers.replica.WarmUp;
import io.parley.workers.reproduce.RecordedAttempt;
import io.parley.workers.reproduce.Reproducer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicInteger;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code parley bench reproduce}. */
@Command(
    name = "reproduce",
    mixinStandardHelpOptions = true,
    description = {
      "Generates conversations in this process, and computes them again as parley audit reproduce",
      "does: tokens a second of both. The exit code is 1 when an answer is not given again."
    })
final class ReproduceBenchCommand implements Callable<Integer> {
  private static final Duration WARM_UP = Duration.ofSeconds(5);
  private static final Duration TIMEOUT = Duration.ofMinutes(10);

  @Option(
      names = "--model",
      defaultValue = "smollm2-135m-instruct",
      description = "A model as for parley up (default: ${DEFAULT-VALUE}).")
  private String model;

  @Option(
      names = "--users",
      split = ",",
      defaultValue = "1,8,32",
      description =
          "Conversations that are generated at once; several are run one after another (default:"
              + " ${DEFAULT-VALUE}).")
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

  @Mixin private ConfigOptions configuration;

  /** What one number of users gave. */
  private record Generated(LoadReport report, List<List<RecordedAttempt>> sessions) {}

  @Override
  public Integer call() throws InterruptedException {
    Config config = configuration.load();
    try {
      EngineSettings settings = EngineSettings.from(config);
      StoredModel stored =
          ModelStore.in(settings.cacheFolder()).obtain(model, ProgressListener.NONE);
      List<Generated> all = generate(stored, settings, BatcherSettings.from(config));
      return reproduce(stored, settings, all) ? 0 : 1;
    } catch (ModelStoreException | IllegalArgumentException e) {
      throw new StartupException(e.getMessage(), e);
    }
  }

  private List<Generated> generate(
      StoredModel stored, EngineSettings settings, BatcherSettings batcher)
      throws InterruptedException {
    List<Generated> all = new ArrayList<>();
    try (EngineReplica replica =
        StoredReplica.open(stored, settings, batcher, ImportListener.NONE)) {
      System.out.println(replica.model().id() + ", " + replica.variant());
      WarmUp.run(replica, WARM_UP);
      for (int count : users) {
        RecordingReplica recording = new RecordingReplica(replica);
        LoadReport report =
            new ReplicaLoad(recording, count, turns, maxTokens, TIMEOUT.toMillis()).run().report();
        all.add(new Generated(report, recording.sessions()));
      }
    }
    return all;
  }

  /** Whether all of them were given again. */
  private static boolean reproduce(
      StoredModel stored, EngineSettings settings, List<Generated> all) {
    boolean sound = true;
    System.out.println("users  generated tokens/s  again tokens/s  times  turns  exact");
    try (ReproducibleModel model = ReproducibleModel.open(stored, settings, "")) {
      // the first steps of an engine take longer
      model.reproducer(false).run(all.get(0).sessions().iterator(), report -> {});
      for (Generated generated : all) {
        AtomicInteger attempts = new AtomicInteger();
        AtomicInteger exact = new AtomicInteger();
        long startedNanos = System.nanoTime();
        Reproducer.Stats stats =
            model
                .reproducer(false)
                .run(
                    generated.sessions().iterator(),
                    report -> {
                      attempts.incrementAndGet();
                      exact.addAndGet(report.verdict().confirmed() ? 1 : 0);
                    });
        double again = stats.tokens() / ((System.nanoTime() - startedNanos) / 1e9);
        double first = generated.report().tokensPerSecond();
        System.out.printf(
            Locale.ROOT,
            "%5d  %18.1f  %14.1f  %5.2f  %5d  %5d%n",
            generated.report().users(),
            first,
            again,
            again / first,
            attempts.get(),
            exact.get());
        sound &= attempts.get() > 0 && exact.get() == attempts.get();
      }
    }
    return sound;
  }
}
