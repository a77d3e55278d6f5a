package io.parley.workers.gguf;

import java.nio.ByteBuffer;

/**
 * Turns blocks of a GGUF tensor into floats. The layouts and the order of the operations are
 * ggml's, so the results are the same to the bit.
 */
final class Dequantizer {
  private Dequantizer() {}

  /**
   * Reads {@code blocks} blocks from the beginning of {@code in} (little endian), and writes their
   * numbers to {@code out} from {@code at} on. The buffer's position does not move.
   */
  static void dequantize(TensorType type, ByteBuffer in, int blocks, float[] out, int at) {
    switch (type) {
      case F32 -> in.slice().order(in.order()).asFloatBuffer().get(out, at, blocks);
      case F16 -> {
        for (int i = 0; i < blocks; i++) {
          out[at + i] = half(in.getShort(i * 2));
        }
      }
      case BF16 -> {
        for (int i = 0; i < blocks; i++) {
          out[at + i] = Float.intBitsToFloat(in.getShort(i * 2) << 16);
        }
      }
      default -> {
        for (int i = 0; i < blocks; i++) {
          block(type, in, i * type.blockBytes(), out, at + i * type.blockSize());
        }
      }
    }
  }

  private static void block(TensorType type, ByteBuffer in, int from, float[] out, int at) {
    switch (type) {
      case Q8_0 -> q8Zero(in, from, out, at);
      case Q4_0 -> q4Zero(in, from, out, at);
      case Q4_1 -> q4One(in, from, out, at);
      case Q5_0 -> q5Zero(in, from, out, at);
      case Q5_1 -> q5One(in, from, out, at);
      case Q4_K -> q4K(in, from, out, at);
      case Q5_K -> q5K(in, from, out, at);
      case Q6_K -> q6K(in, from, out, at);
      case F32, F16, BF16 -> throw new AssertionError("not in blocks: " + type);
    }
  }

  private static void q8Zero(ByteBuffer in, int from, float[] out, int at) {
    float scale = half(in.getShort(from));
    for (int i = 0; i < 32; i++) {
      out[at + i] = in.get(from + 2 + i) * scale;
    }
  }

  private static void q4Zero(ByteBuffer in, int from, float[] out, int at) {
    float scale = half(in.getShort(from));
    for (int i = 0; i < 16; i++) {
      int pair = in.get(from + 2 + i);
      out[at + i] = ((pair & 0xf) - 8) * scale;
      out[at + i + 16] = ((pair >> 4 & 0xf) - 8) * scale;
    }
  }

  private static void q4One(ByteBuffer in, int from, float[] out, int at) {
    float scale = half(in.getShort(from));
    float min = half(in.getShort(from + 2));
    for (int i = 0; i < 16; i++) {
      int pair = in.get(from + 4 + i);
      out[at + i] = (pair & 0xf) * scale + min;
      out[at + i + 16] = (pair >> 4 & 0xf) * scale + min;
    }
  }

  private static void q5Zero(ByteBuffer in, int from, float[] out, int at) {
    float scale = half(in.getShort(from));
    int high = in.getInt(from + 2);
    for (int i = 0; i < 16; i++) {
      int pair = in.get(from + 6 + i);
      out[at + i] = (((pair & 0xf) | ((high >> i & 1) << 4)) - 16) * scale;
      out[at + i + 16] = (((pair >> 4 & 0xf) | ((high >> (i + 16) & 1) << 4)) - 16) * scale;
    }
  }

  private static void q5One(ByteBuffer in, int from, float[] out, int at) {
    float scale = half(in.getShort(from));
    float min = half(in.getShort(from + 2));
    int high = in.getInt(from + 4);
    for (int i = 0; i < 16; i++) {
      int pair = in.get(from + 8 + i);
      out[at + i] = ((pair & 0xf) | ((high >> i & 1) << 4)) * scale + min;
      out[at + i + 16] = ((pair >> 4 & 0xf) | ((high >> (i + 16) & 1) << 4)) * scale + min;
    }
  }

  private static void q4K(ByteBuffer in, int from, float[] out, int at) {
    float scale = half(in.getShort(from));
    float min = half(in.getShort(from + 2));
    for (int group = 0; group < 8; group++) {
      float d = scale * scaleK(in, from + 4, group);
      float m = min * minK(in, from + 4, group);
      int quants = from + 16 + group / 2 * 32;
      int shift = group % 2 * 4;
      for (int i = 0; i < 32; i++) {
        out[at + group * 32 + i] = d * (in.get(quants + i) >> shift & 0xf) - m;
      }
    }
  }

  private static void q5K(ByteBuffer in, int from, float[] out, int at) {
    float scale = half(in.getShort(from));
    float min = half(in.getShort(from + 2));
    for (int group = 0; group < 8; group++) {
      float d = scale * scaleK(in, from + 4, group);
      float m = min * minK(in, from + 4, group);
      int quants = from + 48 + group / 2 * 32;
      int shift = group % 2 * 4;
      for (int i = 0; i < 32; i++) {
        int high = in.get(from + 16 + i) >> group & 1;
        int quant = (in.get(quants + i) >> shift & 0xf) | (high << 4);
        out[at + group * 32 + i] = d * quant - m;
      }
    }
  }

  private static void q6K(ByteBuffer in, int from, float[] out, int at) {
    float scale = half(in.getShort(from + 208));
    for (int i = 0; i < 256; i++) {
      // two halves of 128; in each, four runs of 32 that share 64 low bytes and 32 high bytes
      int half = i / 128;
      int run = i % 128 / 32;
      int column = i % 32;
      int low = (in.get(from + half * 64 + run % 2 * 32 + column) >> (run / 2 * 4)) & 0xf;
      int high = (in.get(from + 128 + half * 32 + column) >> (run * 2)) & 3;
      float d = scale * in.get(from + 192 + i / 16);
      out[at + i] = d * ((low | (high << 4)) - 32);
    }
  }

  /** The 6-bit scale of a group of a K block, out of 12 packed bytes. */
  private static int scaleK(ByteBuffer in, int from, int group) {
    return group < 4
        ? in.get(from + group) & 63
        : (in.get(from + group + 4) & 0xf) | ((in.get(from + group - 4) >> 6 & 3) << 4);
  }

  /** The 6-bit minimum of a group of a K block. */
  private static int minK(ByteBuffer in, int from, int group) {
    return group < 4
        ? in.get(from + group + 4) & 63
        : (in.get(from + group + 4) >> 4 & 0xf) | ((in.get(from + group) >> 6 & 3) << 4);
  }

  /** IEEE half precision to single. */
  static float half(short bits) {
    int sign = (bits & 0x8000) << 16;
    int exponent = bits >> 10 & 0x1f;
    int fraction = bits & 0x3ff;
    if (exponent == 0x1f) {
      return Float.intBitsToFloat(sign | 0x7f800000 | (fraction << 13));
    }
    if (exponent == 0) {
      float magnitude = fraction * 0x1p-24f;
      return sign == 0 ? magnitude : -magnitude;
    }
    return Float.intBitsToFloat(sign | ((exponent + 112) << 23) | (fraction << 13));
  }
}
