// Sixteen lanes of 32-bit floats, and sixteen pairs of bfloat16, on whatever the compiler is told the
// CPU has. All sums and products are spelt out (no contraction by the compiler), so that a lane gives
// the same bits in every loop that uses it.
//
// Everything is in an anonymous namespace: the same source is compiled for several CPUs, and the
// linker must never take one build's function for another's.
#pragma once
#include <cstdint>
#include <cstring>

#if defined(__AVX2__) || defined(__AVX512F__)
#include <immintrin.h>
#endif

#include "kernels.h"

namespace parley {
namespace {

#define INLINE inline __attribute__((always_inline, unused))

/** The nearest bfloat16, ties to even. */
INLINE bf16 narrow(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return static_cast<bf16>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

INLINE void fetch_near(const void* p) { __builtin_prefetch(p, 0, 3); }
INLINE void fetch_far(const void* p) { __builtin_prefetch(p, 0, 2); }

#if defined(__AVX512F__)
// ------------------------------------------------------------------------------------------ AVX-512

constexpr int kTileRows = 12;       // rows of a register block of a product
constexpr int kWidenedAnew = 2;     // tiles up to which that is cheaper than keeping widened weights
constexpr int kAttentionRows = 6;   // and of attention

struct F32 { __m512 v; };
struct Pairs { __m512i v; };

INLINE F32 load(const float* p) { return {_mm512_loadu_ps(p)}; }
INLINE void store(float* p, F32 a) { _mm512_storeu_ps(p, a.v); }
INLINE F32 splat(float a) { return {_mm512_set1_ps(a)}; }
INLINE Pairs load_pairs(const bf16* p) { return {_mm512_loadu_si512(p)}; }
INLINE F32 operator+(F32 a, F32 b) { return {_mm512_add_ps(a.v, b.v)}; }
INLINE F32 operator-(F32 a, F32 b) { return {_mm512_sub_ps(a.v, b.v)}; }
INLINE F32 operator*(F32 a, F32 b) { return {_mm512_mul_ps(a.v, b.v)}; }
INLINE F32 operator/(F32 a, F32 b) { return {_mm512_div_ps(a.v, b.v)}; }
INLINE F32 fma(F32 a, F32 b, F32 c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
INLINE F32 max(F32 a, F32 b) { return {_mm512_max_ps(a.v, b.v)}; }
INLINE F32 min(F32 a, F32 b) { return {_mm512_min_ps(a.v, b.v)}; }
INLINE F32 round_even(F32 a) { return {_mm512_roundscale_ps(a.v, 8)}; }

/** a times 2 to the power of n, which is whole. */
INLINE F32 scale(F32 a, F32 n) { return {_mm512_scalef_ps(a.v, n.v)}; }

/** The first n lanes of a, b in the others. */
INLINE F32 first(int64_t n, F32 a, F32 b) {
  const __mmask16 mask = static_cast<__mmask16>(n >= 16 ? 0xffff : n <= 0 ? 0 : (1u << n) - 1);
  return {_mm512_mask_mov_ps(b.v, mask, a.v)};
}

/** a where x is at least the limit, else 0. */
INLINE F32 where_at_least(F32 x, float limit, F32 a) {
  return {_mm512_maskz_mov_ps(_mm512_cmp_ps_mask(x.v, _mm512_set1_ps(limit), _CMP_GE_OQ), a.v)};
}

#if defined(__AVX512BF16__)
#define PARLEY_NARROW_FACTORS

/** c + w.first * factors[0] + w.second * factors[1] */
INLINE F32 dot(F32 c, Pairs w, const bf16* factors) {
  int32_t pair;
  memcpy(&pair, factors, sizeof pair);
  return {_mm512_dpbf16_ps(c.v, (__m512bh)w.v, (__m512bh)_mm512_set1_epi32(pair))};
}

/** 16 pairs of integers, which bfloat16 has exactly. */
INLINE Pairs load_pairs(const int8_t* p) {
  const __m128i* bytes = reinterpret_cast<const __m128i*>(p);
  const __m512 low = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(bytes)));
  const __m512 high = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(bytes + 1)));
  return {(__m512i)_mm512_cvtne2ps_pbh(high, low)};
}
INLINE void store_factors(bf16* p, F32 a) {
  const __m256bh narrow = _mm512_cvtneps_pbh(a.v);
  memcpy(p, &narrow, sizeof narrow);
}
#else
INLINE F32 dot(F32 c, Pairs w, const float* factors) {
  const __m512 low = _mm512_castsi512_ps(_mm512_slli_epi32(w.v, 16));
  const __m512 high =
      _mm512_castsi512_ps(_mm512_and_si512(w.v, _mm512_set1_epi32(static_cast<int>(0xffff0000u))));
  c.v = _mm512_fmadd_ps(low, _mm512_set1_ps(factors[0]), c.v);
  return {_mm512_fmadd_ps(high, _mm512_set1_ps(factors[1]), c.v)};
}

