"""Writes written.gguf with the gguf package of ggml's authors (pip install gguf): a value of
each kind, and tensors of some types, of numbers that are whole and small.
"""

import os

import gguf
import numpy as np

path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "written.gguf")
w = gguf.GGUFWriter(path, "sd1")
w.add_uint8("a.uint8", 200)
w.add_int8("a.int8", -100)
w.add_uint16("a.uint16", 50000)
w.add_int16("a.int16", -30000)
w.add_uint32("a.uint32", 4000000000)
w.add_int32("a.int32", -2000000000)
w.add_float32("a.float32", 0.5)
w.add_bool("a.bool", True)
w.add_string("a.string", "grüße")
w.add_array("a.ints", [320, 4, 3, 3])
w.add_array("a.strings", ["", "b", "cc"])
w.add_array("a.floats", [1.5, -2.5])
w.add_array("a.bools", [True, False])
w.add_uint64("a.uint64", 1 << 63)
w.add_int64("a.int64", -(1 << 62))
w.add_float64("a.float64", 0.1)

n = (np.arange(2 * 3 * 64) % 17 - 8).astype(np.float32)
for name, shape, kind in [
    ("plain", (3,), "F32"), ("half", (2, 3, 1, 1), "F16"), ("eight", (2, 3, 64), "Q8_0"), ("four", (6, 64), "Q4_1"), ("upper", (5, 7), "BF16"),
]:
    x = n[:np.prod(shape)].reshape(shape)
    kind = gguf.GGMLQuantizationType[kind]
    w.add_tensor(name, gguf.quants.quantize(x, kind), raw_dtype=kind)
w.write_header_to_file()
w.write_kv_data_to_file()
w.write_tensors_to_file()
w.close()
