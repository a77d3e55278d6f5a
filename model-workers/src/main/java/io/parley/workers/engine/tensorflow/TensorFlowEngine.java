package io.parley.workers.engine.tensorflow;

import io.parley.workers.engine.Arithmetic;
import io.parley.workers.engine.Device;
import io.parley.workers.engine.Engine;
import io.parley.workers.engine.EngineException;
import io.parley.workers.engine.EngineMemory;
import io.parley.workers.engine.EngineSettings;
import io.parley.workers.engine.EngineSpec;
import io.parley.workers.engine.ImportListener;
import io.parley.workers.engine.Kernels;
import io.parley.workers.engine.RowSums;
import io.parley.workers.engine.StepInput;
import io.parley.workers.engine.ThreadBinding;
import io.parley.workers.engine.UnsupportedModelException;
import io.parley.workers.engine.WeightType;
import io.parley.workers.gguf.GgufFile;
import java.nio.FloatBuffer;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.tensorflow.proto.ConfigProto;
import org.tensorflow.proto.GraphOptions;
import org.tensorflow.proto.OptimizerOptions;
import org.tensorflow.proto.RewriterConfig;

/**
 * A decoder on the CPU as a TensorFlow graph, run by DJL: of Parley's own operations where this
 * build, CPU and model allow them, else of TensorFlow's.
 */
public final class TensorFlowEngine implements Engine {
  private static final Logger LOG = LoggerFactory.getLogger(TensorFlowEngine.class);

  private static volatile boolean runtimeStarted;

  private final EngineSpec spec;
  private final LoadedGraph graph;
  private final ForwardPass pass;
  private final StepCost cost;
  private final Logits logits;
  private final Device device;
  private final ThreadBinding binding;

  private TensorFlowEngine(
      EngineSpec spec,
      LoadedGraph graph,
      ForwardPass pass,
      StepCost cost,
      Device device,
      ThreadBinding binding) {
    this.spec = spec;
    this.graph = graph;
    this.pass = pass;
    this.cost = cost;
    this.device = device;
    this.binding = binding;
    this.logits = new Logits(spec.vocabularySize());
  }

  /**
   * Loads a model, importing it first if this file has not been imported yet.
   *
   * @param gguf a checked file
   * @param sha256 the file's checksum, lower-case hexadecimal; names the import
   * @throws io.parley.workers.gguf.GgufException when the file is damaged
   * @throws UnsupportedModelException when it is not for this engine, or for these weights
   * @throws java.io.UncheckedIOException when the cache cannot be written
   * @throws IllegalArgumentException when the settings ask for what this machine or model lacks
   * @throws EngineException when TensorFlow fails
   */
  public static TensorFlowEngine load(
      Path gguf,
      String sha256,
      WeightType weights,
      EngineSettings settings,
      ImportListener listener) {
    ThreadBinding binding = ThreadBinding.to(settings.device());
    return binding.during(() -> load(gguf, sha256, weights, settings, listener, binding));
  }

  private static TensorFlowEngine load(
      Path gguf,
      String sha256,
      WeightType weights,
      EngineSettings settings,
      ImportListener listener,
      ThreadBinding binding) {
    Natives.prepare(settings.cacheFolder(), listener);
    DecoderConfig config;
    Optional<Kernels> kernels;
    Recipe recipe;
    Path savedModel;
    try (GgufFile file = GgufFile.open(gguf)) {
      config = DecoderSupport.read(file);
      startRuntime();
      Devices.require(settings.device());
      kernels = chooseKernels(settings, KernelGraph.obstacle(config), weights);
      recipe =
          kernels.isPresent() ? Recipe.ofKernels(weights) : Recipe.ofGraph(arithmetic(settings));
      savedModel =
          SavedModelImporter.obtain(file, config, sha256, recipe, settings.cacheFolder(), listener);
    }
    EngineSpec spec =
        new EngineSpec(
            config.vocabularySize(),
            config.contextLength(),
            EngineSettings.BLOCK_SIZE,
            blocks(settings, config, kernels.isPresent() ? Short.BYTES : Float.BYTES),
            settings.maxBatchTokens(),
            kernels
                .map(variant -> EngineSpec.KERNEL_VARIANTS + variant.label() + weights.suffix())
                .orElseGet(() -> EngineSpec.GRAPH_VARIANTS + arithmetic(settings).label()),
            kernels.map(KernelPass::cheapRows).orElse(0));
    StepCost cost = StepCost.of(config, DecoderWeights.packed(config, weights));
    if (kernels.isPresent()) {
      LoadedGraph graph =
          LoadedGraph.open(
              savedModel,
              List.of(
                  KernelGraph.STEP, KernelGraph.RESET, KernelGraph.WEIGH, GraphVariables.GIVE_BACK),
              sessionOptions(1));
      int threads = KernelGraph.threads(settings.cores(), binding.group());
      ForwardPass pass = new KernelPass(graph, kernels.get(), threads);
      return start(spec, graph, pass, cost, settings.device(), binding);
    }
    Devices.requireThreadsOfItsOwn(settings.device());
    LoadedGraph graph =
        LoadedGraph.open(
            savedModel,
            DecoderGraph.SIGNATURES,
            Devices.options(sessionOptions(settings.cores()), settings.device()));
    return start(
        spec, graph, new PlannedPass(graph, spec, config), cost, settings.device(), binding);
  }

