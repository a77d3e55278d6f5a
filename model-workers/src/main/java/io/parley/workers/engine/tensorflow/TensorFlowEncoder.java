package io.parley.workers.engine.tensorflow;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.parley.workers.encoder.EncoderConfig;
import io.parley.workers.encoder.EncoderTensors;
import io.parley.workers.engine.Device;
import io.parley.workers.engine.Encoder;
import io.parley.workers.engine.EncoderSpec;
import io.parley.workers.engine.EngineException;
import io.parley.workers.engine.EngineMemory;
import io.parley.workers.engine.EngineSettings;
import io.parley.workers.engine.ImportListener;
import io.parley.workers.engine.Kernels;
import io.parley.workers.engine.ThreadBinding;
import io.parley.workers.engine.WeightType;
import io.parley.workers.safetensors.SafetensorsFile;
import java.nio.FloatBuffer;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A BERT encoder on the CPU as a TensorFlow graph, run by DJL: of Parley's own operations, all
 * texts of a call at once, where this build, CPU and model allow them; else of TensorFlow's, one
 * text after the other.
 */
public final class TensorFlowEncoder implements Encoder {
  /** Names the import; raised when the graph or the stored weights change. */
  private static final String FORMAT = "-3-encoder-";

  private final EncoderSpec spec;
  private final LoadedGraph graph;
  private final Optional<NDArray> execution; // lives as long as the graph; empty: the pure graph
  private final Device device;
  private final ThreadBinding binding;

  private TensorFlowEncoder(
      EncoderSpec spec,
      LoadedGraph graph,
      Optional<NDArray> execution,
      Device device,
      ThreadBinding binding) {
    this.device = device;
    this.binding = binding;
    this.spec = spec;
    this.graph = graph;
    this.execution = execution;
  }

  /**
   * Loads an encoder, importing it first if its files have not been imported yet.
   *
   * @param weights a checked file with the other files beside it
   * @param sha256 their checksum, lower-case hexadecimal; names the import
   * @throws io.parley.workers.safetensors.SafetensorsException when the file is damaged
   * @throws io.parley.workers.engine.UnsupportedModelException when it is not for this engine
   * @throws java.io.UncheckedIOException when the cache cannot be written
   * @throws IllegalArgumentException when the settings ask for what this machine or model lacks
   * @throws EngineException when TensorFlow fails
   */
  public static TensorFlowEncoder load(
      Path weights, String sha256, EngineSettings settings, ImportListener listener) {
    ThreadBinding binding = ThreadBinding.to(settings.device());
    return binding.during(() -> load(weights, sha256, settings, listener, binding));
  }

  private static TensorFlowEncoder load(
      Path weights,
      String sha256,
      EngineSettings settings,
      ImportListener listener,
      ThreadBinding binding) {
    Natives.prepare(settings.cacheFolder(), listener);
    EncoderConfig config = EncoderConfig.read(weights);
    Optional<Kernels> kernels;
    Path savedModel;
    try (SafetensorsFile file = SafetensorsFile.open(weights)) {
      EncoderTensors.check(file, config);
      TensorFlowEngine.startRuntime();
      Devices.require(settings.device());
      kernels =
          TensorFlowEngine.chooseKernels(
              settings, EncoderKernelGraph.obstacle(config), WeightType.BF16);
      boolean own = kernels.isPresent();
      EncoderWeights weightsOfGraph = weights(config, own);
      savedModel =
          SavedModelImporter.obtain(
              sha256 + FORMAT + (own ? "kernels" : "f32"),
              empty ->
                  own
                      ? EncoderKernelGraph.build(empty, config, weightsOfGraph)
                      : EncoderGraph.build(empty, config, weightsOfGraph),
              weightsOfGraph.source(file),
              settings.cacheFolder(),
              listener);
    }
    EncoderSpec spec =
        new EncoderSpec(
            config.vocabularySize(),
            config.contextLength(),
            config.hidden(),
            kernels.map(variant -> "parley-" + variant.label()).orElse("tf-graph-f32"));
    int threads = kernels.isPresent() ? 1 : settings.cores();
    if (kernels.isEmpty()) {
      Devices.requireThreadsOfItsOwn(settings.device());
    }
    LoadedGraph graph =
        LoadedGraph.open(
            savedModel,
            kernels.isPresent()
                ? List.of(EncoderKernelGraph.EMBED, GraphVariables.GIVE_BACK)
                : List.of(EncoderGraph.EMBED),
            Devices.options(TensorFlowEngine.sessionOptions(threads), settings.device()));
    try {
      return new TensorFlowEncoder(
          spec,
          graph,
          kernels.map(
              variant ->
                  LoadedGraph.vector(
                      graph.newManager(),
                      KernelGraph.number(variant),
                      KernelGraph.threads(settings.cores(), binding.group()))),
          settings.device(),
          binding);
    } catch (RuntimeException e) {
      graph.close();
      throw new EngineException("TensorFlow cannot start the model: " + e.getMessage(), e);
    }
  }

