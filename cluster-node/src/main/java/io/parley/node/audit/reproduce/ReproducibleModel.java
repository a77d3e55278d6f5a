package io.parley.node.audit.reproduce;

import io.parley.node.StoredText;
import io.parley.workers.engine.Device;
import io.parley.workers.engine.Engine;
import io.parley.workers.engine.EngineSettings;
import io.parley.workers.engine.EngineSpec;
import io.parley.workers.engine.ImportListener;
import io.parley.workers.engine.Kernels;
import io.parley.workers.engine.tensorflow.TensorFlowEngine;
import io.parley.workers.model.ModelManifest;
import io.parley.workers.model.StoredModel;
import io.parley.workers.reproduce.Reproducer;
import io.parley.workers.reproduce.Tolerance;
import java.util.Arrays;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A model, loaded with the kernels that a record names, if this machine runs them. */
public final class ReproducibleModel implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(ReproducibleModel.class);

  private final Engine engine;
  private final StoredText text;

  private ReproducibleModel(Engine engine, StoredText text) {
    this.engine = engine;
    this.text = text;
  }

  /**
   * Loads it. Where the settings choose the kernels by themselves, they are the recorded ones.
   *
   * @param variant as recorded
   */
  public static ReproducibleModel open(
      StoredModel stored, EngineSettings settings, String variant) {
    StoredText text = StoredText.of(stored, settings);
    return new ReproducibleModel(load(stored, settings, variant), text);
  }

  private static Engine load(StoredModel stored, EngineSettings settings, String variant) {
    boolean mayChoose =
        settings.kernels() == Kernels.AUTO && !(settings.device() instanceof Device.Gpu);
    Optional<Kernels> recorded = mayChoose ? kernels(variant) : Optional.empty();
    if (recorded.isPresent()) {
      try {
        return load(stored, settings.withKernels(recorded.get()));
      } catch (IllegalArgumentException e) {
        LOG.info("{} is computed with other kernels here: {}", variant, e.getMessage());
      }
    }
    return load(stored, settings);
  }

  private static Engine load(StoredModel stored, EngineSettings settings) {
    ModelManifest manifest = stored.manifest();
    return TensorFlowEngine.load(
        stored.file(), manifest.sha256(), manifest.weights(), settings, ImportListener.NONE);
  }

  /** The kernels of a variant; the weights that it may name are the model's anyway. */
  private static Optional<Kernels> kernels(String variant) {
    return Arrays.stream(Kernels.values())
        .filter(
            kernels -> {
              String name = EngineSpec.KERNEL_VARIANTS + kernels.label();
              return variant.equals(name) || variant.startsWith(name + "-");
            })
        .findFirst();
  }

  /** The arithmetic here. */
  public String variant() {
    return engine.spec().variant();
  }

  /** One for one run. */
  public Reproducer reproducer(boolean everyToken) {
    return new Reproducer(
        engine,
        text.tokenizer(),
        text.template(),
        text.info(),
        Tolerance.BETWEEN_VARIANTS,
        everyToken);
  }

  @Override
  public void close() {
    engine.close();
  }
}
