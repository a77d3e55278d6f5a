#include "lookup.h"

#include <cmath>
#include <cstring>

namespace parley {

void embed(const bf16* table, const int32_t* tokens, int64_t rows, int64_t width, float scale, float* y) {
  for (int64_t row = 0; row < rows; row++) {
    const int64_t panel = tokens[row] / kPanel, column = tokens[row] % kPanel;
    const bf16* from = table + panel * kPanel * width + column * 2;
    for (int64_t k = 0; k < width; k++) {
      const uint32_t bits = static_cast<uint32_t>(from[k / 2 * 2 * kPanel + k % 2]) << 16;
      float value;
      memcpy(&value, &bits, sizeof bits);
      y[row * width + k] = scale * value;
    }
  }
}

void rotate(const int32_t* positions, int64_t rows, const float* frequencies, int64_t pairs, float* y) {
  for (int64_t row = 0; row < rows; row++) {
    float* cosines = y + row * 2 * pairs;
    for (int64_t i = 0; i < pairs; i++) {
      const double angle = static_cast<double>(positions[row]) * frequencies[i];
      cosines[i] = static_cast<float>(std::cos(angle));
      cosines[pairs + i] = static_cast<float>(std::sin(angle));
    }
  }
}

}  // namespace parley
