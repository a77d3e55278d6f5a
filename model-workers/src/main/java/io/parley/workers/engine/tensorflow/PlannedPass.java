package io.parley.workers.engine.tensorflow;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.parley.workers.engine.EngineSpec;
import io.parley.workers.engine.StepInput;
import java.nio.IntBuffer;
import java.util.HashMap;
import java.util.Map;

/** A step of {@link DecoderGraph}: as many calls as {@link StepPlan} says. */
final class PlannedPass implements ForwardPass {
  /** What one layer's attention may hold at a time: 256 MiB. */
  static final long SCRATCH_FLOATS = 1L << 26;

  private final LoadedGraph graph;
  private final EngineSpec spec;
  private final DecoderConfig config;

  PlannedPass(LoadedGraph graph, EngineSpec spec, DecoderConfig config) {
    this.graph = graph;
    this.spec = spec;
    this.config = config;
  }

  @Override
  public void reset(int blocks) {
    try (NDManager manager = graph.newManager()) {
      graph.call(DecoderGraph.RESET, Map.of("blocks", manager.create(blocks)), manager);
    }
  }

  @Override
  public void run(StepInput input, Logits logits) {
    logits.reserve(input.rows().length);
    for (StepPlan.Call call : StepPlan.of(input, spec, config, SCRATCH_FLOATS)) {
      run(call, logits);
    }
  }

  private void run(StepPlan.Call call, Logits logits) {
    try (NDManager manager = graph.newManager()) {
      Map<String, NDArray> inputs = new HashMap<>();
      inputs.put("tokens", LoadedGraph.vector(manager, call.tokens()));
      inputs.put("positions", LoadedGraph.vector(manager, call.positions()));
      inputs.put("slots", LoadedGraph.vector(manager, call.slots()));
      inputs.put("rows", LoadedGraph.vector(manager, call.rows()));
      if (call.decodeRows() > 0) {
        Shape shape = new Shape(call.decodeRows(), call.decodeTables().length / call.decodeRows());
        inputs.put("decode_tables", manager.create(IntBuffer.wrap(call.decodeTables()), shape));
      }
      if (call.hasChunk()) {
        inputs.put("chunk_table", LoadedGraph.vector(manager, call.chunkTable()));
      }
      logits.put(graph.call(signature(call), inputs, manager), call.outputs());
    }
  }

  private static String signature(StepPlan.Call call) {
    if (!call.hasChunk()) {
      return DecoderGraph.DECODE;
    }
    return call.decodeRows() > 0 ? DecoderGraph.MIXED : DecoderGraph.PREFILL;
  }
}