/** 16 pairs of integers, which bfloat16 has exactly. */
INLINE Pairs load_pairs(const int8_t* p) {
  const __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  // a pair of bytes to the upper halves of a pair of 16-bit lanes, from there to floats
  const __m512i pairs = _mm512_cvtepu16_epi32(bytes);
  const __m512i low = _mm512_srai_epi32(_mm512_slli_epi32(pairs, 24), 24);
  const __m512i high = _mm512_srai_epi32(_mm512_slli_epi32(pairs, 16), 24);
  const __m512i first = _mm512_srli_epi32(_mm512_castps_si512(_mm512_cvtepi32_ps(low)), 16);
  return {_mm512_or_si512(first, _mm512_castps_si512(_mm512_cvtepi32_ps(high)))};
}
#endif

INLINE void store_pairs(bf16* p, Pairs a) { _mm512_storeu_si512(p, a.v); }

#elif defined(__AVX2__) && defined(__FMA__)
// --------------------------------------------------------------------------------------------- AVX2

constexpr int kTileRows = 3;
constexpr int kWidenedAnew = 2;
constexpr int kAttentionRows = 3;

struct F32 { __m256 a, b; };
struct Pairs { __m256i a, b; };

#define BOTH(op, x, y) {op(x.a, y.a), op(x.b, y.b)}
INLINE F32 load(const float* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
INLINE void store(float* p, F32 x) {
  _mm256_storeu_ps(p, x.a);
  _mm256_storeu_ps(p + 8, x.b);
}
INLINE F32 splat(float x) { return {_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
INLINE Pairs load_pairs(const bf16* p) {
  return {_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)),
          _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p + 16))};
}
INLINE F32 operator+(F32 x, F32 y) { return BOTH(_mm256_add_ps, x, y); }
INLINE F32 operator-(F32 x, F32 y) { return BOTH(_mm256_sub_ps, x, y); }
INLINE F32 operator*(F32 x, F32 y) { return BOTH(_mm256_mul_ps, x, y); }
INLINE F32 operator/(F32 x, F32 y) { return BOTH(_mm256_div_ps, x, y); }
INLINE F32 max(F32 x, F32 y) { return BOTH(_mm256_max_ps, x, y); }
INLINE F32 min(F32 x, F32 y) { return BOTH(_mm256_min_ps, x, y); }
INLINE F32 fma(F32 x, F32 y, F32 z) {
  return {_mm256_fmadd_ps(x.a, y.a, z.a), _mm256_fmadd_ps(x.b, y.b, z.b)};
}
INLINE F32 round_even(F32 x) { return {_mm256_round_ps(x.a, 8), _mm256_round_ps(x.b, 8)}; }
INLINE __m256 power_of_two(__m256 n) {
  const __m256i exponent = _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127));
  return _mm256_castsi256_ps(_mm256_slli_epi32(exponent, 23));
}
INLINE F32 scale(F32 x, F32 n) { return x * F32{power_of_two(n.a), power_of_two(n.b)}; }
INLINE F32 first(int64_t n, F32 x, F32 y) {
  const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  const __m256i count = _mm256_set1_epi32(static_cast<int>(n > 16 ? 16 : n));
  const __m256i a = _mm256_cmpgt_epi32(count, lanes);
  const __m256i b = _mm256_cmpgt_epi32(count, _mm256_add_epi32(lanes, _mm256_set1_epi32(8)));
  return {_mm256_blendv_ps(y.a, x.a, _mm256_castsi256_ps(a)),
          _mm256_blendv_ps(y.b, x.b, _mm256_castsi256_ps(b))};
}
INLINE F32 where_at_least(F32 x, float limit, F32 y) {
  const __m256 l = _mm256_set1_ps(limit);
  return {_mm256_and_ps(_mm256_cmp_ps(x.a, l, _CMP_GE_OQ), y.a),
          _mm256_and_ps(_mm256_cmp_ps(x.b, l, _CMP_GE_OQ), y.b)};
}
INLINE __m256 low_half(__m256i w) { return _mm256_castsi256_ps(_mm256_slli_epi32(w, 16)); }
INLINE __m256 high_half(__m256i w) {
  return _mm256_castsi256_ps(_mm256_and_si256(w, _mm256_set1_epi32(static_cast<int>(0xffff0000u))));
}
INLINE F32 dot(F32 c, Pairs w, const float* factors) {
  c = fma(F32{low_half(w.a), low_half(w.b)}, splat(factors[0]), c);
  return fma(F32{high_half(w.a), high_half(w.b)}, splat(factors[1]), c);
}
INLINE __m256i widen_pairs(__m128i bytes) {
  const __m256i pairs = _mm256_cvtepu16_epi32(bytes);
  const __m256i low = _mm256_srai_epi32(_mm256_slli_epi32(pairs, 24), 24);
  const __m256i high = _mm256_srai_epi32(_mm256_slli_epi32(pairs, 16), 24);
  const __m256i first = _mm256_srli_epi32(_mm256_castps_si256(_mm256_cvtepi32_ps(low)), 16);
  return _mm256_or_si256(first, _mm256_castps_si256(_mm256_cvtepi32_ps(high)));
}

