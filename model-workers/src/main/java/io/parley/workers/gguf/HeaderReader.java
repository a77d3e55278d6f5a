package io.parley.workers.gguf;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * Reads the parts of a GGUF header in order. Before memory is taken for anything, its length is
 * checked against what is left of the file, and its size in memory (a byte of an array becomes a
 * long, a text an object) against what all of the header may take.
 */
final class HeaderReader {
  private static final int BUFFER_BYTES = 1 << 16;
  private static final long STRING_BYTES_MAX = 1 << 24;
  private static final long ARRAY_ELEMENTS_MAX = 1 << 24;

  /** Far above any real header (vocabularies are some ten megabytes). */
  private static final long HEADER_BYTES_MAX = 1L << 29;

  /** Real headers take some hundred megabytes at most, of large vocabularies and their merges. */
  private static final long DECODED_BYTES_MAX = 1L << 28;

  /** An object, its array and its place in a list. */
  private static final int STRING_OVERHEAD_BYTES = 64;

  private static final int ARRAY = 9;
  private static final int STRING = 8;

  private final FileChannel channel;
  private final long limit;
  private final ByteBuffer buffer =
      ByteBuffer.allocate(BUFFER_BYTES).order(ByteOrder.LITTLE_ENDIAN).limit(0);
  private long bufferStart;
  private long decodedBytes;

  /** What is being read, for messages. */
  private String where = "the header";

  HeaderReader(FileChannel channel) throws IOException {
    this.channel = channel;
    this.limit = Math.min(channel.size(), HEADER_BYTES_MAX);
  }

  void at(String what) {
    where = what;
  }

  long position() {
    return bufferStart + buffer.position();
  }

  long remaining() {
    return limit - position();
  }

  int u8() {
    return fill(1).get() & 0xff;
  }

  int i32() {
    return fill(4).getInt();
  }

  long i64() {
    return fill(8).getLong();
  }

  /** A count of things that take at least {@code bytesEach} in the file. */
  int count(long max, int bytesEach) {
    long count = i64();
    if (count < 0 || count > max || count > remaining() / bytesEach) {
      throw new GgufException(
          where
              + " says "
              + Long.toUnsignedString(count)
              + " entries, more than the file can hold or the limit of "
              + max);
    }
    return (int) count;
  }

  private void take(long bytes) {
    decodedBytes += bytes;
    if (decodedBytes > DECODED_BYTES_MAX) {
      throw new GgufException(
          "the header takes more than " + (DECODED_BYTES_MAX >> 20) + " MiB of memory");
    }
  }

  String string() {
    int length = count(STRING_BYTES_MAX, 1);
    take(STRING_OVERHEAD_BYTES + 2L * length);
    byte[] bytes = new byte[length];
    int done = 0;
    while (done < length) {
      int part = Math.min(length - done, BUFFER_BYTES);
      fill(part).get(bytes, done, part);
      done += part;
    }
    return new String(bytes, StandardCharsets.UTF_8);
  }

  /** A value as {@link GgufMetadata} keeps it. */
  Object value() {
    int type = i32();
    return type == ARRAY ? array() : scalar(type);
  }

  private Object scalar(int type) {
    return switch (type) {
      case 0, 1, 2, 3, 4, 5, 10, 11 -> integer(type);
      case 6, 12 -> floating(type);
      case 7 -> bool();
      case STRING -> string();
      default -> throw unknownType(type);
    };
  }

  private Object array() {
    int type = i32();
    if (type == ARRAY) {
      throw new GgufException(where + " is an array of arrays, which no supported model has");
    }
    int count = count(ARRAY_ELEMENTS_MAX, width(type));
    take((long) Long.BYTES * count);
    switch (type) {
      case 6, 12 -> {
        float[] numbers = new float[count];
        for (int i = 0; i < count; i++) {
          numbers[i] = (float) floating(type);
        }
        return numbers;
      }
      case 7 -> {
        boolean[] flags = new boolean[count];
        for (int i = 0; i < count; i++) {
          flags[i] = bool();
        }
        return flags;
      }
      case STRING -> {
        List<String> strings = new ArrayList<>(count);
        for (int i = 0; i < count; i++) {
          strings.add(string());
        }
        return List.copyOf(strings);
      }
      default -> {
        long[] numbers = new long[count];
        for (int i = 0; i < count; i++) {
          numbers[i] = integer(type);
        }
        return numbers;
      }
    }
  }

  private long integer(int type) {
    return switch (type) {
      case 0 -> u8();
      case 1 -> (byte) u8();
      case 2 -> fill(2).getShort() & 0xffff;
      case 3 -> fill(2).getShort();
      case 4 -> Integer.toUnsignedLong(i32());
      case 5 -> i32();
      case 10 -> unsigned(i64());
      case 11 -> i64();
      default -> throw unknownType(type);
    };
  }

  private long unsigned(long value) {
    if (value < 0) {
      throw new GgufException(where + " is out of range: " + Long.toUnsignedString(value));
    }
    return value;
  }

  private double floating(int type) {
    return type == 6 ? fill(4).getFloat() : fill(8).getDouble();
  }

  private boolean bool() {
    int value = u8();
    if (value > 1) {
      throw new GgufException(where + " is neither true nor false: " + value);
    }
    return value == 1;
  }

  /** The least that a value of the type takes in the file. */
  private int width(int type) {
    return switch (type) {
      case 0, 1, 7 -> 1;
      case 2, 3 -> 2;
      case 4, 5, 6 -> 4;
      case STRING, 10, 11, 12 -> 8;
      default -> throw unknownType(type);
    };
  }

  private GgufException unknownType(int type) {
    return new GgufException(
        where + " has the unknown value type " + Integer.toUnsignedString(type));
  }

  /** The buffer with at least {@code bytes} to read, at most {@link #BUFFER_BYTES}. */
  private ByteBuffer fill(int bytes) {
    if (buffer.remaining() >= bytes) {
      return buffer;
    }
    if (remaining() < bytes) {
      throw new GgufException("the file ends in " + where + " (byte " + position() + ")");
    }
    bufferStart += buffer.position();
    buffer.compact();
    try {
      while (buffer.position() < bytes) {
        if (channel.read(buffer, bufferStart + buffer.position()) < 0) {
          throw new GgufException("the file ends in " + where + " (byte " + bufferStart + ")");
        }
      }
    } catch (IOException e) {
      throw new GgufException("cannot read the file: " + e.getMessage(), e);
    } finally {
      buffer.flip();
    }
    return buffer;
  }
}
