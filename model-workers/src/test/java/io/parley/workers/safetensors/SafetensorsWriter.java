package io.parley.workers.safetensors;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Writes small Safetensors files, sound ones and others. */
public final class SafetensorsWriter {
  private final List<String> entries =
      new ArrayList<>(List.of("\"__metadata__\":{\"format\":\"pt\"}"));
  private final ByteArrayOutputStream data = new ByteArrayOutputStream();

  /** Adds a tensor of 32-bit floats. */
  public SafetensorsWriter tensor(String name, float[] values, long... shape) {
    ByteBuffer bytes =
        ByteBuffer.allocate(values.length * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asFloatBuffer().put(values);
    return tensor(name, "F32", bytes.array(), shape);
  }

  /** Adds a tensor of any type. */
  public SafetensorsWriter tensor(String name, String type, byte[] bytes, long... shape) {
    int begin = data.size();
    data.writeBytes(bytes);
    return entry(
        "\"%s\":{\"dtype\":\"%s\",\"shape\":%s,\"data_offsets\":[%d,%d]}"
            .formatted(name, type, Arrays.toString(shape), begin, data.size()));
  }

  /** Adds what is to be in the header as it is. */
  public SafetensorsWriter entry(String json) {
    entries.add(json);
    return this;
  }

  public byte[] bytes() {
    byte[] header = ("{" + String.join(",", entries) + "}").getBytes(StandardCharsets.UTF_8);
    return withHeader(header);
  }

  byte[] withHeader(byte[] header) {
    return ByteBuffer.allocate(8 + header.length + data.size())
        .order(ByteOrder.LITTLE_ENDIAN)
        .putLong(header.length)
        .put(header)
        .put(data.toByteArray())
        .array();
  }

  public Path write(Path file) throws IOException {
    return Files.write(file, bytes());
  }
}
