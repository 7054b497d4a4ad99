"""Writes beside itself what diffusers, Pillow and torch make of the tasks: final latents of pipelines [C H W] (float32,
little-endian), pictures (PNG), and arrays.json.gz with blurred and resized arrays.
pip install torch==2.15 diffusers==0.42.1 transformers==5.23 pillow
python gen.py FOLDER_WITH_TINY_MODELS"""
import gzip, json, sys, zlib
from pathlib import Path
import numpy as np, PIL, torch
from PIL import Image, ImageFilter
from diffusers import (DDIMScheduler, StableDiffusionGLIGENPipeline, StableDiffusionInpaintPipeline, StableDiffusionInstructPix2PixPipeline,
                       StableDiffusionXLInstructPix2PixPipeline, UNet2DConditionModel)

here, models = Path(__file__).parent, Path(sys.argv[1])
pictures = here / "../../../internal/golden/testdata/pipelines"
image = Image.open(pictures / "input.png")


def numbers(name, shape):
    """Numbers of the name, as in internal/golden/testdata/families/gen.py."""
    n = int(np.prod(shape))
    h = (np.arange(n, dtype=np.uint64) + zlib.crc32(name.encode())) * 2654435761 & 0xFFFFFFFF
    h ^= h >> 15
    h = h * 2246822519 & 0xFFFFFFFF
    h ^= h >> 13
    x = (h >> 21).astype(np.float32) / 1024 - 1
    if name.startswith("input."):
        pass
    elif len(shape) == 1:
        x = x / 8 + name.endswith(".weight")
    else:
        x = x / 2 ** np.floor(np.log2(np.sqrt(n / shape[0])))
    return torch.from_numpy(x.astype(np.float32).reshape(shape))


def eight(unet):
    """the U-Net with channels for the latents of an image, of half its weights"""
    w = unet.conv_in.weight
    conv = torch.nn.Conv2d(8, w.shape[0], 3, padding=1)
    conv.weight, conv.bias = torch.nn.Parameter(torch.cat([w, w / 2], 1)), unet.conv_in.bias
    unet.conv_in = conv
    unet.register_to_config(in_channels=8)


def gated(unet, kind):
    """the U-Net with layers for boxes"""
    u = UNet2DConditionModel.from_config({**unet.config, "attention_type": kind}).eval()
    known, new = unet.state_dict(), {}
    for name, x in u.state_dict().items():
        if name in known:
            new[name] = known[name]
        elif x.dim() == 0:  # a gate
            new[name] = 8 * numbers(name, (1,))[0]
        else:
            new[name] = numbers(name, tuple(x.shape))
    u.load_state_dict(new)
    return u


def write(name, x):
    x = x.detach().numpy().astype("<f4")
    print(name, x.shape, np.abs(x).max())
    (here / f"{name}.f32").write_bytes(x.tobytes())


def case(name, cls, model, change=None, scheduler=None, keep=None, **call):
    parts = dict(add_watermarker=False) if "XL" in cls.__name__ else dict(safety_checker=None, feature_extractor=None, requires_safety_checker=False)
    pipe = cls.from_pretrained(models / model, torch_dtype=torch.float32, **parts)
    if change:
        change(pipe)
    if scheduler:
        pipe.scheduler = scheduler
    pipe.set_progress_bar_config(disable=True)
    last = {}
    old = pipe.scheduler.step

    def step(*a, **k):  # some pipelines have no callback with the latents
        out = old(*a, **k)
        last["latents"] = out[0] if isinstance(out, tuple) else out.prev_sample
        return out

    pipe.scheduler.step = step
    call = {**dict(prompt="a photo of a cat", num_inference_steps=5), **call}
    if "mask_image" in call:  # which blends after a step
        call["callback_on_step_end"] = lambda p, i, t, k: last.update(k) or k
    out = pipe(generator=torch.Generator("cpu").manual_seed(4242), **call)
    write(name, last["latents"][0])
    if keep:
        out.images[0].save(here / f"{name}.png")


