package io.parley.workers.engine.tensorflow;

import ai.djl.Device;
import ai.djl.MalformedModelException;
import ai.djl.Model;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.tensorflow.engine.TfSymbolBlock;
import ai.djl.training.ParameterStore;
import io.parley.workers.engine.Arithmetic;
import io.parley.workers.engine.Engine;
import io.parley.workers.engine.EngineException;
import io.parley.workers.engine.EngineSettings;
import io.parley.workers.engine.EngineSpec;
import io.parley.workers.engine.ImportListener;
import io.parley.workers.engine.StepInput;
import io.parley.workers.gguf.GgufFile;
import java.io.IOException;
import java.nio.FloatBuffer;
import java.nio.IntBuffer;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.tensorflow.proto.ConfigProto;
import org.tensorflow.proto.GraphOptions;
import org.tensorflow.proto.RewriterConfig;

/**
 * A Llama model on the CPU as a TensorFlow graph, run by DJL. Weights and KV memory are variables
 * of its session, outside of the Java heap; {@link #close} frees them.
 */
public final class TensorFlowEngine implements Engine {
  private static final Logger LOG = LoggerFactory.getLogger(TensorFlowEngine.class);

  /** What one layer's attention may hold at a time: 256 MiB. */
  private static final long SCRATCH_FLOATS = 1L << 26;

  private final EngineSpec spec;
  private final LlamaConfig config;
  private final Model model;
  private final Map<String, TfSymbolBlock> signatures;
  private FloatBuffer logits = FloatBuffer.allocate(0);

  private TensorFlowEngine(
      EngineSpec spec, LlamaConfig config, Model model, Map<String, TfSymbolBlock> signatures) {
    this.spec = spec;
    this.config = config;
    this.model = model;
    this.signatures = signatures;
  }

  /**
   * Loads a model, importing it first if this file has not been imported yet.
   *
   * @param gguf a checked file
   * @param sha256 the file's checksum, lower-case hexadecimal; names the import
   * @throws io.parley.workers.gguf.GgufException when the file is damaged
   * @throws io.parley.workers.engine.UnsupportedModelException when it is not for this engine
   * @throws java.io.UncheckedIOException when the cache cannot be written
   * @throws EngineException when TensorFlow fails
   */
  public static TensorFlowEngine load(
      Path gguf, String sha256, EngineSettings settings, ImportListener listener) {
    Natives.prepare(settings.cacheFolder(), listener);
    Arithmetic arithmetic = settings.arithmetic().orElseGet(CpuFeatures::fastest);
    LlamaConfig config;
    Path savedModel;
    try (GgufFile file = GgufFile.open(gguf)) {
      config = LlamaSupport.read(file);
      startRuntime();
      savedModel =
          SavedModelImporter.obtain(
              file, config, sha256, arithmetic, settings.cacheFolder(), listener);
    }
    EngineSpec spec =
        new EngineSpec(
            config.vocabularySize(),
            config.contextLength(),
            EngineSettings.BLOCK_SIZE,
            blocks(settings, config),
            settings.maxBatchTokens(),
            "tf-graph-" + arithmetic.label());
    Model model = open(savedModel, settings);
    try {
      return start(spec, config, model);
    } catch (RuntimeException e) {
      model.close();
      throw new EngineException("TensorFlow cannot start the model: " + e.getMessage(), e);
    }
  }

  /** DJL must load TensorFlow, in its own way, before anything else touches it. */
  private static void startRuntime() {
    try {
      LOG.debug("TensorFlow {}", ai.djl.engine.Engine.getEngine("TensorFlow").getVersion());
    } catch (RuntimeException | LinkageError e) {
      throw new EngineException("TensorFlow cannot be loaded: " + e.getMessage(), e);
    }
  }

  private static int blocks(EngineSettings settings, LlamaConfig config) {
    if (settings.kvBlocks() > 0) {
      return settings.kvBlocks();
    }
    long bytes = config.blockBytes(EngineSettings.BLOCK_SIZE);
    long blocks = Math.min(settings.kvMemoryBytes() / bytes, Integer.MAX_VALUE / 2);
    if (blocks < 1) {
      throw new IllegalArgumentException(
          "parley.engine.kv-memory is too small: this model needs %d bytes for a block of %d positions"
              .formatted(bytes, EngineSettings.BLOCK_SIZE));
    }
    return (int) blocks;
  }

  private static Model open(Path savedModel, EngineSettings settings) {
    Model model = Model.newInstance("llama", Device.cpu(), "TensorFlow");
    Map<String, Object> options = new HashMap<>();
    options.put("Tags", new String[] {"serve"});
    options.put("SignatureDefKey", LlamaGraph.DECODE);
    options.put("ConfigProto", sessionOptions(settings.threads()));
    try {
      model.load(savedModel, null, options);
      return model;
    } catch (IOException | MalformedModelException | RuntimeException e) {
      model.close();
      throw new EngineException("cannot load " + savedModel + ": " + e.getMessage(), e);
    }
  }

