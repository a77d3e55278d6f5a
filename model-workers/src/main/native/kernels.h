// What a kernel variant offers, and the calls that it takes. One source (variant.cc) is compiled once
// for each instruction set; nothing here depends on TensorFlow.
//
// A result never depends on what else is in the call: each output is summed up by one accumulator, in
// one fixed order, for every number of rows, threads and pieces.
#pragma once
#include <cstdint>

namespace parley {

class ThreadPool;

/** The upper half of a 32-bit float. */
using bf16 = uint16_t;

/** Columns of a weight panel, and lanes of a vector. */
constexpr int64_t kPanel = 32;
constexpr int64_t kLanes = 16;

/** The most rows whose activations are held at a time; bounds the working memory. */
constexpr int64_t kRowsAtOnce = 132;

/** What is done with a gate before it opens its value; the Java side knows the numbers. */
enum Gate { kNoGate, kSilu, kGelu, kGates };

/** The most rows of scores that attention holds for a thread. */
constexpr int64_t kScoreRows = 6;

/**
 * The bytes of a panel of weights: [inputs / 2, 32, 2], pairs of inputs side by side, of bfloat16 or of
 * 8-bit integers. Behind the integers there are 32 floats, what one of each column is worth.
 */
static constexpr int64_t panel_bytes(int64_t inputs, bool int8) {
  return int8 ? inputs * kPanel + kPanel * int64_t{sizeof(float)} : inputs * kPanel * int64_t{sizeof(bf16)};
}

/**
 * y = f(x) * weights, f: nothing or RMS normalisation. Where the CPU multiplies bfloat16, f(x) is rounded
 * to it. Where there is a gate, a panel holds 16 gates and the 16 values that they open.
 */
struct LinearCall {
  const float* x;        // [rows, inputs]
  const float* norm;     // [inputs]; null: no normalisation
  const void* weights;   // ceil(columns / 32) panels
  const float* bias;     // [columns], added to the product; null: nothing
  const float* residual; // [rows, columns], added to the product; null: nothing
  float* y;              // [rows, gate == kNoGate ? columns : columns / 2]
  void* activations;     // working memory, kRowsAtOnce * inputs floats, aligned
  bf16* widened;         // with int8 and several rows: working memory, for each thread 32 * inputs
  int64_t rows;
  int64_t inputs;        // a multiple of 16
  int64_t columns;       // with a gate a multiple of 32
  float epsilon;
  Gate gate;             // with one there is no bias and no residual
  bool int8;             // what the weights are
};

/** y = RMS normalised x + residual. */
struct NormCall {
  const float* x;        // [rows, width]
  const float* norm;     // [width]
  const float* residual; // [rows, width]
  float* y;              // [rows, width]
  int64_t rows;
  int64_t width;         // a multiple of 16
  float epsilon;
};

/**
 * Turns queries and keys, writes keys and values into the blocks of their sequences, and attends from
 * each row to its sequence's positions up to its own: all of them, or the last ones in a window. Where
 * heads have norms, queries and keys are RMS normalised before they are turned.
 *
 * A block of one head holds keys as [block / 16, headSize / 2, 16, 2] (pairs of a head's values side
 * by side, 16 positions wide) and values as [block / 2, headSize, 2] (pairs of positions).
 */
struct AttentionCall {
  const float* qkv;          // [rows, (heads + 2 kvHeads) * headSize]
  const float* rotation;     // [rows, headSize]: cosines of each pair, then sines
  const float* headNorms;    // [2, headSize], of queries and of keys; null: no normalisation
  const int32_t* positions;  // [rows]
  const int32_t* sequences;  // [rows], of tables
  const int32_t* tables;     // [sequenceCount, tableColumns]: blocks in order of position
  bf16* keys;                // [blocks, kvHeads, block * headSize] of this layer
  bf16* values;
  float* y;                  // [rows, heads * headSize]
  float* scores;             // working memory, for each thread kScoreRows * scoreStride
  int64_t rows;
  int64_t sequenceCount;
  int64_t tableColumns;
  int64_t blocks;
  int64_t scoreStride;       // at least the highest position + 1, rounded up to 16
  int heads;
  int kvHeads;
  int headSize;              // a multiple of 64
  int block;                 // a multiple of 16
  int window;                // positions that a row sees, with its own; 0: all
  float queryScale;          // of the scores
  float epsilon;             // of the heads' norms
};

/** y = layer normalisation of x + bias + residual. */
struct AddNormCall {
  const float* x;         // [rows, width]
  const float* bias;      // [width]
  const float* residual;  // [rows, width]
  const float* scale;     // [width]
  const float* shift;     // [width]
  float* y;               // [rows, width]
  int64_t rows;
  int64_t width;          // a multiple of 16
  float epsilon;
};

/** y = the Gaussian error linear unit of x + bias. */
struct GeluCall {
  const float* x;     // [rows, width]
  const float* bias;  // [width]
  float* y;           // [rows, width]
  int64_t rows;
  int64_t width;      // a multiple of 16
};

/** Attention of each row to all rows of its text. */
struct TextAttentionCall {
  const float* qkv;        // [rows, 3 * heads * headSize]: queries, keys, values
  const float* bias;       // [3 * heads * headSize], added to qkv
  const int32_t* lengths;  // [texts], rows of each, at least 1
  const int64_t* starts;   // [texts], the first row of each
  float* y;                // [rows, heads * headSize]
  float* memory;           // working memory, for each thread memoryStride
  int64_t texts;
  int64_t memoryStride;    // at least (2 * headSize + 4) * the longest text rounded up to 16
  int heads;
  int headSize;            // a multiple of 16
  float scale;             // of the scores
};

/** y = the mean of each text's rows; with unit, of length 1. */
struct PoolCall {
  const float* x;          // [rows, width]
  const int32_t* lengths;  // [texts]
  const int64_t* starts;   // [texts]
  float* y;                // [texts, width]
  int64_t texts;
  int64_t width;           // a multiple of 16
  bool unit;
};

/** Logits whose weights have one sum. */
constexpr int64_t kWeighedBlock = 64;

static constexpr int64_t weighed_blocks(int64_t vocabulary) {
  return (vocabulary + kWeighedBlock - 1) / kWeighedBlock;
}

/** y = the greatest logit of rows, NaN where one is, then the sums of exp((logit - greatest) * scale) by block. */
struct WeighCall {
  const float* logits;    // [any, vocabulary]
  const int32_t* rows;    // [count], of logits
  const double* scales;   // [count]
  double* y;              // [count, 1 + weighed_blocks(vocabulary)]
  int32_t* greatest;      // working memory, count + the pool's threads squared
  int64_t count;
  int64_t vocabulary;
};

/** A build of the kernels for one instruction set. */
struct Kernels {
  const char* name;
  void (*linear)(const LinearCall&, ThreadPool&);
  void (*normalise)(const NormCall&, ThreadPool&);
  void (*attention)(const AttentionCall&, ThreadPool&);

  /** Multiplications and additions a second of the products' instructions, with all in registers. */
  double (*peak)(ThreadPool&);

  void (*add_norm)(const AddNormCall&, ThreadPool&);
  void (*gelu)(const GeluCall&, ThreadPool&);
  void (*attend_texts)(const TextAttentionCall&, ThreadPool&);
  void (*pool_texts)(const PoolCall&, ThreadPool&);

  void (*weigh)(const WeighCall&, ThreadPool&);
};

/** In this order the Java side numbers them. */
enum Variant { kAvx512Bf16, kAvx512F, kAvx2, kPortable, kVariants };

/** Null when this library or this CPU lacks it. */
const Kernels* kernels(int variant);

}  // namespace parley
