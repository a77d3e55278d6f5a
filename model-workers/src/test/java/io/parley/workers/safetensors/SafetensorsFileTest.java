package io.parley.workers.safetensors;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class SafetensorsFileTest {
  private static final int ROUNDS = 2_500;

  @TempDir private Path folder;

  @Test
  void readsFloatsOfEachWidth() throws IOException {
    float[] values = {0f, 1f, -2.5f, 65504f, 6.1035156e-5f, 5.9604645e-8f};
    byte[] halves = {0, 0, 0, 0x3c, 0, (byte) 0xc1, (byte) 0xff, 0x7b, 0, 4, 1, 0};
    byte[] narrow = {0, 0, (byte) 0x80, 0x3f, 0x20, (byte) 0xc0};
    Path path =
        new SafetensorsWriter()
            .tensor("wide", values, 2, 3)
            .tensor("half", "F16", halves, 6)
            .tensor("narrow", "BF16", narrow, 3)
            .tensor("ids", "I64", new byte[16], 1, 2)
            .write(folder.resolve("f"));

    try (SafetensorsFile file = SafetensorsFile.open(path)) {
      assertThat(file.tensors()).containsOnlyKeys("wide", "half", "narrow", "ids");
      assertThat(file.tensor("wide").shape()).isEqualTo(List.of(2L, 3L));
      assertThat(file.read("wide")).isEqualTo(values);
      assertThat(file.read("half")).isEqualTo(values);
      assertThat(file.read("narrow")).isEqualTo(new float[] {0f, 1f, -2.5f});
      assertThatThrownBy(() -> file.read("ids")).hasMessageContaining("'ids' is of I64");
      assertThatThrownBy(() -> file.read("none"))
          .isInstanceOf(SafetensorsException.class)
          .hasMessage("tensor 'none' is missing");
    }
  }

  @Test
  void readsMoreThanOneChunk() throws IOException {
    float[] values = new float[700_000];
    for (int i = 0; i < values.length; i++) {
      values[i] = i;
    }
    Path path = new SafetensorsWriter().tensor("t", values, 700, 1000).write(folder.resolve("f"));
    try (SafetensorsFile file = SafetensorsFile.open(path)) {
      assertThat(file.read("t")).isEqualTo(values);
    }
  }

  static Stream<Arguments> refused() {
    return Stream.of(
        refusal("{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,16]}", "outside the file"),
        refusal("{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[-4,12]}", "outside the file"),
        refusal("{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[8,4]}", "outside the file"),
        refusal("{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,12]}", "has 12 bytes"),
        refusal("{\"dtype\":\"F99\",\"shape\":[3],\"data_offsets\":[0,12]}", "type: 'F99'"),
        refusal("{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}", "impossible size: 0"),
        refusal(
            "{\"dtype\":\"F32\",\"shape\":[4611686018427387904,8],\"data_offsets\":[0,12]}",
            "impossible size"),
        refusal("{\"dtype\":\"F32\",\"shape\":3,\"data_offsets\":[0,12]}", "no shape"),
        refusal("{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0]}", "is not two numbers"),
        refusal("{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[4,12]}", "over another one"),
        refusal("7", "unknown type"));
  }

  private static Arguments refusal(String entry, String message) {
    return Arguments.of(entry, message);
  }

  @ParameterizedTest
  @MethodSource("refused")
  void refusesWhatCannotBe(String entry, String message) throws IOException {
    Path path =
        new SafetensorsWriter()
            .tensor("sound", new float[3], 3)
            .entry("\"bad\":" + entry)
            .write(folder.resolve("f"));
    assertThatThrownBy(() -> SafetensorsFile.open(path))
        .isInstanceOf(SafetensorsException.class)
        .hasMessageStartingWith(path.toString())
        .hasMessageContaining(message);
  }

  @ParameterizedTest
  @MethodSource("headers")
  void refusesABadHeader(byte[] bytes, String message) throws IOException {
    Path path = Files.write(folder.resolve("f"), bytes);
    assertThatThrownBy(() -> SafetensorsFile.open(path))
        .isInstanceOf(SafetensorsException.class)
        .hasMessageContaining(message);
  }

  static Stream<Arguments> headers() {
    SafetensorsWriter empty = new SafetensorsWriter();
    return Stream.of(
        Arguments.of(new byte[7], "too short"),
        Arguments.of(new byte[] {-1, -1, -1, -1, -1, -1, -1, -1, 0}, "not a Safetensors file"),
        Arguments.of("GGUF 1234567890".getBytes(StandardCharsets.UTF_8), "not a Safetensors file"),
        Arguments.of(empty.withHeader(bytes("[1]")), "not a JSON object"),
        Arguments.of(empty.withHeader(bytes("{\"a\":{}")), "not sound JSON"),
        Arguments.of(empty.withHeader(bytes("{} {}")), "not sound JSON"),
        Arguments.of(empty.withHeader(bytes("{\"a\":1,\"a\":1}")), "not sound JSON"),
        Arguments.of(empty.withHeader(bytes("[".repeat(5000))), "not sound JSON"));
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  @Test
  void saysWhereAFileIsThatIsNotThere() {
    Path path = folder.resolve("none");
    assertThatThrownBy(() -> SafetensorsFile.open(path))
        .isInstanceOf(SafetensorsException.class)
        .hasMessageContaining(path.toString());
  }

  /** A damaged file is read or refused, whatever the damage. */
  @Test
  void damageGivesAnExceptionOfItsOwnOrNone() throws IOException {
    byte[] sound =
        new SafetensorsWriter()
            .tensor("norm", new float[8], 8)
            .tensor("weight", "BF16", new byte[64], 4, 8)
            .bytes();
    int refused = 0;
    int read = 0;
    for (int round = 0; round < ROUNDS; round++) {
      byte[] damaged = damage(sound, sound.length - 96, new Random(round));
      Path path = Files.write(folder.resolve("f"), damaged);
      try (SafetensorsFile file = SafetensorsFile.open(path)) {
        file.tensors().keySet().forEach(file::read);
        read++;
      } catch (SafetensorsException e) {
        assertThat(e.getMessage()).as("round %s", round).isNotBlank().doesNotContain("\n");
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
    for (int change = random.nextInt(3); change >= 0; change--) {
      int at = random.nextInt(header);
      damaged[at] =
          random.nextBoolean()
              ? (byte) random.nextInt()
              : (byte) (damaged[at] ^ 1 << random.nextInt(8));
    }
    return damaged;
  }
}