/** 16 pairs of integers, which bfloat16 has exactly. */
INLINE Pairs load_pairs(const int8_t* p) {
  return {widen_pairs(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))),
          widen_pairs(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p + 16)))};
}
INLINE void store_pairs(bf16* p, Pairs x) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), x.a);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p + 16), x.b);
}
#undef BOTH

#else
// ------------------------------------------------------------- any CPU: four vectors of the compiler

constexpr int kTileRows = 2;
constexpr int kWidenedAnew = 1;
constexpr int kAttentionRows = 2;

typedef float Four __attribute__((vector_size(16)));
typedef uint32_t FourBits __attribute__((vector_size(16)));
typedef int32_t FourInts __attribute__((vector_size(16)));
struct F32 { Four v[4]; };
struct Pairs { FourBits v[4]; };

#define EACH(expression)        \
  {                             \
    F32 r;                      \
    for (int i = 0; i < 4; i++) \
      r.v[i] = expression;      \
    return r;                   \
  }
INLINE F32 load(const float* p) {
  F32 r;
  memcpy(&r, p, sizeof r);
  return r;
}
INLINE void store(float* p, F32 x) { memcpy(p, &x, sizeof x); }
INLINE F32 splat(float x) EACH((Four{x, x, x, x}))
INLINE Pairs load_pairs(const bf16* p) {
  Pairs r;
  memcpy(&r, p, sizeof r);
  return r;
}
INLINE F32 operator+(F32 x, F32 y) EACH(x.v[i] + y.v[i])
INLINE F32 operator-(F32 x, F32 y) EACH(x.v[i] - y.v[i])
INLINE F32 operator*(F32 x, F32 y) EACH(x.v[i] * y.v[i])
INLINE F32 operator/(F32 x, F32 y) EACH(x.v[i] / y.v[i])
INLINE F32 fma(F32 x, F32 y, F32 z) EACH(x.v[i] * y.v[i] + z.v[i])
INLINE F32 max(F32 x, F32 y) EACH(x.v[i] > y.v[i] ? x.v[i] : y.v[i])
INLINE F32 min(F32 x, F32 y) EACH(x.v[i] < y.v[i] ? x.v[i] : y.v[i])
INLINE F32 round_even(F32 x) EACH((x.v[i] + 12582912.f) - 12582912.f)
INLINE F32 scale(F32 x, F32 n)
    EACH(x.v[i] * (Four)((__builtin_convertvector(n.v[i], FourInts) + 127) << 23))
