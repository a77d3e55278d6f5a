package io.parley.workers.gguf;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Makes small GGUF files for tests. */
public final class GgufWriter {
  private static final int ALIGNMENT = 32;

  private final ByteArrayOutputStream metadata = new ByteArrayOutputStream();
  private final List<Tensor> tensors = new ArrayList<>();
  private int keys;
  private int version = 3;

  @SuppressWarnings("ArrayRecordComponent") // never compared
  private record Tensor(String name, long[] dims, int type, byte[] data) {}

  public GgufWriter version(int value) {
    version = value;
    return this;
  }

  public GgufWriter string(String key, String value) {
    return key(key, 8).text(value);
  }

  public GgufWriter integer(String key, int value) {
    return key(key, 4).i32(value);
  }

  public GgufWriter long64(String key, long value) {
    return key(key, 10).i64(value);
  }

  public GgufWriter number(String key, float value) {
    return key(key, 6).i32(Float.floatToIntBits(value));
  }

  public GgufWriter bool(String key, boolean value) {
    key(key, 7);
    metadata.write(value ? 1 : 0);
    return this;
  }

  public GgufWriter strings(String key, List<String> values) {
    array(key, 8, values.size());
    values.forEach(this::text);
    return this;
  }

  public GgufWriter integers(String key, int... values) {
    array(key, 5, values.length);
    for (int value : values) {
      i32(value);
    }
    return this;
  }

  public GgufWriter numbers(String key, float... values) {
    array(key, 6, values.length);
    for (float value : values) {
      i32(Float.floatToIntBits(value));
    }
    return this;
  }

  /** A key with a value of any bytes, to make wrong files. */
  public GgufWriter raw(String key, int type, byte[] value) {
    key(key, type);
    metadata.writeBytes(value);
    return this;
  }

  public GgufWriter tensor(String name, TensorType type, byte[] data, long... dims) {
    return tensor(name, type.code(), data, dims);
  }

  public GgufWriter tensor(String name, int type, byte[] data, long... dims) {
    tensors.add(new Tensor(name, dims.clone(), type, data.clone()));
    return this;
  }

  /** An F32 tensor. */
  public GgufWriter tensor(String name, float[] data, long... dims) {
    ByteBuffer bytes = ByteBuffer.allocate(data.length * 4).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asFloatBuffer().put(data);
    return tensor(name, TensorType.F32, bytes.array(), dims);
  }

  public byte[] bytes() {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    i32(out, 0x46554747);
    i32(out, version);
    i64(out, tensors.size());
    i64(out, keys);
    out.writeBytes(metadata.toByteArray());
    long offset = 0;
    for (Tensor tensor : tensors) {
      text(out, tensor.name);
      i32(out, tensor.dims.length);
      for (long dim : tensor.dims) {
        i64(out, dim);
      }
      i32(out, tensor.type);
      i64(out, offset);
      offset += align(tensor.data.length);
    }
    for (Tensor tensor : tensors) {
      out.writeBytes(new byte[(int) (align(out.size()) - out.size())]);
      out.writeBytes(tensor.data);
    }
    return out.toByteArray();
  }

  public Path write(Path path) {
    try {
      return Files.write(path, bytes());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static long align(long size) {
    return (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  }

  private GgufWriter key(String key, int type) {
    keys++;
    return text(key).i32(type);
  }

  private void array(String key, int type, int length) {
    key(key, 9).i32(type).i64(length);
  }

  private GgufWriter text(String value) {
    text(metadata, value);
    return this;
  }

  private GgufWriter i32(int value) {
    i32(metadata, value);
    return this;
  }

  private GgufWriter i64(long value) {
    i64(metadata, value);
    return this;
  }

  private static void text(ByteArrayOutputStream out, String value) {
    byte[] bytes = value.getBytes(StandardCharsets.UTF_8);
    i64(out, bytes.length);
    out.writeBytes(bytes);
  }

  private static void i32(ByteArrayOutputStream out, int value) {
    out.writeBytes(ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putInt(value).array());
  }

  private static void i64(ByteArrayOutputStream out, long value) {
    out.writeBytes(ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(value).array());
  }
}