  /**
   * What {@link #load} of the same file and settings will take. Reads the header alone; needs no
   * native library.
   *
   * @param rows the most sequences that one step gives logits for
   * @throws io.parley.workers.gguf.GgufException when the file is damaged
   * @throws io.parley.workers.engine.UnsupportedModelException when it is not for this engine
   * @throws IllegalArgumentException when the KV memory is too small for one block
   */
  public static EngineMemory memory(
      Path gguf, WeightType weights, EngineSettings settings, int rows) {
    try (GgufFile file = GgufFile.open(gguf)) {
      DecoderConfig config = DecoderSupport.read(file);
      boolean kernels = mayUseKernels(settings) && KernelGraph.obstacle(config).isEmpty();
      return MemoryEstimate.of(config, settings, weights, kernels, rows, !runtimeStarted);
    }
  }

  /** Whether a model that they fit is run by the kernels. */
  static boolean mayUseKernels(EngineSettings settings) {
    return settings.kernels() != Kernels.OFF
        && !(settings.device() instanceof Device.Gpu)
        && KernelLibrary.isThere();
  }

  static boolean runtimeStarted() {
    return runtimeStarted;
  }

  /**
   * Whether {@link #close} leaves the memory with this process, for the next engine. With oneDNN
   * TensorFlow's allocator does, which reads this when it is loaded; the kernels give the pages
   * back that it keeps.
   */
  public static boolean keepsMemory(EngineSettings settings) {
    return !mayUseKernels(settings) && !"0".equals(System.getenv("TF_ENABLE_ONEDNN_OPTS"));
  }

  /** DJL must load TensorFlow, in its own way, before anything else touches it. */
  static void startRuntime() {
    try {
      LOG.debug("TensorFlow {}", ai.djl.engine.Engine.getEngine("TensorFlow").getVersion());
      runtimeStarted = true;
    } catch (RuntimeException | LinkageError e) {
      throw new EngineException("TensorFlow cannot be loaded: " + e.getMessage(), e);
    }
  }

  /**
   * Empty: the pure graph. What was asked for by name and is not there is an error.
   *
   * @param ofModel why the model cannot use the kernels, if it cannot
   */
  static Optional<Kernels> chooseKernels(
      EngineSettings settings, Optional<String> ofModel, WeightType weights) {
    if (settings.kernels() == Kernels.OFF) {
      requireNoKernels(weights, "parley.engine.kernels is off");
      return Optional.empty();
    }
    boolean byName = settings.kernels() != Kernels.AUTO;
    if (settings.device() instanceof Device.Gpu gpu) {
      if (byName) {
        throw new IllegalArgumentException(
            "parley.engine.kernels is %s, and these run on the CPU, not on %s"
                .formatted(settings.kernels().label(), gpu.label()));
      }
      requireNoKernels(weights, "they do not run on " + gpu.label());
      return Optional.empty();
    }
    CpuFeatures cpu = CpuFeatures.ofThisMachine();
    Kernels variant = byName ? settings.kernels() : cpu.bestKernels();
    Optional<String> obstacle =
        cpu.runs(variant) ? ofModel : Optional.of("this CPU lacks its instructions");
    if (obstacle.isEmpty()) {
      obstacle = KernelLibrary.load(settings.cacheFolder());
    }
    if (obstacle.isEmpty()) {
      return Optional.of(variant);
    }
    if (byName) {
      throw new IllegalArgumentException(
          "parley.engine.kernels is %s, which this model cannot use: %s"
              .formatted(variant.label(), obstacle.get()));
    }
    requireNoKernels(weights, obstacle.get());
    LOG.warn("The model runs without Parley's kernels, several times slower: {}", obstacle.get());
    return Optional.empty();
  }

