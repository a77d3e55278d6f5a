"""Makes src/test/resources/golden/gguf/quants.gguf with the Python package gguf 0.19.0.

    pip install gguf==0.19.0 numpy && python make_quants.py quants.gguf

For each tensor type there are random blocks (tensor "Q4_K") and what gguf-py makes of them
(tensor "Q4_K.expected", F32). Scales are sane half-precision numbers, some of them subnormal or
negative; all other bits are random. Seeded, so the file is the same each time.
"""

import sys

import gguf
import numpy as np
from gguf import GGMLQuantizationType as T

ROWS, COLUMNS = 2, 512
HALVES = {  # where the half-precision numbers of a block are
    T.Q4_0: [0], T.Q4_1: [0, 2], T.Q5_0: [0], T.Q5_1: [0, 2], T.Q8_0: [0],
    T.Q4_K: [0, 2], T.Q5_K: [0, 2], T.Q6_K: [208],
}
rng = np.random.default_rng(20260101)


def halves(n):
    values = rng.normal(0, 0.05, n).astype(np.float16)
    values[::7] = np.float16(3e-7)  # subnormal
    values[3::11] = 0
    return values


writer = gguf.GGUFWriter(sys.argv[1], "golden")
writer.add_string("golden.text", "é漢🎉")
writer.add_array("golden.strings", ["a", "", "Ġ"])
writer.add_array("golden.integers", [-1, 2, 3])
writer.add_array("golden.numbers", [0.5, -2.0])
writer.add_bool("golden.flag", True)
writer.add_float32("golden.number", 1e-5)
for kind in [T.F32, T.F16, T.BF16, *HALVES]:
    block, size = gguf.GGML_QUANT_SIZES[kind]
    if kind == T.F32:
        raw = rng.normal(0, 1, (ROWS, COLUMNS)).astype(np.float32)
    elif kind == T.F16:
        raw = halves(ROWS * COLUMNS).reshape(ROWS, COLUMNS)
        raw[0, :3] = [np.inf, -np.inf, 65504]
    elif kind == T.BF16:
        raw = gguf.quantize(rng.normal(0, 1, (ROWS, COLUMNS)).astype(np.float32), kind)
    else:
        blocks = ROWS * COLUMNS // block
        raw = rng.integers(0, 256, (blocks, size), dtype=np.uint8)
        for at in HALVES[kind]:
            raw[:, at:at + 2] = halves(blocks).view(np.uint8).reshape(blocks, 2)
        raw = raw.reshape(ROWS, -1)
    expected = gguf.dequantize(raw, kind).astype(np.float32).reshape(ROWS, COLUMNS)
    if kind in (T.F32, T.F16):
        writer.add_tensor(kind.name, raw)
    else:
        writer.add_tensor(kind.name, raw, raw_dtype=kind)
    writer.add_tensor(kind.name + ".expected", expected)
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()
