#include "lookup.h"

#include <cmath>
#include <cstring>

namespace parley {

void embed(const void* table, bool int8, const int32_t* tokens, int64_t rows, int64_t width, float* y) {
  for (int64_t row = 0; row < rows; row++, y += width) {
    const int64_t column = tokens[row] % kPanel;
    const char* panel = static_cast<const char*>(table) + tokens[row] / kPanel * panel_bytes(width, int8);
    const auto at = [&](int64_t k) { return k / 2 * 2 * kPanel + column * 2 + k % 2; };
    if (int8) {
      float worth;
      memcpy(&worth, panel + width * kPanel + column * static_cast<int64_t>(sizeof worth), sizeof worth);
      for (int64_t k = 0; k < width; k++) {
        y[k] = static_cast<float>(reinterpret_cast<const int8_t*>(panel)[at(k)]) * worth;
      }
      continue;
    }
    for (int64_t k = 0; k < width; k++) {
      const uint32_t bits = static_cast<uint32_t>(reinterpret_cast<const bf16*>(panel)[at(k)]) << 16;
      memcpy(y + k, &bits, sizeof bits);
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