  /**
   * One step runs in the caller's thread, each operation over all cores. The graph is written the
   * way it should run: TensorFlow's own rewriting would only lengthen the start.
   */
  private static ConfigProto sessionOptions(int threads) {
    int cores = threads == 0 ? Runtime.getRuntime().availableProcessors() : threads;
    RewriterConfig noRewriting = RewriterConfig.newBuilder().setDisableMetaOptimizer(true).build();
    return ConfigProto.newBuilder()
        .setIntraOpParallelismThreads(cores)
        .setInterOpParallelismThreads(-1)
        .setGraphOptions(GraphOptions.newBuilder().setRewriteOptions(noRewriting))
        .build();
  }

  private static TensorFlowEngine start(EngineSpec spec, LlamaConfig config, Model model) {
    TfSymbolBlock decode = (TfSymbolBlock) model.getBlock();
    Map<String, TfSymbolBlock> signatures = new HashMap<>();
    signatures.put(LlamaGraph.DECODE, decode);
    for (String key : List.of(LlamaGraph.PREFILL, LlamaGraph.MIXED, LlamaGraph.RESET)) {
      signatures.put(key, new TfSymbolBlock(decode.getSavedModelBundle(), key));
    }
    TensorFlowEngine engine = new TensorFlowEngine(spec, config, model, signatures);
    try (NDManager manager = model.getNDManager().newSubManager()) {
      engine.call(LlamaGraph.RESET, Map.of("blocks", manager.create(spec.blocks())), manager);
    }
    return engine;
  }

  @Override
  public EngineSpec spec() {
    return spec;
  }

  @Override
  public FloatBuffer step(StepInput input) {
    StepChecks.check(input, spec);
    List<StepPlan.Call> calls = StepPlan.of(input, spec, config, SCRATCH_FLOATS);
    try {
      reserve(input.rows().length);
      for (StepPlan.Call call : calls) {
        run(call);
      }
    } catch (RuntimeException e) {
      throw new EngineException("TensorFlow failed in a step: " + e.getMessage(), e);
    }
    return logits.position(0);
  }

  private void reserve(int rows) {
    int size = Math.multiplyExact(rows, spec.vocabularySize());
    if (logits.capacity() < size) {
      logits = FloatBuffer.allocate(size);
    }
    logits.clear().limit(size);
  }

  private void run(StepPlan.Call call) {
    try (NDManager manager = model.getNDManager().newSubManager()) {
      Map<String, NDArray> inputs = new HashMap<>();
      inputs.put("tokens", vector(manager, call.tokens()));
      inputs.put("positions", vector(manager, call.positions()));
      inputs.put("slots", vector(manager, call.slots()));
      inputs.put("rows", vector(manager, call.rows()));
      if (call.decodeRows() > 0) {
        Shape shape = new Shape(call.decodeRows(), call.decodeTables().length / call.decodeRows());
        inputs.put("decode_tables", manager.create(IntBuffer.wrap(call.decodeTables()), shape));
      }
      if (call.hasChunk()) {
        inputs.put("chunk_table", vector(manager, call.chunkTable()));
      }
      NDArray output = call(signature(call), inputs, manager).singletonOrThrow();
      copyRows(output, call.outputs());
    }
  }

  private static String signature(StepPlan.Call call) {
    if (!call.hasChunk()) {
      return LlamaGraph.DECODE;
    }
    return call.decodeRows() > 0 ? LlamaGraph.MIXED : LlamaGraph.PREFILL;
  }

  private static NDArray vector(NDManager manager, int[] values) {
    return manager.create(IntBuffer.wrap(values), new Shape(values.length));
  }

  /** DJL takes the inputs in an order of its own. */
  private NDList call(String key, Map<String, NDArray> inputs, NDManager manager) {
    TfSymbolBlock block = signatures.get(key);
    NDList ordered = new NDList();
    for (String name : block.describeInput().keys()) {
      ordered.add(inputs.get(name));
    }
    return block.forward(new ParameterStore(manager, false), ordered, false);
  }

  private void copyRows(NDArray output, int[] targets) {
    if (targets.length == 0) {
      return;
    }
    FloatBuffer rows = output.toByteBuffer().asFloatBuffer();
    int width = spec.vocabularySize();
    for (int i = 0; i < targets.length; i++) {
      logits.put(targets[i] * width, rows, i * width, width);
    }
  }

  @Override
  public void close() {
    model.close();
  }
}
