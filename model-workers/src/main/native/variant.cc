// Compiled once for each instruction set, with PARLEY_VARIANT as its name. It must not define anything
// that another build could define too (the build script checks it), or the linker might take code for
// a CPU that this one is not.
#include "attention.h"
#include "encoder.h"
#include "linear.h"
#include "normalise.h"
#include "peak.h"
#include "weigh.h"

#define NAME_OF(variant) NAME_OF_(variant)
#define NAME_OF_(variant) kernels_##variant
#define TEXT_OF(variant) TEXT_OF_(variant)
#define TEXT_OF_(variant) #variant

namespace parley {

extern const Kernels NAME_OF(PARLEY_VARIANT);
const Kernels NAME_OF(PARLEY_VARIANT) = {TEXT_OF(PARLEY_VARIANT), linear, normalise, attention, peak,
                                          add_norm, gelu, attend_texts, pool_texts, weigh};

}  // namespace parley
