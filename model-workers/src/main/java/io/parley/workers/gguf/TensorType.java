package io.parley.workers.gguf;

import java.util.Map;

/** How a tensor's numbers are stored: blocks of {@code blockSize} numbers in {@code blockBytes}. */
public enum TensorType {
  F32(0, 1, 4),
  F16(1, 1, 2),
  Q4_0(2, 32, 18),
  Q4_1(3, 32, 20),
  Q5_0(6, 32, 22),
  Q5_1(7, 32, 24),
  Q8_0(8, 32, 34),
  Q4_K(12, 256, 144),
  Q5_K(13, 256, 176),
  Q6_K(14, 256, 210),
  BF16(30, 1, 2);

  /** Names of types that exist but are not read here, so that a refusal can say which it met. */
  private static final Map<Integer, String> UNREAD =
      Map.ofEntries(
          Map.entry(9, "Q8_1"),
          Map.entry(10, "Q2_K"),
          Map.entry(11, "Q3_K"),
          Map.entry(15, "Q8_K"),
          Map.entry(16, "IQ2_XXS"),
          Map.entry(17, "IQ2_XS"),
          Map.entry(18, "IQ3_XXS"),
          Map.entry(19, "IQ1_S"),
          Map.entry(20, "IQ4_NL"),
          Map.entry(21, "IQ3_S"),
          Map.entry(22, "IQ2_S"),
          Map.entry(23, "IQ4_XS"),
          Map.entry(24, "I8"),
          Map.entry(25, "I16"),
          Map.entry(26, "I32"),
          Map.entry(27, "I64"),
          Map.entry(28, "F64"),
          Map.entry(29, "IQ1_M"),
          Map.entry(34, "TQ1_0"),
          Map.entry(35, "TQ2_0"),
          Map.entry(39, "MXFP4"));

  private final int code;
  private final int blockSize;
  private final int blockBytes;

  TensorType(int code, int blockSize, int blockBytes) {
    this.code = code;
    this.blockSize = blockSize;
    this.blockBytes = blockBytes;
  }

  /** The number in the file. */
  public int code() {
    return code;
  }

  /** Numbers in a block; a row is a whole number of blocks. */
  public int blockSize() {
    return blockSize;
  }

  public int blockBytes() {
    return blockBytes;
  }

  /**
   * The type of a number in a file.
   *
   * @throws GgufException when it is not one that can be read; {@code where} goes into the message
   */
  static TensorType of(int code, String where) {
    for (TensorType type : values()) {
      if (type.code == code) {
        return type;
      }
    }
    String name = UNREAD.get(code);
    throw new GgufException(
        where
            + " has "
            + (name == null ? "the unknown type " + code : "the unsupported type " + name)
            + "; supported are F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q4_K, Q5_K, Q6_K");
  }
}
