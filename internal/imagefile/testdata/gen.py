"""Writes pillow.json.gz beside itself: small picture files of every kind, those of files/ too, and the pixels that
diffusers.utils.load_image makes of them, which is ImageOps.exif_transpose and convert("RGB").
pip install pillow numpy"""
import base64, gzip, io, json, struct, zlib
from pathlib import Path
import numpy as np, PIL
from PIL import Image, ImageOps, PngImagePlugin, TiffImagePlugin

r = np.random.default_rng(5)
W, H = 19, 13
y, x = np.mgrid[:H, :W]
smooth = np.stack([x * 13 % 256, y * 19, (x + y) * 7], 2).astype(np.uint8)  # no two corners alike
noise = r.integers(0, 256, (H, W, 3), dtype=np.uint8)
picture = Image.fromarray(smooth)
b64 = lambda b: base64.b64encode(b).decode()
cases = []


def add(name, data):
    im = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")
    cases.append(dict(name=name, file=b64(data), size=im.size, rgb=b64(im.tobytes())))


def save(im, format, **options):
    b = io.BytesIO()
    im.save(b, format, **options)
    return b.getvalue()


def exif(value, order="<", kind=3, count=1, before=(), prefix=b""):
    """An EXIF block with one IFD: the tags before, and the orientation."""
    code = {1: "B3x", 3: "H2x", 4: "I", 9: "i"}[kind]
    entries = [struct.pack(order + "HHI4s", *e) for e in before]
    entries.append(struct.pack(order + "HHI" + code, 0x112, kind, count, value))
    head = b"II*\0" if order == "<" else b"MM\0*"
    return prefix + head + struct.pack(order + "IH", 8, len(entries)) + b"".join(entries) + bytes(4)


def segment(marker, data):
    return bytes([0xFF, marker]) + struct.pack(">H", len(data) + 2) + data


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


plain = save(picture, "JPEG", quality=95, subsampling=0)
after_soi = lambda *segments: plain[:2] + b"".join(segments) + plain[2:]
E = b"Exif\0\0"
for o in range(10):
    add(f"jpeg orientation {o}", after_soi(segment(0xE1, E + exif(o))))
    add(f"tiff orientation {o}", save(picture, "TIFF", tiffinfo={274: o}))
xmp = lambda s: b"http://ns.adobe.com/xap/1.0/\0" + s
attribute, element = b'<x:xmpmeta><rdf:Description tiff:Orientation="6"/>', b"<x><tiff:Orientation>5</tiff:Orientation>"
for name, segments in {
    "big-endian": [E + exif(6, ">")],
    "long": [E + exif(6, kind=4)],
    "signed long": [E + exif(6, ">", kind=9)],
    "byte": [E + exif(6, kind=1)],
    "two values": [E + exif(6, count=2)],
    "after other tags": [E + exif(8, before=[(0x100, 4, 1, b"\0\0\0\1"), (0x10F, 2, 2, b"a\0\0\0"), (0x111, 99, 1, b"abcd"), (0x112, 3, 900000, b"abcd")])],
    "after a comment": [b"hello", E + exif(6)],
    "twice": [E + exif(6)[:20], E + exif(6)[20:]],
    "prefix twice": [E + exif(3, prefix=E)],
    "cut": [E + exif(6)[:20]],
    "no header": [E + b"abcd" + exif(6)],
    "far offset": [E + b"II*\0" + struct.pack("<I", 1 << 31)],
    "xmp attribute": [xmp(attribute)],
    "xmp element": [xmp(element)],
    "xmp twice": [xmp(attribute), xmp(element)],
    "exif before xmp": [xmp(attribute), E + exif(3)],
    "exif of 0 before xmp": [E + exif(0), xmp(attribute)],
}.items():
    add("jpeg " + name, after_soi(*(segment(0xE1, s) for s in segments)))
add("jpeg fill bytes", plain[:2] + b"\xff\xff" + segment(0xE1, E + exif(6)) + b"\xff" + plain[2:])

for name, im in {"smooth": picture, "noise": Image.fromarray(noise), "even": picture.crop((0, 0, 16, 12)), "narrow": picture.crop((0, 0, 4, 13)), "one pixel": picture.crop((5, 5, 6, 6))}.items():
    for subsampling in ("4:4:4", "4:2:2", "4:2:0", "4:4:0", "4:1:1"):
        data = bytearray(save(im, "JPEG", quality=90, subsampling="4:2:2" if subsampling == "4:4:0" else subsampling))
        if subsampling == "4:4:0":  # Pillow does not write it: 4:2:2 of a square with the factors of Y exchanged
            data = bytearray(save(im.resize((16, 16)), "JPEG", quality=90, subsampling="4:2:2"))
            data[data.index(b"\xff\xc0") + 11] = 0x12
        add(f"jpeg {subsampling} {name}", bytes(data))
    add(f"jpeg progressive {name}", save(im, "JPEG", quality=90, subsampling="4:2:0", progressive=True))
    add(f"webp lossy {name}", save(im, "WEBP", quality=80))
    add(f"webp lossless {name}", save(im, "WEBP", lossless=True))
add("jpeg gray", save(picture.convert("L"), "JPEG"))
add("jpeg cmyk", save(picture.convert("CMYK"), "JPEG", quality=95))

