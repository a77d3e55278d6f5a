package io.parley.node.audit.reproduce;

import io.parley.routing.protocol.ModelInfo;
import io.parley.workers.engine.Device;
import io.parley.workers.engine.Engine;
import io.parley.workers.engine.EngineSettings;
import io.parley.workers.engine.EngineSpec;
import io.parley.workers.engine.ImportListener;
import io.parley.workers.engine.Kernels;
import io.parley.workers.engine.tensorflow.TensorFlowEngine;
import io.parley.workers.gguf.GgufFile;
import io.parley.workers.model.ModelManifest;
import io.parley.workers.model.ModelSupport;
import io.parley.workers.model.StoredModel;
import io.parley.workers.reproduce.Reproducer;
import io.parley.workers.reproduce.Tolerance;
import io.parley.workers.text.GgufTokenizer;
import io.parley.workers.text.JinjaChatTemplate;
import java.util.Arrays;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A model, loaded with the kernels that a record names, if this machine runs them. */
public final class ReproducibleModel implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(ReproducibleModel.class);

  private final Engine engine;
  private final GgufTokenizer tokenizer;
  private final JinjaChatTemplate template;
  private final ModelInfo info;

  private ReproducibleModel(
      Engine engine, GgufTokenizer tokenizer, JinjaChatTemplate template, ModelInfo info) {
    this.engine = engine;
    this.tokenizer = tokenizer;
    this.template = template;
    this.info = info;
  }

  /**
   * Loads it. Where the settings choose the kernels by themselves, they are the recorded ones.
   *
   * @param variant as recorded
   */
  public static ReproducibleModel open(
      StoredModel stored, EngineSettings settings, String variant) {
    ModelManifest manifest = stored.manifest();
    GgufTokenizer tokenizer;
    JinjaChatTemplate template;
    try (GgufFile gguf = GgufFile.open(stored.file())) {
      ModelSupport.check(gguf);
      tokenizer = GgufTokenizer.of(gguf.metadata(), settings.cacheFolder());
      template = JinjaChatTemplate.of(gguf.metadata());
    }
    ModelInfo info =
        new ModelInfo(
            manifest.id(),
            manifest.contextLength(),
            manifest.createdEpochSeconds(),
            "parley",
            manifest.licence());
    return new ReproducibleModel(load(stored, settings, variant), tokenizer, template, info);
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
        engine, tokenizer, template, info, Tolerance.BETWEEN_VARIANTS, everyToken);
  }

  @Override
  public void close() {
    engine.close();
  }
}
