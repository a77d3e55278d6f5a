#include "kernels.h"

// the test for data races leaves the others out: they share their code
#if defined(__x86_64__) && !defined(PARLEY_ONLY_PORTABLE)
#define PARLEY_X86_VARIANTS
#endif

namespace parley {

#if defined(PARLEY_X86_VARIANTS)
extern const Kernels kernels_avx512bf16;
extern const Kernels kernels_avx512f;
extern const Kernels kernels_avx2;
#endif
extern const Kernels kernels_portable;

const Kernels* kernels(int variant) {
#if defined(PARLEY_X86_VARIANTS)
  __builtin_cpu_init();
  const bool avx512 = __builtin_cpu_supports("avx512f");
  switch (variant) {
    case kAvx512Bf16:
      return avx512 && __builtin_cpu_supports("avx512bf16") ? &kernels_avx512bf16 : nullptr;
    case kAvx512F:
      return avx512 ? &kernels_avx512f : nullptr;
    case kAvx2:
      return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? &kernels_avx2
                                                                             : nullptr;
    default:
      break;
  }
#endif
  return variant == kPortable ? &kernels_portable : nullptr;
}

}  // namespace parley
