package io.parley.workers.engine.tensorflow;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.parley.workers.engine.UnsupportedModelException;
import io.parley.workers.gguf.GgufException;
import io.parley.workers.gguf.GgufFile;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DecoderConfigTest {
  private static final int ROUNDS = 2_000;

  @TempDir Path folder;

  @Test
  void refusesMoreLayersThanTheFileHasTensors() throws IOException {
    Path path = folder.resolve("deep.gguf");
    byte[] bytes = sound(path);
    ByteBuffer numbers = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    numbers.putInt(valueOf(bytes, "llama.block_count"), 1 << 24);
    Files.write(path, bytes);
    try (GgufFile file = GgufFile.open(path)) {
      assertThatThrownBy(() -> DecoderConfig.read(file))
          .isInstanceOf(UnsupportedModelException.class)
          .hasMessageContaining("llama.block_count");
    }
  }

  /** As in GgufCorruptionTest, up to what the engine makes of the file before it loads any. */
  @Test
  void damagedMetadataAreReadOrRefused() throws IOException {
    Path path = folder.resolve("f");
    byte[] sound = sound(path);
    int end = valueOf(sound, "llama.attention.layer_norm_rms_epsilon");
    int refused = 0;
    for (int round = 0; round < ROUNDS; round++) {
      Random random = new Random(20260101L + round);
      byte[] damaged = sound.clone();
      for (int change = 0; change <= random.nextInt(4); change++) {
        int at = random.nextInt(end);
        damaged[at] = (byte) (random.nextBoolean() ? 0xff : random.nextInt());
      }
      Files.write(path, damaged);
      try (GgufFile file = GgufFile.open(path)) {
        DecoderWeights.transposed(DecoderConfig.read(file)).check(file);
      } catch (GgufException | UnsupportedModelException e) {
        refused++;
      }
    }
    assertThat(refused).isBetween(ROUNDS / 4, ROUNDS - 1);
  }

  private static byte[] sound(Path path) throws IOException {
    new TinyDecoder(1, true).write(path);
    return Files.readAllBytes(path);
  }

  /** Where a number stands in the file: after its key and its type. */
  private static int valueOf(byte[] file, String key) {
    int at = new String(file, StandardCharsets.ISO_8859_1).indexOf(key);
    return at + key.length() + 4;
  }
}
