package io.parley.node.it;

import static org.assertj.core.api.Assertions.assertThat;

import io.parley.workers.engine.EngineSettings;
import io.parley.workers.model.ModelStore;
import io.parley.workers.model.ProgressListener;
import io.parley.workers.model.StoredModel;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** The default model, and copies of it that cannot be served. */
final class TestModel {
  private static final int HEADER_BYTES_MAX = 8 << 20;
  private static final String TENSOR = "blk.0.ffn_up.weight";

  private TestModel() {}

  /** As the store has it; fetched first if need be. */
  static StoredModel stored() {
    return ModelStore.in(EngineSettings.defaultCacheFolder())
        .obtain(ApiClient.MODEL, ProgressListener.NONE);
  }

  /** A copy that ends in the middle. */
  static Path cutOff(Path folder) throws IOException {
    Path copy = copy(folder);
    try (FileChannel channel = FileChannel.open(copy, StandardOpenOption.WRITE)) {
      channel.truncate(channel.size() / 2);
    }
    return copy;
  }

  /** A copy that names another architecture, of as many letters. */
  static Path withArchitecture(Path folder, String architecture) throws IOException {
    Path copy = copy(folder);
    String key = "general.architecture";
    // behind the key: a type of 4 bytes and a length of 8
    long at = find(copy, key) + key.length() + 4 + 8;
    overwrite(copy, at, architecture.getBytes(StandardCharsets.US_ASCII));
    return copy;
  }

  /** A copy with a matrix of another type, by its number in the format. */
  static Path withTensorType(Path folder, int type) throws IOException {
    Path copy = copy(folder);
    // behind the name: a count of 4 bytes and two dimensions of 8
    long at = find(copy, TENSOR) + TENSOR.length() + 4 + 2 * 8;
    overwrite(copy, at, ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putInt(type).array());
    return copy;
  }

  private static Path copy(Path folder) throws IOException {
    return Files.copy(stored().file(), folder.resolve("copy.gguf"));
  }

  private static long find(Path file, String text) throws IOException {
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      ByteBuffer header = ByteBuffer.allocate(HEADER_BYTES_MAX);
      channel.read(header, 0);
      int at =
          new String(header.array(), 0, header.position(), StandardCharsets.ISO_8859_1)
              .indexOf(text);
      assertThat(at).as("place of %s", text).isPositive();
      return at;
    }
  }

  private static void overwrite(Path file, long at, byte[] bytes) throws IOException {
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
      channel.write(ByteBuffer.wrap(bytes), at);
    }
  }
}