png = save(picture, "PNG")
after_header = lambda c: png[:33] + c + png[33:]
add("png exif", after_header(chunk(b"eXIf", exif(6))))
add("png exif at the end", png[:-12] + chunk(b"eXIf", exif(6, ">")) + png[-12:])
raw = b"\nexif\n      32\n" + (E + exif(7)).hex().encode() + b"\n"
add("png raw profile", after_header(chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(raw))))
add("png raw profile as text", after_header(chunk(b"tEXt", b"Raw profile type exif\0" + raw)))
add("png xmp", after_header(chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + attribute)))
add("png compressed xmp", after_header(chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(element))))
alpha = picture.copy()
alpha.putalpha(Image.fromarray((x * 13).astype(np.uint8)))
for o in range(2, 9):
    add(f"webp exif {o}", save(picture, "WEBP", lossless=True, exif=exif(o)))
add("webp lossy exif", save(Image.fromarray(noise), "WEBP", quality=80, exif=exif(6)))
add("webp alpha exif", save(alpha, "WEBP", lossless=True, exact=True, exif=exif(8, ">")))
add("webp lossy alpha", save(alpha, "WEBP", quality=80, exact=True))
w = save(picture, "WEBP", lossless=True, exif=exif(6))
at = w.index(b"EXIF")
block = E + exif(6)
w2 = w[:at] + b"EXIF" + struct.pack("<I", len(block)) + block
add("webp exif with prefix", w2[:4] + struct.pack("<I", len(w2) - 8) + w2[8:])
flagless = bytearray(w)
flagless[20] &= ~8
add("webp exif without flag", bytes(flagless))
add("webp xmp", save(picture, "WEBP", lossless=True, xmp=attribute))
add("webp animated", save(picture, "WEBP", save_all=True, lossless=True, append_images=[ImageOps.mirror(picture)], exif=exif(6)))
add("webp animated alpha", save(alpha, "WEBP", save_all=True, quality=80, append_images=[ImageOps.mirror(alpha)]))
add("tiff big-endian", save(picture, "TIFF", tiffinfo=(lambda t: (t.__setitem__(274, 6), t)[1])(TiffImagePlugin.ImageFileDirectory_v2(b"MM\0*\0\0\0\0"))))
for c in ("tiff_lzw", "tiff_adobe_deflate", "packbits"):
    add("tiff " + c, save(picture, "TIFF", compression=c, tiffinfo={274: 8}))
add("tiff two pages", save(picture, "TIFF", save_all=True, append_images=[ImageOps.flip(picture)]))
add("tiff gray", save(picture.convert("L"), "TIFF"))
add("tiff black and white", save(picture.convert("1"), "TIFF"))
for c in ("group3", "group4"):
    for zero in ("white", "black"):
        add(f"tiff {c} {zero} is zero", save(picture.convert("1"), "TIFF", compression=c, tiffinfo={262: int(zero == "black")}))

palette = picture.quantize(9)
for name, im in {"1": picture.convert("1"), "gray": picture.convert("L"), "gray and alpha": alpha.convert("LA"), "rgba": alpha, "palette": palette}.items():
    add("png " + name, save(im, "PNG"))
add("png transparent palette", save(palette, "PNG", transparency=bytes([0, 100, 255])))
add("png transparent color", save(picture, "PNG", transparency=(13, 19, 14)))
add("png transparent gray", save(picture.convert("L"), "PNG", transparency=7))
add("png animated", save(picture, "PNG", save_all=True, append_images=[ImageOps.flip(picture)]))
deep = smooth.astype(">u2") * 257 + 99
rows = b"".join(b"\0" + row.tobytes() for row in deep)
add("png 16 bits", png[:8] + chunk(b"IHDR", struct.pack(">IIBBBBB", W, H, 16, 2, 0, 0, 0)) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))
for name, im in {"24": picture, "32": alpha, "8": palette, "gray": picture.convert("L")}.items():
    add("bmp " + name, save(im, "BMP"))
add("gif", save(palette, "GIF"))
add("gif interlaced", save(palette, "GIF", interlace=True))
add("gif transparent", save(palette, "GIF", transparency=2))
add("gif animated", save(palette, "GIF", save_all=True, append_images=[ImageOps.flip(picture).quantize(9)]))
for name, options in {"": {}, " transparent": dict(transparency=2)}.items():
    g = bytearray(save(palette, "GIF", **options))
    g[6:10] = struct.pack("<HH", W + 5, H + 4)
    at = g.index(b",\0\0\0\0" + struct.pack("<HH", W, H))
    g[at + 1 : at + 5] = struct.pack("<HH", 3, 2)
    add("gif part of the canvas" + name, bytes(g))

for f in sorted((Path(__file__).parent / "files").iterdir()):
    add(f"{f.suffix[1:].replace('jpg', 'jpeg')} file {f.stem}", f.read_bytes())
with gzip.GzipFile(Path(__file__).parent / "pillow.json.gz", "wb", mtime=0) as f:
    f.write(json.dumps(dict(versions=dict(pillow=PIL.__version__, numpy=np.__version__), cases=cases)).encode())
print(len(cases))