  private static void requireNoKernels(WeightType weights, String obstacle) {
    if (weights != WeightType.BF16) {
      throw new UnsupportedModelException(
          "weights=%s needs Parley's kernels, and %s; without it the model has bf16 weights"
              .formatted(weights.label(), obstacle));
    }
  }

  static Arithmetic arithmetic(EngineSettings settings) {
    return settings.arithmetic().orElseGet(() -> CpuFeatures.ofThisMachine().fastestArithmetic());
  }

  static int blocks(EngineSettings settings, DecoderConfig config, int bytesOfValue) {
    if (settings.kvBlocks() > 0) {
      return settings.kvBlocks();
    }
    long bytes = config.blockValues(EngineSettings.BLOCK_SIZE) * bytesOfValue;
    long blocks = Math.min(settings.kvMemoryBytes() / bytes, Integer.MAX_VALUE / 2);
    if (blocks < 1) {
      throw new IllegalArgumentException(
          "parley.engine.kv-memory is too small: this model needs %d bytes for a block of %d positions"
              .formatted(bytes, EngineSettings.BLOCK_SIZE));
    }
    return (int) blocks;
  }

  /**
   * One step runs in the caller's thread. The graph is written the way it should run: TensorFlow's
   * own rewriting would only lengthen the start.
   *
   * @param threads of TensorFlow's own operations
   */
  static ConfigProto sessionOptions(int threads) {
    return ConfigProto.newBuilder()
        .setIntraOpParallelismThreads(threads)
        .setInterOpParallelismThreads(-1)
        .setGraphOptions(
            GraphOptions.newBuilder()
                .setOptimizerOptions(
                    OptimizerOptions.newBuilder().setOptLevel(OptimizerOptions.Level.L0))
                .setRewriteOptions(RewriterConfig.newBuilder().setDisableMetaOptimizer(true)))
        .build();
  }

  private static TensorFlowEngine start(
      EngineSpec spec,
      LoadedGraph graph,
      ForwardPass pass,
      StepCost cost,
      Device device,
      ThreadBinding binding) {
    try {
      pass.reset(spec.blocks());
      return new TensorFlowEngine(spec, graph, pass, cost, device, binding);
    } catch (RuntimeException e) {
      graph.close();
      throw new EngineException("TensorFlow cannot start the model: " + e.getMessage(), e);
    }
  }

  @Override
  public EngineSpec spec() {
    return spec;
  }

  /** What its steps ask of a machine, for a comparison with {@link #measureMachine}. */
  public StepCost cost() {
    return cost;
  }

  /** Measures what the machine gives to the kernels at the most; empty without kernels. */
  public Optional<MachineLimits> measureMachine() {
    return pass instanceof KernelPass kernels
        ? Optional.of(kernels.measureMachine())
        : Optional.empty();
  }

  @Override
  public FloatBuffer step(StepInput input) {
    StepChecks.check(input, spec);
    return binding.during(
        () -> {
          try {
            logits.forget();
            pass.run(input, logits);
          } catch (RuntimeException e) {
            throw new EngineException("TensorFlow failed in a step: " + e.getMessage(), e);
          }
          return logits.all();
        });
  }

  @Override
  public void ownThread() {
    binding.bindForGood();
  }

  @Override
  public String device() {
    return device.label();
  }

  @Override
  public Optional<RowSums> weigh(int[] rows, double[] scales) {
    return binding.during(
        () -> {
          try {
            return pass.weigh(logits, rows, scales);
          } catch (RuntimeException e) {
            throw new EngineException("TensorFlow failed to weigh logits: " + e.getMessage(), e);
          }
        });
  }

  @Override
  public void close() {
    logits.forget();
    graph.close();
  }
}
