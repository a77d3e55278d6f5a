package io.parley.workers.gguf;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * An open GGUF file. The header is read on opening; tensors are read when asked for, in bounded
 * chunks, so that neither the file's size nor a tensor's matters. Reads go by position instead of a
 * memory map: a file that is cut off while it is read then gives an exception, not a fault of the
 * whole process. Thread-safe.
 */
public final class GgufFile implements AutoCloseable {
  private static final int MAGIC = 0x46554747; // "GGUF"
  private static final long KEYS_MAX = 1 << 16;
  private static final long TENSORS_MAX = 1 << 17;
  private static final int DIMS_MAX = 4;
  private static final int ALIGNMENT_MAX = 1 << 20;
  private static final int CHUNK_BYTES = 1 << 20;

  /** A little under the largest array that every Java virtual machine makes. */
  private static final long FLOATS_MAX = Integer.MAX_VALUE - 8;

  private final FileChannel channel;
  private final int version;
  private final GgufMetadata metadata;
  private final Map<String, TensorInfo> tensors;

  private GgufFile(
      FileChannel channel, int version, GgufMetadata metadata, Map<String, TensorInfo> tensors) {
    this.channel = channel;
    this.version = version;
    this.metadata = metadata;
    this.tensors = tensors;
  }

  /**
   * Opens a file and reads its header.
   *
   * @throws GgufException when it cannot be read or is not a sound GGUF file; the message names the
   *     file
   */
  public static GgufFile open(Path path) {
    FileChannel channel;
    try {
      channel = FileChannel.open(path, StandardOpenOption.READ);
    } catch (IOException e) {
      throw new GgufException("cannot open " + path + ": " + reason(e), e);
    }
    try {
      return read(channel);
    } catch (IOException | RuntimeException e) {
      try {
        channel.close();
      } catch (IOException suppressed) {
        e.addSuppressed(suppressed);
      }
      throw new GgufException(path + ": " + reason(e), e);
    }
  }

  private static String reason(Exception e) {
    return e instanceof GgufException
        ? e.getMessage()
        : e.getClass().getSimpleName() + (e.getMessage() == null ? "" : " " + e.getMessage());
  }

  private static GgufFile read(FileChannel channel) throws IOException {
    HeaderReader reader = new HeaderReader(channel);
    if (reader.i32() != MAGIC) {
      throw new GgufException("not a GGUF file (it does not begin with \"GGUF\")");
    }
    int version = reader.i32();
    if (version == 0x02000000 || version == 0x03000000) {
      throw new GgufException("big-endian GGUF files are not supported");
    }
    if (version != 2 && version != 3) {
      throw new GgufException(
          "GGUF version " + Integer.toUnsignedString(version) + " is not supported (2 and 3 are)");
    }
    reader.at("the tensor count");
    int tensorCount = reader.count(TENSORS_MAX, 8 + 4 + 8 + 4 + 8);
    reader.at("the metadata count");
    int keyCount = reader.count(KEYS_MAX, 8 + 4 + 1);
    GgufMetadata metadata = readMetadata(reader, keyCount);
    Map<String, TensorInfo> tensors = readTensors(reader, tensorCount, metadata, channel.size());
    return new GgufFile(channel, version, metadata, tensors);
  }

  private static GgufMetadata readMetadata(HeaderReader reader, int count) {
    Map<String, Object> values = new LinkedHashMap<>();
    for (int i = 0; i < count; i++) {
      reader.at("metadata key " + i);
      String key = reader.string();
      reader.at("metadata key '" + printable(key) + "'");
      if (values.put(key, reader.value()) != null) {
        throw new GgufException("metadata key '" + printable(key) + "' is there twice");
      }
    }
    return new GgufMetadata(Collections.unmodifiableMap(values));
  }

  private static Map<String, TensorInfo> readTensors(
      HeaderReader reader, int count, GgufMetadata metadata, long fileSize) {
    int alignment = metadata.integer("general.alignment", 32);
    if (alignment < 1 || alignment > ALIGNMENT_MAX || Integer.bitCount(alignment) != 1) {
      throw new GgufException(
          "metadata key 'general.alignment' is not a power of two up to "
              + ALIGNMENT_MAX
              + ": "
              + alignment);
    }
    List<TensorInfo> entries = new ArrayList<>(count);
    for (int i = 0; i < count; i++) {
      reader.at("tensor " + i);
      entries.add(readTensor(reader));
    }
    long dataStart = (reader.position() + alignment - 1) & -(long) alignment;
    Map<String, TensorInfo> tensors = new LinkedHashMap<>();
    for (TensorInfo entry : entries) {
      if (entry.offset() % alignment != 0) {
        throw new GgufException(
            "tensor '" + entry.name() + "' is not aligned to " + alignment + " bytes");
      }
      // the offsets are checked one by one, so that no sum can overflow
      long room = fileSize - dataStart;
      if (room < entry.byteSize() || entry.offset() > room - entry.byteSize()) {
        throw new GgufException(
            "tensor '" + entry.name() + "' lies outside the file (is the file cut off?)");
      }
      TensorInfo placed =
          new TensorInfo(
              entry.name(),
              entry.dims(),
              entry.type(),
              dataStart + entry.offset(),
              entry.byteSize());
      if (tensors.put(entry.name(), placed) != null) {
        throw new GgufException("tensor '" + entry.name() + "' is there twice");
      }
    }
    return Collections.unmodifiableMap(tensors);
  }

