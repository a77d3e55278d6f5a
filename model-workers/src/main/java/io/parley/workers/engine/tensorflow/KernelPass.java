package io.parley.workers.engine.tensorflow;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.parley.workers.engine.Kernels;
import io.parley.workers.engine.RowSums;
import io.parley.workers.engine.StepInput;
import java.nio.DoubleBuffer;
import java.nio.IntBuffer;
import java.util.Map;
import java.util.Optional;

/** A step of {@link KernelGraph}: one call, whatever the batch. */
final class KernelPass implements ForwardPass {
  private final LoadedGraph graph;
  private final Kernels variant;
  private final int threads;
  private final NDArray execution; // lives as long as the graph

  /**
   * A pass.
   *
   * @param threads as {@link KernelGraph#threads} has them
   */
  KernelPass(LoadedGraph graph, Kernels variant, int threads) {
    this.graph = graph;
    this.variant = variant;
    this.threads = threads;
    this.execution = LoadedGraph.vector(graph.newManager(), KernelGraph.number(variant), threads);
  }

  @Override
  public void reset(int blocks) {
    try (NDManager manager = graph.newManager()) {
      graph.call(KernelGraph.RESET, Map.of("blocks", manager.create(blocks)), manager);
    }
  }

  /** As measured, with weights of either type; docs/decisions/speculative-decoding.md has it. */
  static int cheapRows(Kernels variant) {
    return switch (variant) {
      case AVX512BF16 -> 10;
      case AVX512F -> 4;
      case AVX2 -> 3;
      case PORTABLE -> 0;
      case AUTO, OFF -> throw new IllegalArgumentException(variant + " is not a variant");
    };
  }

  MachineLimits measureMachine() {
    return MachineLimits.measure(variant, threads);
  }

  @Override
  public void run(StepInput input, Logits logits) {
    try (NDManager manager = graph.newManager()) {
      Map<String, NDArray> inputs =
          Map.of(
              "tokens", LoadedGraph.vector(manager, input.tokens()),
              "positions", LoadedGraph.vector(manager, input.positions()),
              "sequences", LoadedGraph.vector(manager, input.sequences()),
              "tables", tables(manager, input.blockTables()),
              "rows", LoadedGraph.vector(manager, input.rows()),
              "execution", execution);
      NDArray rows = graph.call(KernelGraph.STEP, inputs, manager);
      if (input.rows().length > 0) {
        logits.hold(rows);
      }
    }
  }

  @Override
  public Optional<RowSums> weigh(Logits logits, int[] rows, double[] scales) {
    NDArray held = logits.array().orElseThrow(() -> new IllegalStateException("no logits"));
    try (NDManager manager = graph.newManager()) {
      Map<String, NDArray> inputs =
          Map.of(
              "logits",
              held,
              "rows",
              LoadedGraph.vector(manager, rows),
              "scales",
              manager.create(scales),
              "execution",
              execution);
      NDArray sums = graph.call(KernelGraph.WEIGH, inputs, manager);
      return Optional.of(new RowSums(rows, scales, DoubleBuffer.wrap(sums.toDoubleArray())));
    }
  }

  /** As wide as the longest; what is past a table's end is not read. */
  private static NDArray tables(NDManager manager, int[][] tables) {
    int columns = 0;
    for (int[] table : tables) {
      columns = Math.max(columns, table.length);
    }
    int[] flat = new int[tables.length * columns];
    for (int i = 0; i < tables.length; i++) {
      System.arraycopy(tables[i], 0, flat, i * columns, tables[i].length);
    }
    return manager.create(IntBuffer.wrap(flat), new Shape(tables.length, columns));
  }
}
