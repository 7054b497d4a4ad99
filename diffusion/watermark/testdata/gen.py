"""Writes sd.png and sdxl.png: what invisible-watermark 0.2.0 makes of the picture of
watermark_test.go, as scripts/txt2img.py of Stable Diffusion calls it, with
opencv-python-headless, PyWavelets and numpy. And it reads them back.

    pip install --no-deps invisible-watermark && pip install opencv-python-headless PyWavelets numpy pillow
"""
import importlib.util, pathlib, sys
import cv2, numpy as np
from PIL import Image

here = pathlib.Path(__file__).parent
spec = importlib.util.find_spec("imwatermark")
max_dct = importlib.util.spec_from_file_location("maxDct", pathlib.Path(spec.submodule_search_locations[0]) / "maxDct.py")
module = importlib.util.module_from_spec(max_dct)  # without torch, which the package wants for another method
max_dct.loader.exec_module(module)

SD = [int(b) for b in np.unpackbits(np.frombuffer(b"StableDiffusionV1", np.uint8))]
SDXL = [int(b) for b in bin(0b101100111110110010010000011110111011000110011110)[2:]]


def picture(w, h):
    img = np.zeros((h, w, 3), np.uint8)
    grain = 1
    for y in range(h):
        for x in range(w):
            r = g = 60 + x * 150 // w
            b = r - 30 if x > w // 2 and y > h // 3 else r + 4
            grain = (1664525 * grain + 1013904223) % 2**32
            img[y, x] = r, g + (grain >> 24) % 4, b + (grain >> 28) % 8
    return img


def decoded(rgb, bits):
    return [int(b) for b in module.EmbedMaxDct(wmLen=bits).decode(np.ascontiguousarray(rgb[..., ::-1]))]


if len(sys.argv) > 1:  # a file that another program marked
    rgb = np.array(Image.open(sys.argv[1]).convert("RGB"))
    print("sd", decoded(rgb, len(SD)) == SD, "sdxl", decoded(rgb, len(SDXL)) == SDXL)
    sys.exit()
for name, bits in ("sd", SD), ("sdxl", SDXL):
    bgr = np.ascontiguousarray(picture(261, 259)[..., ::-1])
    marked = module.EmbedMaxDct(bits, wmLen=len(bits)).encode(bgr)
    Image.fromarray(marked[..., ::-1]).save(here / f"{name}.png", optimize=True)
    assert decoded(marked[..., ::-1], len(bits)) == bits
