"""Writes beside itself, of random images: resize.json.gz, Pillow's Lanczos resampling and
gray conversion, and overlay.json.gz, an image laid over another by a gray mask as
apply_overlay of diffusers' VaeImageProcessor does. pip install pillow numpy"""
import base64, gzip, json
from pathlib import Path
import numpy as np, PIL
from PIL import Image, ImageOps

r = np.random.default_rng(3)
b64 = lambda im: base64.b64encode(im.tobytes()).decode()
cases = []
for mode, size, to in (("RGB", (7, 5), (16, 24)), ("RGB", (40, 33), (16, 8)), ("L", (64, 64), (24, 40)), ("L", (3, 3), (64, 8)), ("RGB", (1, 1), (8, 8)), ("L", (1, 50), (8, 8)),
                       ("RGB", (50, 61), (48, 61)), ("RGB", (24, 17), (24, 32)), ("L", (200, 3), (8, 16)), ("RGB", (31, 37), (64, 64)), ("L", (97, 89), (72, 56)),
                       ("L", (40, 80), (48, 24)), ("L", (60, 80), (50, 60)), ("L", (60, 81), (50, 60))):
    shape = (size[1], size[0]) + ((3,) if mode == "RGB" else ())
    # hard edges as well as noise: overshoot beyond 0 and 255 must be clipped
    a = r.integers(0, 256, shape, dtype=np.uint8) if len(cases) % 3 else (r.integers(0, 2, shape, dtype=np.uint8) * 255)
    im = Image.fromarray(a, mode)
    out = im.resize(to, Image.Resampling.LANCZOS)
    cases.append(dict(mode=mode, size=size, to=to, input=b64(im), output=b64(out), gray=b64(out.convert("L"))))
def write(name, **data):
    with gzip.GzipFile(Path(__file__).parent / name, "wb", mtime=0) as f:
        f.write(json.dumps(dict(versions=dict(pillow=PIL.__version__, numpy=np.__version__), **data)).encode())
write("resize.json.gz", cases=cases)

size = (64, 40)
original, result = (Image.fromarray(r.integers(0, 256, (*size[::-1], 3), dtype=np.uint8)) for _ in range(2))
mask = Image.fromarray(np.arange(size[0] * size[1], dtype=np.int64).reshape(size[::-1]).astype(np.uint8))  # every gray, ten times
kept = Image.new("RGBa", size)
kept.paste(original.convert("RGBA").convert("RGBa"), mask=ImageOps.invert(mask))
out = result.convert("RGBA")
out.alpha_composite(kept.convert("RGBA"))
write("overlay.json.gz", size=size, original=b64(original), result=b64(result), mask=b64(mask), output=b64(out.convert("RGB")))
