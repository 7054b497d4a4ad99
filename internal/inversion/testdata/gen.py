"""Writes files of textual inversions beside itself, of the vectors in a1111.safetensors, as
WebUI and others do. pip install torch numpy pillow safetensors

    python gen.py

a1111.pt, a1111.safetensors, learned_embeds.bin, learned_embeds.safetensors and
single_vector.safetensors are from diffusers 0.42.1 and torch 2.15, of random vectors."""
import base64, json, zlib
from pathlib import Path
import numpy as np, torch
from PIL import Image, PngImagePlugin
from safetensors.torch import load_file, save_file

here = Path(__file__).parent
x = load_file(here / "a1111.safetensors")["emb_params"]
data = {"string_to_token": {"*": 265}, "string_to_param": {"*": x}, "name": "tiny-cat", "step": 500, "sd_checkpoint": None, "sd_checkpoint_name": None}
old = torch.nn.ParameterDict({"*": torch.nn.Parameter(x)})
torch.save({"string_to_token": {"*": torch.tensor(265)}, "string_to_param": old}, here / "parameterdict.pt")
torch.save(x, here / "bare.pt")
save_file({"clip_l": x[:2].contiguous(), "clip_g": torch.cat([x[:2], x[:2, :16] + 1], 1).contiguous()}, here / "pair.safetensors")
text = json.dumps(data, default=lambda t: {"TORCHTENSOR": t.tolist()}).encode()
picture = Image.fromarray(np.random.RandomState(1).randint(1, 256, (96, 64, 3), dtype=np.uint8))
info = PngImagePlugin.PngInfo()
info.add_text("sd-ti-embedding", base64.b64encode(text).decode())
picture.resize((8, 8)).save(here / "text.png", pnginfo=info)


def mixed(block):
    """Half bytes, and above them some style that a reader ignores."""
    seed, out = 0, []
    for v in block.flatten():
        seed = (1664525 * seed + 1013904223) % 2**32
        out.append(int(v) ^ seed % 255 & 15)
    return np.array(out, np.uint8).reshape(block.shape) | np.random.RandomState(2).randint(1, 16, block.shape).astype(np.uint8) << 4


packed = np.frombuffer(zlib.compress(text, 9), np.uint8)
h = picture.size[1]
size = -(-len(packed) // (3 * h)) * 3 * h
low, high = (mixed(np.resize(half, size).reshape(h, -1, 3)) for half in (packed & 15, packed >> 4))
black = np.zeros((h, 1, 3), np.uint8)
whole = np.concatenate([low, black, np.asarray(picture), black, high], 1)
whole = np.pad(whole, ((3, 2), (1, 4), (0, 0)))
Image.fromarray(whole).save(here / "pixels.png")
Image.fromarray(whole).save(here / "pixels.webp", lossless=True)