def ddim(**more):
    return DDIMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False, set_alpha_to_one=False, steps_offset=1, **more)


# editing
wide = lambda pipe: eight(pipe.unet)
edits = StableDiffusionInstructPix2PixPipeline
case("edit", edits, "tiny-sd15", wide, ddim(), image=image)
case("edit_strong", edits, "tiny-sd15", wide, ddim(), image=image, guidance_scale=4.0, image_guidance_scale=2.5, negative_prompt="blurry")
case("edit_off", edits, "tiny-sd15", wide, ddim(), image=image, guidance_scale=4.0, image_guidance_scale=0.5)


def cosxl(pipe):
    wide(pipe)
    pipe.is_cosxl_edit = True


xl = StableDiffusionXLInstructPix2PixPipeline
case("edit_xl", xl, "tiny-sdxl", wide, image=image, height=64, width=64, negative_prompt="blurry", original_size=(90, 70))
case("edit_cosxl", xl, "tiny-sdxl", cosxl, image=image, height=64, width=64, guidance_rescale=0.6)

# the part of an image around a mask
x, y = np.meshgrid(np.arange(150), np.arange(110))
large = Image.fromarray(np.stack([(7 * x + 3 * y) % 256, (2 * x + 5 * y) % 256, (x * y) % 256], -1).astype(np.uint8))
spot = np.zeros((110, 150), np.uint8)
spot[40:62, 60:86] = 255
spot = Image.fromarray(spot).filter(ImageFilter.GaussianBlur(3))
crop = dict(image=large, mask_image=spot, width=64, height=64, padding_mask_crop=9, keep=True)
case("crop4", StableDiffusionInpaintPipeline, "tiny-sd15", scheduler=ddim(), strength=0.7, **crop)
case("crop9", StableDiffusionInpaintPipeline, "tiny-inpaint", scheduler=ddim(), strength=1.0, **crop)
case("crop_wide", StableDiffusionInpaintPipeline, "tiny-sd15", scheduler=ddim(), strength=0.7, **{**crop, "width": 128, "padding_mask_crop": 60})



