package io.parley.workers.engine;

/** The numbers that the matrix products are made of. */
public enum Arithmetic {
  /**
   * Weights rounded to bfloat16 (as the reference does), widened and multiplied as 32-bit floats.
   */
  F32,
  /** Weights and activations in bfloat16; needs a CPU that multiplies it, or it is very slow. */
  BF16;

  /** Its name in variants and folders. */
  public String label() {
    return this == F32 ? "f32" : "bf16";
  }
}
