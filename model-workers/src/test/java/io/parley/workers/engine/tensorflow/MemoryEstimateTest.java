package io.parley.workers.engine.tensorflow;

import static org.assertj.core.api.Assertions.assertThat;

import io.parley.workers.encoder.EncoderConfig;
import io.parley.workers.engine.Arithmetic;
import io.parley.workers.engine.EngineMemory;
import io.parley.workers.engine.EngineSettings;
import io.parley.workers.engine.Kernels;
import io.parley.workers.engine.WeightType;
import java.nio.file.Path;
import java.util.Collections;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class MemoryEstimateTest {
  private static final long MIB = 1L << 20;

  /** The default model: 30 layers, 576 wide, 9 heads over 3 of 64, 49,152 tokens. */
  private static final DecoderConfig CONFIG =
      new DecoderConfig(
          576,
          9,
          3,
          64,
          1536,
          49_152,
          8192,
          1e-5f,
          1,
          0.125f,
          RotaryPairs.ADJACENT,
          true,
          Collections.nCopies(30, new DecoderLayer(false, false, false, Gate.SILU, 0, null)));

  private static EngineSettings settings(Arithmetic arithmetic) {
    return new EngineSettings(
        Path.of("nowhere"), Kernels.OFF, Optional.of(arithmetic), 0, 768 * MIB, 0, 512);
  }

  private static EngineMemory of(boolean kernels, Arithmetic arithmetic, boolean first) {
    return MemoryEstimate.of(CONFIG, settings(arithmetic), WeightType.BF16, kernels, 32, first);
  }

  @Test
  void weightsOfTheKernelsAreTwoBytesEach() {
    // 134,515,008 parameters, of which 61 vectors of 576 have four bytes
    assertThat(of(true, Arithmetic.BF16, false).weightsBytes())
        .isEqualTo(2 * 134_515_008L + 2 * 61 * 576L);
  }

  @Test
  void weightsOfLayersAreOneByteEachWhereTheyAreIntegers() {
    EngineMemory narrow =
        MemoryEstimate.of(CONFIG, settings(Arithmetic.F32), WeightType.INT8, true, 32, false);
    long layers = 134_515_008L - 576L * 49_152;
    assertThat(of(true, Arithmetic.F32, false).weightsBytes() - narrow.weightsBytes())
        .isBetween(layers * 9 / 10, layers); // less a scale for each column
  }

  @Test
  void kvMemoryIsInWholeBlocks() {
    long block = 30L * 2 * 3 * 64 * 64 * 2;
    assertThat(of(true, Arithmetic.BF16, false).kvBytes())
        .isEqualTo(768 * MIB / block * block)
        .isLessThanOrEqualTo(768 * MIB);
  }

  @Test
  void theGraphWithoutKernelsHoldsTheHeadOnceMore() {
    long head = 4L * 576 * 49_152;
    assertThat(of(false, Arithmetic.F32, false).weightsBytes()).isEqualTo(4 * 134_515_008L + head);
    assertThat(of(false, Arithmetic.BF16, false).weightsBytes())
        .isLessThan(of(false, Arithmetic.F32, false).weightsBytes());
  }

  @Test
  void theFirstModelOfAProcessBringsTheRuntime() {
    long later = of(true, Arithmetic.BF16, false).workingBytes();
    assertThat(of(true, Arithmetic.BF16, true).workingBytes()).isGreaterThan(later + 100 * MIB);
    assertThat(later).isBetween(100 * MIB, 200 * MIB);
  }

  /** all-minilm-l6-v2: 22.7 million parameters, half of them in the table of words. */
  @Test
  void anEncoderTakesItsWeightsAndTheLargestBatch() {
    EncoderConfig config = new EncoderConfig(6, 384, 12, 1536, 30_522, 512, 2, 256, 1e-12f, true);
    EngineMemory kernels = MemoryEstimate.of(config, EncoderWeights.packed(config), 1024, false);
    EngineMemory graph = MemoryEstimate.of(config, EncoderWeights.transposed(config), 256, true);

    assertThat(kernels.weightsBytes() / MIB).isEqualTo(65);
    assertThat(graph.weightsBytes() / MIB).as("all of 32-bit floats").isEqualTo(86);
    assertThat(kernels.kvBytes()).isZero();
    assertThat(kernels.workingBytes() / MIB).isBetween(100L, 140L);
    assertThat((graph.workingBytes() - 256 * MIB) / MIB).isBetween(95L, 115L);
  }
}