INLINE F32 first(int64_t n, F32 x, F32 y) {
  float values[kLanes];
  store(values, x);
  float others[kLanes];
  store(others, y);
  for (int64_t i = n < 0 ? 0 : n; i < kLanes; i++) {
    values[i] = others[i];
  }
  return load(values);
}
INLINE F32 where_at_least(F32 x, float limit, F32 y) EACH(x.v[i] >= limit ? y.v[i] : Four{})
INLINE F32 dot(F32 c, Pairs w, const float* factors)
    EACH(c.v[i] + (Four)(w.v[i] << 16) * factors[0] + (Four)(w.v[i] & 0xffff0000u) * factors[1])
#undef EACH

/** 16 pairs of integers, which bfloat16 has exactly. */
INLINE Pairs load_pairs(const int8_t* p) {
  typedef uint16_t FourPairs __attribute__((vector_size(8)));
  Pairs r;
  for (int i = 0; i < 4; i++) {
    FourPairs bytes;
    memcpy(&bytes, p + 8 * i, sizeof bytes);
    const FourBits pairs = __builtin_convertvector(bytes, FourBits);
    const Four low = __builtin_convertvector((FourInts)(pairs << 24) >> 24, Four);
    const Four high = __builtin_convertvector((FourInts)(pairs << 16) >> 24, Four);
    r.v[i] = ((FourBits)low >> 16) | (FourBits)high;
  }
  return r;
}
INLINE void store_pairs(bf16* p, Pairs x) { memcpy(p, &x, sizeof x); }
#endif

// ------------------------------------------------------------------------------------- made of these

/** What weights, keys and values are multiplied with: as precise as costs nothing. */
#if defined(PARLEY_NARROW_FACTORS)
using Factor = bf16;
INLINE Factor factor(float value) { return narrow(value); }
#else
using Factor = float;
INLINE Factor factor(float value) { return value; }
INLINE void store_factors(Factor* p, F32 a) { store(p, a); }
#endif

/** The lanes' sum, in halves. */
INLINE float sum(F32 a) {
  float v[kLanes];
  store(v, a);
  for (int width = kLanes / 2; width > 0; width /= 2) {
    for (int i = 0; i < width; i++) {
      v[i] += v[i + width];
    }
  }
  return v[0];
}

INLINE float largest(F32 a) {
  float v[kLanes];
  store(v, a);
  for (int width = kLanes / 2; width > 0; width /= 2) {
    for (int i = 0; i < width; i++) {
      v[i] = v[i + width] > v[i] ? v[i + width] : v[i];
    }
  }
  return v[0];
}

/** e to the power of x, which is taken as between -87 and 88; within 2 units in the last place. */
INLINE F32 exponential(F32 x) {
  x = max(splat(-87.f), min(splat(88.f), x));
  const F32 n = round_even(x * splat(1.44269504f));
  const F32 r = fma(n, splat(2.12194440e-4f), fma(n, splat(-0.693359375f), x));  // x - n ln 2
  F32 p = splat(1.9875691e-4f);
  p = fma(p, r, splat(1.3981999e-3f));
  p = fma(p, r, splat(8.3334519e-3f));
  p = fma(p, r, splat(4.1665796e-2f));
  p = fma(p, r, splat(1.6666665e-1f));
  p = fma(p, r, splat(0.5f));
  return scale(fma(p * r, r, r + splat(1.f)), n);
}

INLINE F32 silu(F32 x) { return x / (splat(1.f) + exponential(splat(0.f) - x)); }

/** Its approximation by the hyperbolic tangent: x / 2 (1 + tanh(t)) = x / (1 + exp(-2 t)). */
INLINE F32 gelu(F32 x) {
  const F32 cube = x * x * x;
  const F32 t = splat(0.7978845608f) * fma(splat(0.044715f), cube, x);
  return x / (splat(1.f) + exponential(splat(-2.f) * t));
}

/** 1 / the root of the mean square, which epsilon is added to. */
INLINE float inverse_root_mean_square(const float* x, int64_t count, float epsilon) {
  F32 squares = splat(0.f);
  for (int64_t i = 0; i < count; i += kLanes) {
    const F32 v = load(x + i);
    squares = fma(v, v, squares);
  }
  return 1.f / __builtin_sqrtf(sum(squares) / static_cast<float>(count) + epsilon);
}

}  // namespace
}  // namespace parley
