package io.parley.workers.gguf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class GgufFileTest {
  private static final Path GOLDEN = Path.of("src/test/resources/golden/gguf/quants.gguf");

  @TempDir Path folder;

  @ParameterizedTest
  @EnumSource(TensorType.class)
  void readsEachTypeLikeTheReference(TensorType type) {
    try (GgufFile file = GgufFile.open(GOLDEN)) {
      TensorInfo info = file.tensor(type.name());
      assertThat(info.type()).isEqualTo(type);
      assertThat(info.dims()).containsExactly(512L, 2L);
      float[] expected = file.read(type.name() + ".expected");
      assertThat(expected).hasSize(1024);
      assertThat(bits(file.read(type.name()))).isEqualTo(bits(expected));
      assertThat(bits(file.read(type.name(), 1, 1)))
          .isEqualTo(bits(Arrays.copyOfRange(expected, 512, 1024)));
    }
  }

  private static int[] bits(float[] numbers) {
    int[] bits = new int[numbers.length];
    for (int i = 0; i < bits.length; i++) {
      bits[i] = Float.floatToRawIntBits(numbers[i]);
    }
    return bits;
  }

  @Test
  void refusesAHeaderThatTakesMuchMoreMemoryThanTheFile() throws IOException {
    int count = 1 << 24;
    ByteBuffer head = ByteBuffer.allocate(24).order(ByteOrder.LITTLE_ENDIAN);
    head.putInt(0x46554747).putInt(3).putLong(0).putLong(20);
    Path path = folder.resolve("bytes");
    try (FileChannel file =
        FileChannel.open(path, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
      file.write(head.flip());
      for (int key = 0; key < 20; key++) {
        ByteBuffer array = ByteBuffer.allocate(8 + 1 + 4 + 4 + 8).order(ByteOrder.LITTLE_ENDIAN);
        array.putLong(1).put((byte) ('a' + key)).putInt(9).putInt(0).putLong(count);
        file.write(array.flip());
        file.position(file.position() + count); // a hole of zeros
      }
      file.write(ByteBuffer.allocate(1));
    }
    assertThatThrownBy(() -> GgufFile.open(path))
        .isInstanceOf(GgufException.class)
        .hasMessageContaining("MiB of memory");
  }

  @Test
  void readsMetadataOfAnotherWriter() {
    try (GgufFile file = GgufFile.open(GOLDEN)) {
      GgufMetadata metadata = file.metadata();
      assertThat(file.version()).isEqualTo(3);
      assertThat(metadata.string("general.architecture")).isEqualTo("golden");
      assertThat(metadata.string("golden.text")).isEqualTo("é漢🎉");
      assertThat(metadata.strings("golden.strings")).containsExactly("a", "", "Ġ");
      assertThat(metadata.integers("golden.integers")).containsExactly(-1, 2, 3);
      assertThat(metadata.numbers("golden.numbers")).containsExactly(0.5f, -2f);
      assertThat(metadata.bool("golden.flag")).isTrue();
      assertThat(metadata.number("golden.number")).isEqualTo(1e-5f);
    }
  }

  @Test
  void namesTheKeyThatIsMissingOrHasAnotherType() {
    Path path =
        new GgufWriter().string("a", "x").long64("big", 1L << 40).write(folder.resolve("f"));
    try (GgufFile file = GgufFile.open(path)) {
      GgufMetadata metadata = file.metadata();
      assertThat(metadata.integer("none", 7)).isEqualTo(7);
      assertThat(metadata.optionalString("none")).isEmpty();
      assertRefused(() -> metadata.string("none"), "'none' is missing");
      assertRefused(() -> metadata.integer("a", 7), "'a' is not an integer");
      assertRefused(() -> metadata.strings("a"), "'a' is not an array of strings");
      assertRefused(() -> metadata.number("a"), "'a' is not a number");
      assertRefused(() -> metadata.bool("a"), "'a' is not a boolean");
      assertRefused(() -> metadata.integers("a"), "'a' is not an array of integers");
      assertRefused(() -> metadata.integer("big"), "'big' is out of range");
      assertRefused(() -> file.read("none"), "tensor 'none' is missing");
    }
  }

  @Test
  void readsRowsAndRefusesRowsThatAreNotThere() {
    float[] data = {1, 2, 3, 4, 5, 6};
    Path path = new GgufWriter().version(2).tensor("t", data, 2, 3).write(folder.resolve("f"));
    try (GgufFile file = GgufFile.open(path)) {
      assertThat(file.read("t")).containsExactly(data);
      assertThat(file.read("t", 1, 2)).containsExactly(3, 4, 5, 6);
      float[] out = new float[4];
      file.read("t", 2, 1, out, 1);
      assertThat(out).containsExactly(0, 5, 6, 0);
      assertThatThrownBy(() -> file.read("t", 2, 2)).isInstanceOf(IndexOutOfBoundsException.class);
      assertThatThrownBy(() -> file.read("t", -1, 1)).isInstanceOf(IndexOutOfBoundsException.class);
    }
  }

  @Test
  void readsATensorLargerThanAChunk() {
    byte[] blocks = new byte[34 * 50_000];
    for (int i = 0; i < 50_000; i++) {
      ByteBuffer block = ByteBuffer.wrap(blocks, i * 34, 34).order(ByteOrder.LITTLE_ENDIAN);
      block.putShort((short) 0x3c00); // 1.0
      block.put(i * 34 + 2, (byte) i);
    }
    Path path =
        new GgufWriter()
            .tensor("t", TensorType.Q8_0, blocks, 32, 50_000)
            .write(folder.resolve("f"));
    try (GgufFile file = GgufFile.open(path)) {
      float[] read = file.read("t");
      for (int i = 0; i < 50_000; i++) {
        assertThat(read[i * 32]).isEqualTo((byte) i);
      }
    }
  }

  @Test
  void refusesWhatIsNotAGgufFile() throws IOException {
    assertThatThrownBy(() -> GgufFile.open(folder.resolve("none")))
        .isInstanceOf(GgufException.class)
        .hasMessageContaining("cannot open")
        .hasMessageContaining("none");
    assertFileRefused(new byte[0], "the file ends in the header");
    assertFileRefused(
        "GGML, not GGUF, of some length".getBytes(StandardCharsets.UTF_8), "not a GGUF file");
    assertFileRefused(new GgufWriter().version(1).bytes(), "version 1 is not supported");
    assertFileRefused(new GgufWriter().version(0x03000000).bytes(), "big-endian");
  }

  @Test
  void refusesCountsAndLengthsThatTheFileCannotHold() throws IOException {
    byte[] counts = new GgufWriter().string("k", "v").bytes();
    counts[12] = 0x7f; // the tensor count's highest bytes
    assertFileRefused(counts, "the tensor count says");
    byte[] arrays =
        new GgufWriter().raw("k", 9, array(4, 1L << 40, 0)).bytes(); // integers, too many
    assertFileRefused(arrays, "metadata key 'k' says 1099511627776 entries");
    assertFileRefused(new GgufWriter().raw("k", 8, i64(-1)).bytes(), "'k' says");
    assertFileRefused(
        new GgufWriter().raw("k", 9, array(9, 1, 0)).bytes(), "'k' is an array of arrays");
    assertFileRefused(new GgufWriter().raw("k", 77, i64(0)).bytes(), "unknown value type 77");
    assertFileRefused(new GgufWriter().raw("k", 10, i64(-1)).bytes(), "'k' is out of range");
    assertFileRefused(
        new GgufWriter().string("k", "1").string("k", "2").bytes(), "'k' is there twice");
  }

  @Test
  void refusesTensorsThatCannotBe() throws IOException {
    byte[] data = new byte[64];
    assertFileRefused(tensor(0, data, 17), "outside the file");
    assertFileRefused(tensor(0, data, 1L << 40, 1L << 40), "impossible size");
    assertFileRefused(tensor(0, data, 0), "impossible size");
    assertFileRefused(tensor(0, data, 1, 1, 1, 1, 1), "5 dimensions");
    assertFileRefused(tensor(10, data, 256), "'t' has the unsupported type Q2_K");
    assertFileRefused(tensor(99, data, 16), "'t' has the unknown type 99");
    assertFileRefused(tensor(8, data, 33), "not whole blocks of Q8_0");
    assertFileRefused(
        new GgufWriter().tensor("t", 0, data, 16).tensor("t", 0, data, 16).bytes(),
        "'t' is there twice");
    assertFileRefused(
        new GgufWriter().integer("general.alignment", 33).bytes(), "general.alignment");
    byte[] cut = tensor(0, data, 16);
    assertFileRefused(Arrays.copyOf(cut, cut.length - 1), "outside the file");
  }

  private static byte[] tensor(int type, byte[] data, long... dims) {
    return new GgufWriter().tensor("t", type, data, dims).bytes();
  }

  private static byte[] array(int type, long count, int element) {
    return ByteBuffer.allocate(16)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putInt(type)
        .putLong(count)
        .putInt(element)
        .array();
  }

  private static byte[] i64(long value) {
    return ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(value).array();
  }

  @Test
  void givesAnErrorWhenTheFileShrinksWhileItIsOpen() throws IOException {
    Path path = new GgufWriter().tensor("t", new float[64], 64).write(folder.resolve("f"));
    try (GgufFile file = GgufFile.open(path)) {
      Files.write(path, new byte[10]);
      assertRefused(() -> file.read("t"), "the file ends in tensor 't'");
    }
  }

  private void assertFileRefused(byte[] bytes, String message) throws IOException {
    Path path = Files.write(folder.resolve("refused.gguf"), bytes);
    assertRefused(() -> GgufFile.open(path).close(), message);
    assertRefused(() -> GgufFile.open(path).close(), "refused.gguf: ");
  }

  private static void assertRefused(Runnable action, String message) {
    assertThatThrownBy(action::run)
        .isInstanceOf(GgufException.class)
        .hasMessageContaining(message)
        .satisfies(e -> assertThat(List.of(e.getMessage().split("\n"))).hasSize(1));
  }
}
