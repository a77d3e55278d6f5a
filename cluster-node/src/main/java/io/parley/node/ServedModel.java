package io.parley.node;

import akka.actor.typed.Behavior;
import com.typesafe.config.Config;
import io.parley.routing.protocol.ModelInfo;
import io.parley.workers.engine.EngineSettings;
import io.parley.workers.engine.UnsupportedModelException;
import io.parley.workers.gguf.GgufException;
import io.parley.workers.model.ModelStore;
import io.parley.workers.model.ModelStoreException;
import io.parley.workers.model.ProgressListener;
import io.parley.workers.model.StoredModel;
import java.io.UncheckedIOException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A model of the store that this node serves, of either kind. */
interface ServedModel extends AutoCloseable {
  /** What the cluster is told of it. */
  ModelInfo info();

  /**
   * Loads it for the first time, while the node starts, so that a bad file stops the start with one
   * clear line.
   *
   * @throws StartupException when the model is damaged or not for this engine
   */
  void load(StartupReporter reporter);

  /** The actor that serves it; it takes over what was loaded. */
  Behavior<?> worker();

  /** Frees what no worker took over. */
  @Override
  void close();

  /** A name that is allowed in an actor's path. */
  default String actorName() {
    return info().id().toString().replace('@', '-');
  }

  /**
   * Finds the model, and fetches it if the store lacks it.
   *
   * @param spec a name, {@code name@version}, a file or a source
   * @throws StartupException when it cannot be fetched or is damaged
   */
  static ServedModel obtain(String spec, Config config, StartupReporter reporter) {
    StartupReporter.Step step = reporter.begin("model");
    try {
      StoredModel stored =
          ModelStore.in(EngineSettings.from(config).cacheFolder())
              .obtain(spec, new Progress(spec, step));
      step.done(stored.manifest().id().toString());
      return stored.isEncoder()
          ? new LoadedEncoder(spec, stored, config)
          : new LoadedModel(spec, stored, config);
    } catch (ModelStoreException e) {
      throw new StartupException(e.getMessage(), e);
    } catch (GgufException | UnsupportedModelException | UncheckedIOException e) {
      throw new StartupException("the model '" + spec + "' cannot be used: " + e.getMessage(), e);
    }
  }

  /** Shows and logs how a model is fetched. */
  record Progress(String spec, StartupReporter.Step step) implements ProgressListener {
    private static final Logger LOG = LoggerFactory.getLogger(ServedModel.class);

    @Override
    public void step(String what) {
      LOG.info("Model {}: {}", spec, what);
    }

    @Override
    public void bytes(long done, long total) {
      step.progress(done, total);
    }
  }
}
