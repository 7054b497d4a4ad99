"""Writes the pictures of this folder: input.png, and what OpenCV 4 and Pillow 13 make of it.

python gen.py, with opencv-python-headless, numpy and pillow.
"""

import pathlib

import cv2
import numpy
from PIL import Image, ImageDraw, ImageFilter

HERE = pathlib.Path(__file__).parent
W, H = 61, 47


def picture():
    """A smooth ground, two shapes, lines and some noise."""
    y, x = numpy.mgrid[0:H, 0:W]
    ground = numpy.stack([3 * x, 4 * y, 255 - 2 * x - y], -1).clip(0, 255).astype(numpy.uint8)
    img = Image.fromarray(ground)
    draw = ImageDraw.Draw(img)
    draw.ellipse([8, 6, 34, 30], fill=(230, 40, 30))
    draw.polygon([(30, 40), (55, 12), (58, 42)], fill=(20, 90, 220))
    draw.line([(2, 44), (40, 2)], fill=(0, 0, 0), width=1)
    noise = numpy.random.default_rng(3).integers(-9, 10, (H, W, 3))
    return Image.fromarray((numpy.asarray(img).astype(int) + noise).clip(0, 255).astype(numpy.uint8))


img = picture()
gray = img.convert("L")
img.save(HERE / "input.png")
gray.save(HERE / "gray.png")


def save(name, x):
    (x if isinstance(x, Image.Image) else Image.fromarray(x)).save(HERE / (name + ".png"))


rgb, one = numpy.asarray(img), numpy.asarray(gray)
save("canny", cv2.Canny(rgb, 100, 200))
save("canny_gray", cv2.Canny(one, 100, 200))
save("canny_low", cv2.Canny(rgb, 200, 30))
save("canny_l2", cv2.Canny(rgb, 60.5, 120.5, L2gradient=True))
save("canny_5", cv2.Canny(one, 800, 1500, apertureSize=5))
save("canny_5_l2", cv2.Canny(rgb, 800, 1500, apertureSize=5, L2gradient=True))
for radius in [0.3, 1, 2.5, 7, 40]:
    save(f"blur_{radius}", img.filter(ImageFilter.GaussianBlur(radius)))
save("blur_gray_2", gray.filter(ImageFilter.GaussianBlur(2)).convert("RGB"))
for factor in [2, 3, 7, 50]:
    save(f"tile_{factor}", img.reduce(factor).resize((W, H), Image.Resampling.BICUBIC))
for cell in [4, 9, 64]:
    small = img.resize((max(W // cell, 1), max(H // cell, 1)), Image.Resampling.BICUBIC)
    save(f"grid_{cell}", small.resize((W, H), Image.Resampling.NEAREST))
