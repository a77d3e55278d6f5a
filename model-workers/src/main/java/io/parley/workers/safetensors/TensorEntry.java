package io.parley.workers.safetensors;

import java.util.List;

/**
 * A tensor's entry in the header.
 *
 * @param type as the file names it, such as {@code F32}
 * @param shape sizes, the last changes fastest; empty for a single number
 * @param offset of its first byte in the file
 * @param byteSize of all its numbers
 */
public record TensorEntry(String name, String type, List<Long> shape, long offset, long byteSize) {
  public TensorEntry {
    shape = List.copyOf(shape);
  }

  /** How many numbers. */
  public long elements() {
    return shape.stream().reduce(1L, (a, b) -> a * b);
  }
}