  /** An entry whose offset still counts from the beginning of the data. */
  private static TensorInfo readTensor(HeaderReader reader) {
    String name = printable(reader.string());
    String where = "tensor '" + name + "'";
    reader.at(where);
    int dimCount = reader.i32();
    if (dimCount < 1 || dimCount > DIMS_MAX) {
      throw new GgufException(
          where
              + " has "
              + Integer.toUnsignedString(dimCount)
              + " dimensions; 1 to 4 are possible");
    }
    List<Long> dims = new ArrayList<>(dimCount);
    long elements = 1;
    for (int i = 0; i < dimCount; i++) {
      long dim = reader.i64();
      if (dim < 1 || dim > Long.MAX_VALUE / 16 / elements) {
        throw new GgufException(where + " has an impossible size: " + Long.toUnsignedString(dim));
      }
      elements *= dim;
      dims.add(dim);
    }
    TensorType type = TensorType.of(reader.i32(), where);
    if (dims.get(0) % type.blockSize() != 0) {
      throw new GgufException(
          where + " has rows of " + dims.get(0) + ", not whole blocks of " + type);
    }
    long offset = reader.i64();
    if (offset < 0) {
      throw new GgufException(
          where + " has an impossible offset: " + Long.toUnsignedString(offset));
    }
    // at most 4 bytes for an element, so this cannot overflow
    long byteSize = elements / type.blockSize() * type.blockBytes();
    return new TensorInfo(name, dims, type, offset, byteSize);
  }

  private static String printable(String text) {
    String shown =
        text.codePoints()
            .limit(128)
            .collect(
                StringBuilder::new,
                (out, c) -> out.appendCodePoint(Character.isISOControl(c) ? '?' : c),
                StringBuilder::append)
            .toString();
    return shown.equals(text) ? text : shown;
  }

  /** 2 or 3. */
  public int version() {
    return version;
  }

  public GgufMetadata metadata() {
    return metadata;
  }

  /** By name, in the file's order. */
  public Map<String, TensorInfo> tensors() {
    return tensors;
  }

  public boolean hasTensor(String name) {
    return tensors.containsKey(name);
  }

  /**
   * A tensor's entry in the directory.
   *
   * @throws GgufException when there is no such tensor
   */
  public TensorInfo tensor(String name) {
    TensorInfo info = tensors.get(name);
    if (info == null) {
      throw new GgufException("tensor '" + name + "' is missing");
    }
    return info;
  }

  /**
   * A whole tensor as floats, row-major: {@code rows()} rows of {@code columns()}.
   *
   * @throws GgufException when it is missing, has more than 2^31 numbers, or cannot be read
   */
  public float[] read(String name) {
    TensorInfo info = tensor(name);
    return read(name, 0, info.rows());
  }

  /**
   * Some rows of a tensor, row-major.
   *
   * @throws IndexOutOfBoundsException when there are no such rows
   * @throws GgufException when it is missing, too many are asked for, or it cannot be read
   */
  public float[] read(String name, long rowFrom, long rowCount) {
    TensorInfo info = tensor(name);
    Objects.checkFromIndexSize(rowFrom, rowCount, info.rows());
    if (rowCount > FLOATS_MAX / info.columns()) {
      throw new GgufException(
          "tensor '" + name + "' is too large to be read at once; read some rows at a time");
    }
    float[] out = new float[(int) (rowCount * info.columns())];
    read(name, rowFrom, rowCount, out, 0);
    return out;
  }

  /** Some rows of a tensor, row-major, into {@code out} from {@code outFrom} on. */
  public void read(String name, long rowFrom, long rowCount, float[] out, int outFrom) {
    TensorInfo info = tensor(name);
    Objects.checkFromIndexSize(rowFrom, rowCount, info.rows());
    Objects.checkFromIndexSize(outFrom, rowCount * info.columns(), (long) out.length);
    TensorType type = info.type();
    long position = info.offset() + rowFrom * info.rowBytes();
    long blocks = rowCount * (info.columns() / type.blockSize());
    int chunkBlocks = (int) Math.min(blocks, CHUNK_BYTES / type.blockBytes());
    ByteBuffer chunk =
        ByteBuffer.allocateDirect(chunkBlocks * type.blockBytes()).order(ByteOrder.LITTLE_ENDIAN);
    int written = outFrom;
    for (long left = blocks; left > 0; ) {
      int now = (int) Math.min(left, chunkBlocks);
      chunk.clear().limit(now * type.blockBytes());
      readFully(chunk, position, name);
      chunk.flip();
      Dequantizer.dequantize(type, chunk, now, out, written);
      position += chunk.limit();
      written += now * type.blockSize();
      left -= now;
    }
  }

  private void readFully(ByteBuffer target, long position, String name) {
    long start = position - target.position();
    try {
      while (target.hasRemaining()) {
        if (channel.read(target, start + target.position()) < 0) {
          throw new GgufException("the file ends in tensor '" + name + "'");
        }
      }
    } catch (IOException e) {
      throw new GgufException("cannot read tensor '" + name + "': " + reason(e), e);
    }
  }

  @Override
  public void close() {
    try {
      channel.close();
    } catch (IOException e) {
      throw new GgufException("cannot close the model file: " + reason(e), e);
    }
  }
}
