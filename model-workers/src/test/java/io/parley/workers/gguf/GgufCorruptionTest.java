package io.parley.workers.gguf;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A damaged file is read or refused, whatever the damage. */
class GgufCorruptionTest {
  private static final int ROUNDS = 2_500;

  @TempDir Path folder;

  @Test
  void damageGivesAnExceptionOfItsOwnOrNone() throws IOException {
    long seed = 20260101L;
    byte[] sound =
        new GgufWriter()
            .string("general.architecture", "llama")
            .integer("llama.block_count", 1)
            .number("llama.rope.freq_base", 10000f)
            .bool("flag", true)
            .strings("tokens", List.of("a", "b", "longer token"))
            .integers("types", 1, 2, 3)
            .numbers("scores", 1f, 2f)
            .tensor("norm", new float[8], 8)
            .tensor("weight", TensorType.Q4_K, new byte[144 * 2], 256, 2)
            .bytes();
    int header = sound.length - 144 * 2 - 32;
    int refused = 0;
    int read = 0;
    for (int round = 0; round < ROUNDS; round++) {
      Random random = new Random(seed + round);
      byte[] damaged = damage(sound, header, random);
      Path path = Files.write(folder.resolve("f"), damaged);
      try (GgufFile file = GgufFile.open(path)) {
        for (TensorInfo info : file.tensors().values()) {
          file.read(info.name());
        }
        read++;
      } catch (GgufException e) {
        assertThat(e.getMessage()).as("round %s", round).isNotBlank().doesNotContain("\n");
        // anything but our own refusals would show up as a wrapped cause
        assertThat(e.getCause() == null || e.getCause() instanceof GgufException)
            .as("round %s: %s", round, e.getCause())
            .isTrue();
        refused++;
      }
    }
    assertThat(refused).isGreaterThan(ROUNDS / 4);
    assertThat(read).isGreaterThan(ROUNDS / 100);
  }

  private static byte[] damage(byte[] sound, int header, Random random) {
    if (random.nextInt(4) == 0) {
      return Arrays.copyOf(sound, random.nextInt(sound.length));
    }
    byte[] damaged = sound.clone();
    int changes = 1 + random.nextInt(4);
    for (int i = 0; i < changes; i++) {
      int at = random.nextInt(header);
      damaged[at] =
          switch (random.nextInt(4)) {
            case 0 -> (byte) 0xff;
            case 1 -> 0;
            case 2 -> (byte) (damaged[at] ^ (1 << random.nextInt(8)));
            default -> (byte) random.nextInt();
          };
    }
    return damaged;
  }
}
