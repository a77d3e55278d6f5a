package io.parley.workers.safetensors;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Map;

/**
 * An open Safetensors file. The header is read on opening; tensors are read when asked for. Reads
 * go by position instead of a memory map: a file that is cut off while it is read then gives an
 * exception, not a fault of the whole process. Thread-safe.
 */
public final class SafetensorsFile implements AutoCloseable {
  private static final int LENGTH_BYTES = 8;
  private static final long HEADER_BYTES_MAX = 16 << 20;
  private static final int CHUNK_BYTES = 1 << 20;

  private final FileChannel channel;
  private final Map<String, TensorEntry> tensors;

  private SafetensorsFile(FileChannel channel, Map<String, TensorEntry> tensors) {
    this.channel = channel;
    this.tensors = tensors;
  }

  /**
   * Opens a file and reads its header.
   *
   * @throws SafetensorsException when it cannot be read or is not a sound file; the message names
   *     the file
   */
  public static SafetensorsFile open(Path path) {
    FileChannel channel;
    try {
      channel = FileChannel.open(path, StandardOpenOption.READ);
    } catch (IOException e) {
      throw new SafetensorsException("cannot open " + path + ": " + reason(e), e);
    }
    try {
      return new SafetensorsFile(channel, readHeader(channel));
    } catch (IOException | RuntimeException e) {
      try {
        channel.close();
      } catch (IOException suppressed) {
        e.addSuppressed(suppressed);
      }
      throw new SafetensorsException(path + ": " + reason(e), e);
    }
  }

  private static String reason(Exception e) {
    return e instanceof SafetensorsException
        ? e.getMessage()
        : e.getClass().getSimpleName() + (e.getMessage() == null ? "" : " " + e.getMessage());
  }

  private static Map<String, TensorEntry> readHeader(FileChannel channel) throws IOException {
    long size = channel.size();
    if (size < LENGTH_BYTES) {
      throw new SafetensorsException("the file is too short for a header");
    }
    ByteBuffer length = ByteBuffer.allocate(LENGTH_BYTES).order(ByteOrder.LITTLE_ENDIAN);
    readFully(channel, length, 0, "the header");
    long headerBytes = length.getLong(0);
    if (headerBytes < 2 || headerBytes > Math.min(HEADER_BYTES_MAX, size - LENGTH_BYTES)) {
      throw new SafetensorsException(
          "not a Safetensors file, or cut off: a header of "
              + Long.toUnsignedString(headerBytes)
              + " bytes");
    }
    ByteBuffer header = ByteBuffer.allocate((int) headerBytes);
    readFully(channel, header, LENGTH_BYTES, "the header");
    long dataStart = LENGTH_BYTES + headerBytes;
    return SafetensorsHeader.parse(header.array(), dataStart, size - dataStart);
  }

  /** By name, in the file's order. */
  public Map<String, TensorEntry> tensors() {
    return tensors;
  }

  /**
   * A tensor's entry.
   *
   * @throws SafetensorsException when there is no such tensor
   */
  public TensorEntry tensor(String name) {
    TensorEntry entry = tensors.get(name);
    if (entry == null) {
      throw new SafetensorsException("tensor '" + name + "' is missing");
    }
    return entry;
  }

  /**
   * A whole tensor as floats, row-major.
   *
   * @throws SafetensorsException when it is missing, is not of floats of 16 or 32 bits, is too
   *     large for an array, or cannot be read
   */
  public float[] read(String name) {
    TensorEntry entry = tensor(name);
    if (entry.elements() > Integer.MAX_VALUE / Float.BYTES) {
      throw new SafetensorsException("tensor '" + name + "' is too large");
    }
    float[] out = new float[(int) entry.elements()];
    ByteBuffer chunk = ByteBuffer.allocateDirect(CHUNK_BYTES).order(ByteOrder.LITTLE_ENDIAN);
    int written = 0;
    for (long done = 0; done < entry.byteSize(); done += chunk.limit()) {
      chunk.clear().limit((int) Math.min(CHUNK_BYTES, entry.byteSize() - done));
      readFully(channel, chunk, entry.offset() + done, "tensor '" + name + "'");
      chunk.flip();
      written = widen(entry, chunk, out, written);
    }
    return out;
  }

  private static int widen(TensorEntry entry, ByteBuffer chunk, float[] out, int from) {
    int to = from;
    switch (entry.type()) {
      case "F32" -> {
        int count = chunk.remaining() / Float.BYTES;
        chunk.asFloatBuffer().get(out, from, count);
        to += count;
      }
      case "BF16" -> {
        while (chunk.hasRemaining()) {
          out[to++] = Float.intBitsToFloat(chunk.getShort() << 16);
        }
      }
      case "F16" -> {
        while (chunk.hasRemaining()) {
          out[to++] = half(chunk.getShort());
        }
      }
      default ->
          throw new SafetensorsException(
              "tensor '" + entry.name() + "' is of " + entry.type() + "; F32, F16, BF16 are read");
    }
    return to;
  }

  /** A float of 16 bits. */
  private static float half(short bits) {
    int exponent = bits >> 10 & 0x1f;
    int fraction = bits & 0x3ff;
    float magnitude =
        switch (exponent) {
          case 0 -> fraction * 0x1p-24f;
          case 31 -> fraction == 0 ? Float.POSITIVE_INFINITY : Float.NaN;
          default -> Float.intBitsToFloat((exponent + 112) << 23 | fraction << 13);
        };
    return bits < 0 ? -magnitude : magnitude;
  }

  private static void readFully(FileChannel channel, ByteBuffer target, long from, String what) {
    try {
      while (target.hasRemaining()) {
        if (channel.read(target, from + target.position()) < 0) {
          throw new SafetensorsException("the file ends in " + what);
        }
      }
    } catch (IOException e) {
      throw new SafetensorsException("cannot read " + what + ": " + reason(e), e);
    }
  }

  @Override
  public void close() {
    try {
      channel.close();
    } catch (IOException e) {
      throw new SafetensorsException("cannot close the model file: " + reason(e), e);
    }
  }
}
