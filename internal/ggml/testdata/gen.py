"""Writes blocks.safetensors: blocks of each type with the numbers that the gguf package of
ggml's authors (pip install gguf safetensors) gives for them, and numbers with the blocks
that it makes of them.

    TYPE.bytes  TYPE.values     blocks of random bits, and what they mean
    x           TYPE.quantised  numbers, and blocks of them, where the package makes any
"""

import os

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Type
from safetensors.numpy import save_file

BLOCKS = {32: 12, 256: 4}  # how many of each size
SCALES = {  # where a block has float16 scales
    "Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0],
    "Q2_K": [80, 82], "Q3_K": [108], "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208],
}

random = np.random.default_rng(11)
out = {}
for name, scales in SCALES.items():
    numbers, size = gguf.GGML_QUANT_SIZES[Type[name]]
    blocks = random.integers(0, 256, (BLOCKS[numbers], size), dtype=np.uint8)
    for at in scales:
        d = (random.standard_normal(len(blocks)) * 0.01).astype(np.float16)
        d[0] = 3e-7  # a subnormal number
        blocks[:, at:at + 2] = d.view(np.uint8).reshape(-1, 2)
    out[name + ".bytes"] = blocks.reshape(-1)
    out[name + ".values"] = gguf.quants.dequantize(blocks, Type[name]).reshape(-1)

x = random.standard_normal((16, 32)).astype(np.float32)
x[0] = 0
x[1] = 0.3  # all the same
x[2] = np.abs(x[2])
x[3] = -np.abs(x[3])
x[4, 7], x[4, 9] = 100, -100  # of two largest the first counts
x[5] *= 1e-6
x[6] *= 1e4
x[7] = np.arange(32) - 15.5  # many ties
x[8] = (np.arange(32) - 16) / 128
x[9] = 1
x[9, 3] = -1
out["x"] = x.reshape(-1)
for name in ["F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1"]:
    quantised = gguf.quants.quantize(x, Type[name])
    out[name + ".quantised"] = np.ascontiguousarray(quantised).view(np.uint8).reshape(-1)

path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "blocks.safetensors")
save_file(out, path, {"numpy": np.__version__, "gguf": "0.19.0"})