# a mask whose value is a strength
def soft():
    pipe = StableDiffusionInpaintPipeline.from_pretrained(models / "tiny-sd15", torch_dtype=torch.float32, safety_checker=None, feature_extractor=None)
    scheduler, generator = ddim(), torch.Generator("cpu").manual_seed(4242)
    m = torch.tensor(np.tile((255 * np.arange(64) // 63).astype(np.float32) / 255, (64, 1)))
    m = torch.nn.functional.avg_pool2d(m[None, None], 8)
    pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float() / 127.5 - 1
    with torch.no_grad():
        cond, uncond = pipe.encode_prompt("a photo of a cat", "cpu", 1, True)
        clean = pipe.vae.encode(pixels).latent_dist.sample(generator) * pipe.vae.config.scaling_factor
        noise = torch.randn(clean.shape, generator=generator)
        scheduler.set_timesteps(6)
        times = scheduler.timesteps[6 - int(6 * 0.9):]
        x = scheduler.add_noise(clean, noise, times[:1])
        for i, t in enumerate(times):
            if i > 0:
                left = (t - times[-1]) / (times[0] - times[-1])
                x = torch.where((m > 0) & (m >= left), x, scheduler.add_noise(clean, noise, t[None]))
            eps = pipe.unet(torch.cat([x, x]), t, torch.cat([uncond, cond])).sample
            eps = eps[:1] + 4 * (eps[1:] - eps[:1])
            x = scheduler.step(eps, t, x).prev_sample
    write("soft", torch.where(m > 0, x, clean)[0])


soft()

# boxes
boxes = dict(gligen_phrases=["a red house", "a boat"], gligen_boxes=[[0.1, 0.2, 0.55, 0.9], [0.5, 0.0, 1.0, 0.35]], width=64, height=64)
grounded = lambda pipe: setattr(pipe, "unet", gated(pipe.unet, "gated"))
case("boxes", StableDiffusionGLIGENPipeline, "tiny-sd15", grounded, ddim(), gligen_scheduled_sampling_beta=0.5, negative_prompt="blurry", num_inference_steps=6, **boxes)
case("boxes_all", StableDiffusionGLIGENPipeline, "tiny-sd15", grounded, ddim(), gligen_scheduled_sampling_beta=1.0, **boxes)
base = UNet2DConditionModel.from_pretrained(models / "tiny-sd15/unet", torch_dtype=torch.float32)
corners = torch.tensor([[[0.1, 0.2, 0.55, 0.9], [0.5, 0.0, 1.0, 0.35], [0, 0, 0, 0]]]).repeat(2, 1, 1)
ones = lambda *v: torch.tensor([v, v], dtype=torch.float32)
inputs = dict(sample=numbers("input.sample", (2, 4, 12, 8)), timestep=torch.tensor([501, 80]), encoder_hidden_states=numbers("input.text", (2, 9, 32)))
first, second = numbers("input.first", (2, 3, 32)), numbers("input.second", (2, 3, 32))
with torch.no_grad():
    text = dict(boxes=corners, masks=ones(1, 1, 0), positive_embeddings=first)
    write("../../../unet/testdata/boxes_text", gated(base, "gated")(**inputs, cross_attention_kwargs={"gligen": text}).sample)
    both = dict(boxes=corners, masks=ones(1, 1, 0), phrases_masks=ones(1, 0, 0), image_masks=ones(0, 1, 0), phrases_embeddings=first, image_embeddings=second)
    write("../../../unet/testdata/boxes_picture", gated(base, "gated-text-image")(**inputs, cross_attention_kwargs={"gligen": both}).sample)
    write("../../../unet/testdata/boxes_none", gated(base, "gated")(**inputs).sample)

# arrays
b64 = lambda a: np.asarray(a).tobytes().hex()
r = np.random.default_rng(5)
noisy = Image.fromarray((r.integers(0, 2, (23, 31), dtype=np.uint8) * 255))
colors = Image.fromarray(r.integers(0, 256, (9, 14, 3), dtype=np.uint8))
filters = dict(cubic=Image.Resampling.BICUBIC, linear=Image.Resampling.BILINEAR, nearest=Image.Resampling.NEAREST)
latents = torch.from_numpy(r.standard_normal((1, 2, 6, 7)).astype(np.float32))
modes = {"Latent": ("bilinear", False), "Latent (antialiased)": ("bilinear", True), "Latent (bicubic)": ("bicubic", False),
         "Latent (bicubic antialiased)": ("bicubic", True), "Latent (nearest)": ("nearest", False), "Latent (nearest-exact)": ("nearest-exact", False)}
sizes = [(12, 14), (9, 11), (13, 7), (4, 5)]
out = dict(
    versions=dict(torch=torch.__version__, pillow=PIL.__version__, numpy=np.__version__),
    blur=dict(size=noisy.size, input=b64(noisy), outputs=[dict(deviation=d, output=b64(noisy.filter(ImageFilter.GaussianBlur(d)))) for d in (0.3, 1, 2.5, 7, 40)]),
    resize=dict(size=colors.size, input=b64(colors),
                outputs=[dict(filter=n, to=to, output=b64(colors.resize(to, f))) for n, f in filters.items() for to in ((28, 18), (20, 31), (5, 4))]),
    latents=dict(shape=latents.shape, input=latents.flatten().tolist(),
                 outputs=[dict(upscaler=n, to=to, output=torch.nn.functional.interpolate(latents, size=to, mode=m, antialias=a).flatten().tolist())
                          for n, (m, a) in modes.items() for to in sizes]),
)
with gzip.GzipFile(here / "arrays.json.gz", "wb", mtime=0) as f:
    f.write(json.dumps(out).encode())
