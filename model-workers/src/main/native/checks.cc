#include "checks.h"

namespace parley {

const char* problem(const LinearCall& call) {
  if (call.inputs < kLanes || call.inputs % kLanes != 0) {
    return "the number of inputs is not a multiple of 16";
  }
  if (call.gate < kNoGate || call.gate >= kGates) {
    return "there is no such gate";
  }
  if (call.columns < 1 || (call.gate != kNoGate && call.columns % kPanel != 0)) {
    return "the number of columns is not a multiple of 32";
  }
  if (call.gate != kNoGate && (call.bias != nullptr || call.residual != nullptr)) {
    return "a gate has neither bias nor residual";
  }
  return nullptr;
}

const char* problem(const NormCall& call) {
  return call.width < kLanes || call.width % kLanes != 0 ? "the width is not a multiple of 16"
                                                         : nullptr;
}

const char* problem(const AttentionCall& call) {
  if (call.heads < 1 || call.kvHeads < 1 || call.heads % call.kvHeads != 0) {
    return "query heads are not a multiple of key heads";
  }
  if (call.headSize < 64 || call.headSize % 64 != 0 || call.headSize > 512) {
    return "the head size is not 64 or a multiple of it up to 512";
  }
  if (call.block < kLanes || call.block % kLanes != 0) {
    return "the block size is not a multiple of 16";
  }
  if (call.window < 0) {
    return "the window is negative";
  }
  for (int64_t row = 0; row < call.rows; row++) {
    const int64_t sequence = call.sequences[row];
    if (sequence < 0 || sequence >= call.sequenceCount) {
      return "a sequence has no block table";
    }
    const int64_t position = call.positions[row];
    if (position < 0 || position / call.block >= call.tableColumns) {
      return "a position is past its block table";
    }
    const bool checked = row > 0 && call.sequences[row - 1] == sequence &&
                         call.positions[row - 1] / call.block == position / call.block;
    for (int64_t i = 0; !checked && i <= position / call.block; i++) {
      const int64_t block = call.tables[sequence * call.tableColumns + i];
      if (block < 0 || block >= call.blocks) {
        return "a block id is out of range";
      }
    }
  }
  return nullptr;
}

const char* problem(const int32_t* lengths, int64_t texts, int64_t rows) {
  int64_t sum = 0;
  for (int64_t i = 0; i < texts; i++) {
    if (lengths[i] < 1 || lengths[i] > rows) {
      return "the length of a text is out of range";
    }
    sum += lengths[i];
  }
  return sum == rows ? nullptr : "the lengths of the texts are not the number of rows";
}

int64_t score_stride(const int32_t* positions, int64_t rows) {
  int64_t seen = 0;
  for (int64_t row = 0; row < rows; row++) {
    const int64_t count = positions[row] + int64_t{1};
    seen = count > seen ? count : seen;
  }
  return (seen + kLanes - 1) / kLanes * kLanes;
}

}  // namespace parley
