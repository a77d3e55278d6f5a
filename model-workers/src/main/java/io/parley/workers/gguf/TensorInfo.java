package io.parley.workers.gguf;

import java.util.List;

/**
 * A tensor's entry in the directory.
 *
 * @param dims sizes in GGUF order: the first changes fastest, so a weight matrix is [in, out]
 * @param offset of its first byte, from the beginning of the file
 * @param byteSize what it takes in the file
 */
public record TensorInfo(
    String name, List<Long> dims, TensorType type, long offset, long byteSize) {
  public TensorInfo {
    dims = List.copyOf(dims);
  }

  /** Numbers in a row. */
  public long columns() {
    return dims.get(0);
  }

  /** The product of all sizes but the first; 1 for a vector. */
  public long rows() {
    long rows = 1;
    for (long dim : dims.subList(1, dims.size())) {
      rows *= dim; // the reader has checked that the product of all sizes fits
    }
    return rows;
  }

  public long elements() {
    return columns() * rows();
  }

  /** Bytes of one row. */
  long rowBytes() {
    return columns() / type.blockSize() * type.blockBytes();
  }
}
