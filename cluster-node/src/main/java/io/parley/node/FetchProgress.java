package io.parley.node;

import io.parley.node.models.ModelStatus.Progress;
import io.parley.workers.model.ProgressListener;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Passes on what the store does for a model: steps to the log, bytes to whoever shows them. */
record FetchProgress(String model, Consumer<Progress> shown) implements ProgressListener {
  private static final Logger log = LoggerFactory.getLogger(FetchProgress.class);

  @Override
  public void step(String what) {
    log.info("Model {}: {}", model, what);
  }

  @Override
  public void bytes(long done, long total) {
    shown.accept(new Progress("bytes", done, total));
  }
}