  private static EncoderWeights weights(EncoderConfig config, boolean kernels) {
    return kernels ? EncoderWeights.packed(config) : EncoderWeights.transposed(config);
  }

  /**
   * What {@link #load} of the same files and settings will take. Reads headers alone; needs no
   * native library.
   *
   * @param batchTokens the most tokens of one call, where no text has more
   * @throws io.parley.workers.engine.UnsupportedModelException when it is not for this engine
   */
  public static EngineMemory memory(Path file, EngineSettings settings, int batchTokens) {
    EncoderConfig config = EncoderConfig.read(file);
    boolean kernels =
        TensorFlowEngine.mayUseKernels(settings) && EncoderKernelGraph.obstacle(config).isEmpty();
    return MemoryEstimate.of(
        config,
        weights(config, kernels),
        kernels ? Math.max(batchTokens, config.contextLength()) : config.contextLength(),
        !TensorFlowEngine.runtimeStarted());
  }

  @Override
  public EncoderSpec spec() {
    return spec;
  }

  @Override
  public float[][] embed(List<int[]> texts) {
    texts.forEach(this::check);
    return binding.during(() -> compute(texts));
  }

  @Override
  public void ownThread() {
    binding.bindForGood();
  }

  @Override
  public String device() {
    return device.label();
  }

  private float[][] compute(List<int[]> texts) {
    float[][] embeddings = new float[texts.size()][];
    try {
      if (execution.isPresent()) {
        embedAll(texts, execution.get(), embeddings);
      } else {
        for (int i = 0; i < embeddings.length; i++) {
          embedOne(texts.get(i), embeddings, i);
        }
      }
    } catch (RuntimeException e) {
      throw new EngineException("TensorFlow failed in a batch: " + e.getMessage(), e);
    }
    return embeddings;
  }

  /** What is out of range could end the process in the graph. */
  private void check(int[] text) {
    if (text.length < 1 || text.length > spec.contextLength()) {
      throw new IllegalArgumentException("a text of " + text.length + " tokens");
    }
    for (int token : text) {
      if (token < 0 || token >= spec.vocabularySize()) {
        throw new IllegalArgumentException("token id out of range: " + token);
      }
    }
  }

  private void embedAll(List<int[]> texts, NDArray how, float[][] embeddings) {
    int rows = texts.stream().mapToInt(text -> text.length).sum();
    if (rows == 0) {
      return;
    }
    int[] tokens = new int[rows];
    int[] positions = new int[rows];
    int[] lengths = new int[texts.size()];
    int row = 0;
    for (int i = 0; i < lengths.length; i++) {
      int[] text = texts.get(i);
      lengths[i] = text.length;
      for (int position = 0; position < text.length; position++, row++) {
        tokens[row] = text[position];
        positions[row] = position;
      }
    }
    try (NDManager manager = graph.newManager()) {
      Map<String, NDArray> inputs =
          Map.of(
              "tokens", LoadedGraph.vector(manager, tokens),
              "positions", LoadedGraph.vector(manager, positions),
              "lengths", LoadedGraph.vector(manager, lengths),
              "execution", how);
      copy(graph.call(EncoderKernelGraph.EMBED, inputs, manager), embeddings, 0, lengths.length);
    }
  }

  private void embedOne(int[] text, float[][] embeddings, int index) {
    try (NDManager manager = graph.newManager()) {
      Map<String, NDArray> inputs = Map.of("tokens", LoadedGraph.vector(manager, text));
      copy(graph.call(EncoderGraph.EMBED, inputs, manager), embeddings, index, 1);
    }
  }

  private void copy(NDArray rows, float[][] embeddings, int from, int count) {
    FloatBuffer values = rows.toByteBuffer().asFloatBuffer();
    for (int i = from; i < from + count; i++) {
      embeddings[i] = new float[spec.dimensions()];
      values.get(embeddings[i]);
    }
  }

  @Override
  public void close() {
    graph.close();
  }
}
