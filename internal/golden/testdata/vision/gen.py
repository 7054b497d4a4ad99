"""Makes the small models of CLIP's image half in ../models (tiny-vision, tiny-safety-checker,
ip-adapter), and the cases vision/* and pipelines/ip_adapter, image_variation, safety_checker:

    python gen.py

with torch 2.15, diffusers 0.42.1, transformers 5.24, peft, pillow 13. Weights are exact in float16.
"""
import json, math
from pathlib import Path

import diffusers, torch, transformers
import numpy as np
from diffusers import (DDIMScheduler, StableDiffusionImageVariationPipeline, StableDiffusionImg2ImgPipeline, StableDiffusionPipeline,
                       StableDiffusionXLPipeline, AutoencoderKL, UNet2DConditionModel)
from diffusers.image_processor import IPAdapterMaskProcessor
from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
from PIL import Image
from safetensors.torch import load_file, save_file
from transformers import (CLIPConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer, CLIPVisionConfig,
                          CLIPVisionModelWithProjection)
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil as CLIPImageProcessor

here = Path(__file__).parent
models, pipelines = here.parent / "models", here.parent / "pipelines"
gen = torch.Generator().manual_seed(31)
CROSS = {"sd15": 32, "sdxl": 80}


def draw(shape, scale):
    return (torch.randn(shape, generator=gen) * scale).half().float()


def fill(module, scale=1.0):
    with torch.no_grad():
        for name, p in module.named_parameters():
            if "norm" in name and name.endswith("weight"):
                p.copy_((1 + draw(p.shape, 0.2)).half().float())
            else:
                p.copy_(draw(p.shape, scale / math.sqrt(max(p[0].numel() if p.dim() > 1 else 1, 1)) if p.dim() > 1 else 0.3))
    return module.eval()


def keep(path, tensors):
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({k: v.half().contiguous().clone() for k, v in tensors.items()}, path)


def case(folder, what, tensors, **info):
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {k: v.detach().float().contiguous().clone() if v.is_floating_point() else v for k, v in tensors.items()}
    save_file(tensors, folder / "tensors.safetensors")
    info = {"what": what, **info, "versions": {m.__name__: m.__version__ for m in (torch, diffusers, transformers)}}
    (folder / "case.json").write_text(json.dumps(info, indent=1) + "\n")


# The image encoder.

vision = dict(hidden_size=24, intermediate_size=40, num_hidden_layers=3, num_attention_heads=3, image_size=30, patch_size=7, projection_dim=32)
encoder = fill(CLIPVisionModelWithProjection(CLIPVisionConfig(hidden_act="quick_gelu", **vision)), 1.5)
folder = models / "tiny-vision"
folder.mkdir(exist_ok=True)
encoder.config.architectures = ["CLIPVisionModelWithProjection"]
encoder.config.save_pretrained(folder)
keep(folder / "model.safetensors", encoder.state_dict())
gelu = CLIPVisionModelWithProjection(CLIPVisionConfig(hidden_act="gelu", **vision)).eval()
gelu.load_state_dict(encoder.state_dict())
pixels = draw((2, 3, 30, 30), 1)
tensors = {"pixels": pixels}
for name, m in [("quick_gelu", encoder), ("gelu", gelu)]:
    with torch.no_grad():
        out = m(pixels, output_hidden_states=True)
    tensors |= {name + ".image_embeds": out.image_embeds}
    tensors |= {f"{name}.hidden_states.{i}": h for i, h in enumerate(out.hidden_states)}
case(here / "encoder", "tiny-vision: image_embeds and hidden_states of CLIPVisionModelWithProjection, with either activation", tensors)

double = CLIPVisionModelWithProjection(encoder.config).double().eval()
double.load_state_dict(encoder.state_dict())
x = pixels.double().requires_grad_()
targets = draw((2, 17, 24), 1).double(), draw((2, 32), 1).double()
out = double(x, output_hidden_states=True)
loss = ((out.hidden_states[-2] - targets[0]) ** 2).mean() + ((out.image_embeds - targets[1]) ** 2).mean()
loss.backward()
grads = {n: [float(p.grad.norm()), float(p.grad.sum())] for n, p in double.named_parameters()}
named = dict(double.named_parameters())
few = {"d_" + n: named[n].grad for n in named if n.endswith(("class_embedding", "patch_embedding.weight", "position_embedding.weight"))}
case(here / "grad_encoder", "loss = mean((hidden_states[-2] - tokens_target)^2) + mean((image_embeds - pooled_target)^2); all_grads [l2 norm, sum]",
     {"pixels": x, "d_pixels": x.grad, "tokens_target": targets[0], "pooled_target": targets[1], "loss": loss, **few}, all_grads=grads)


# The image processor.

def picture(w, h, seed):
    g = torch.Generator().manual_seed(seed)
    y, x = torch.meshgrid(torch.linspace(0, 1, h), torch.linspace(0, 1, w), indexing="ij")
    k = torch.rand(3, 4, generator=g) * 9
    im = torch.stack([0.5 + 0.4 * torch.sin(k[c, 0] * x + k[c, 1] * y + k[c, 2]) + 0.3 * torch.cos(k[c, 3] * 7 * x * y) for c in range(3)])
    im = (im + 0.1 * torch.randn(3, h, w, generator=g)).clamp(0, 1)
    return Image.fromarray((im.permute(1, 2, 0).numpy() * 255).round().astype("uint8"))


def as_bytes(im):
    return torch.from_numpy(np.array(im).copy())


tensors, calls = {}, {}
for name, (w, h), settings in [
    ("wide", (71, 40), dict(size=30, crop_size=30)), ("tall", (33, 90), dict(size={"shortest_edge": 30}, crop_size={"height": 30, "width": 30})),
    ("enlarged", (17, 23), dict(size=30, crop_size=30)), ("same", (30, 30), dict(size=30, crop_size=30)),
    ("larger", (64, 50), dict(size=41, crop_size=30)), ("exact", (64, 50), dict(size={"height": 24, "width": 36}, do_center_crop=False)),
    ("bilinear", (64, 50), dict(size=30, crop_size=25, resample=2)), ("lanczos", (25, 64), dict(size=20, crop_size=20, resample=1)),
    ("plain", (40, 30), dict(size=20, crop_size=20, do_normalize=False)),
    ("colours", (40, 30), dict(size=20, crop_size=20, image_mean=[0.5, 0.4, 0.3], image_std=[0.2, 0.3, 0.5], rescale_factor=0.01)),
]:
    im = picture(w, h, len(calls))
    processor = CLIPImageProcessor(**settings)
    config = json.loads(processor.to_json_string())
    calls[name] = config
    tensors |= {name + ".image": as_bytes(im), name + ".pixels": torch.from_numpy(np.array(processor(im)["pixel_values"][0]))}
case(here / "processor", "images [H W 3] and what CLIPImageProcessor makes of them, with its preprocessor_config.json", tensors, processors=calls)


# Pipelines.

tokenizer = CLIPTokenizer.from_pretrained(models / "tiny-sd15/tokenizer")
ddim = json.loads((pipelines / "text2img/ddim10_g7.5/case.json").read_text())["scheduler"]["config"]
extractor = CLIPImageProcessor(size=30, crop_size=30)
images = [picture(50, 40, 100), picture(40, 64, 101), picture(33, 33, 102)]


def sd15(cls=StableDiffusionPipeline, **more):
    d = models / "tiny-sd15"
    return cls(unet=UNet2DConditionModel.from_pretrained(d / "unet", torch_dtype=torch.float32), vae=AutoencoderKL.from_pretrained(d / "vae", torch_dtype=torch.float32),
               text_encoder=CLIPTextModel.from_pretrained(d / "text_encoder", dtype=torch.float32), tokenizer=tokenizer, scheduler=DDIMScheduler(**ddim),
               **{**dict(safety_checker=None, feature_extractor=extractor, requires_safety_checker=False), **more})


def sdxl():
    d = models / "tiny-sdxl"
    return StableDiffusionXLPipeline(
        unet=UNet2DConditionModel.from_pretrained(d / "unet", torch_dtype=torch.float32), vae=AutoencoderKL.from_pretrained(models / "tiny-sdxl/vae", torch_dtype=torch.float32),
        text_encoder=CLIPTextModel.from_pretrained(d / "text_encoder", dtype=torch.float32), text_encoder_2=CLIPTextModelWithProjection.from_pretrained(d / "text_encoder_2", dtype=torch.float32),
        tokenizer=tokenizer, tokenizer_2=CLIPTokenizer.from_pretrained(d / "tokenizer_2"), scheduler=DDIMScheduler(**ddim), feature_extractor=extractor, image_encoder=encoder,
        force_zeros_for_empty_prompt=True, add_watermarker=False)


def projections(unet):
    """to_k_ip and to_v_ip by the numbers that the files give the layers."""
    out, number = {}, 1
    for name in unet.attn_processors:
        if name.endswith("attn2.processor"):
            m = unet.get_submodule(name.removesuffix(".processor"))
            for k in ("to_k_ip", "to_v_ip"):
                out[f"{number}.{k}.weight"] = draw((m.to_k.out_features, m.to_k.in_features), 2 / math.sqrt(m.to_k.in_features))
            number += 2
    return out


def norm(d):
    return {"weight": (1 + draw((d,), 0.2)).half().float(), "bias": draw((d,), 0.2)}


def named(prefix, t):
    return {prefix + "." + k: v for k, v in t.items()}


def plain(cross):
    return {"proj.weight": draw((4 * cross, 32), 0.3), "proj.bias": draw((4 * cross,), 0.2), **named("norm", norm(cross))}


def plus(cross, hidden=16, heads=1, queries=5, depth=4, into=24):
    p = {"latents": draw((1, queries, hidden), 0.5), "proj_in.weight": draw((hidden, into), 0.3), "proj_in.bias": draw((hidden,), 0.2),
         "proj_out.weight": draw((cross, hidden), 0.3), "proj_out.bias": draw((cross,), 0.2), **named("norm_out", norm(cross))}
    inner = 64 * heads
    for i in range(depth):
        p |= {**named(f"layers.{i}.0.norm1", norm(hidden)), **named(f"layers.{i}.0.norm2", norm(hidden)),
              f"layers.{i}.0.to_q.weight": draw((inner, hidden), 0.4), f"layers.{i}.0.to_kv.weight": draw((2 * inner, hidden), 0.4),
              f"layers.{i}.0.to_out.weight": draw((hidden, inner), 0.2), **named(f"layers.{i}.1.0", norm(hidden)),
              f"layers.{i}.1.1.weight": draw((4 * hidden, hidden), 0.3), f"layers.{i}.1.3.weight": draw((hidden, 4 * hidden), 0.2)}
    return p


def full(cross, into=24):
    return {"proj.0.weight": draw((into, into), 0.3), "proj.0.bias": draw((into,), 0.2), "proj.2.weight": draw((cross, into), 0.3),
            "proj.2.bias": draw((cross,), 0.2), **named("proj.3", norm(cross))}


adapters, folder = {}, models / "ip-adapter"
for family, pipe in [("sd15", sd15()), ("sdxl", sdxl())]:
    for kind, make in [("plain", plain), ("plus", plus), ("full", full)]:
        if (family, kind) == ("sdxl", "full"):
            continue
        a = {"image_proj": make(CROSS[family]), "ip_adapter": projections(pipe.unet)}
        adapters[f"{kind}-{family}"] = a
        if kind == "full":
            torch.save({k: {n: v.half() for n, v in t.items()} for k, t in a.items()}, folder / f"{kind}-{family}.bin")
        else:
            keep(folder / f"{kind}-{family}.safetensors", named("image_proj", a["image_proj"]) | named("ip_adapter", a["ip_adapter"]))

latents, calls = {}, {}
W = H = 64


def merge(pipe, lora, weight):
    """Adds a LoRA in kohya's names to the weights."""
    layers = {"lora_unet_" + n.replace(".", "_"): m for n, m in pipe.unet.named_modules()}
    layers |= {"lora_te_text_model_" + n.replace(".", "_"): m for n, m in pipe.text_encoder.named_modules()}
    done = 0
    for key in {k.split(".")[0] for k in lora}:
        up, down = lora[key + ".lora_up.weight"].float(), lora[key + ".lora_down.weight"].float()
        w = layers[key].weight
        delta = (up.flatten(1) @ down.flatten(1)).reshape(w.shape) * (weight * float(lora[key + ".alpha"]) / down.shape[0])
        with torch.no_grad():
            w.add_(delta)
        done += 1
    assert done > 20, done


def run(name, pipe, files, scale, pictures, masks=None, lora=None, cls=None, **call):
    for a in files:
        print(name, a)
    pipe.image_encoder = encoder
    pipe.load_ip_adapter([adapters[a] for a in files], subfolder=[""] * len(files), weight_name=[""] * len(files), image_encoder_folder=None, low_cpu_mem_usage=False)
    pipe.set_ip_adapter_scale(scale)
    if lora:
        merge(pipe, load_file(models / "lora" / f"{lora}.safetensors"), 0.7)
    more = {}
    if masks:
        mp = IPAdapterMaskProcessor(vae_scale_factor=8)
        one = mp.preprocess([Image.fromarray(m) for m in masks], height=H, width=W)
        more["cross_attention_kwargs"] = {"ip_adapter_masks": [one.reshape(1, one.shape[0], one.shape[2], one.shape[3])]}
    pipe.set_progress_bar_config(disable=True)
    size = {} if "image" in call else dict(width=W, height=H)
    with torch.no_grad():
        out = pipe("a photo of a cat", ip_adapter_image=[[images[i] for i in group] if len(group) > 1 else images[group[0]] for group in pictures],
                   generator=torch.Generator("cpu").manual_seed(4242), output_type="latent", num_inference_steps=4, **size, **more, **call).images
    latents[name] = out
    calls[name] = dict(files=files, scale=scale, images=pictures, masks=bool(masks), lora=lora, image2image="image" in call, **{k: v for k, v in call.items() if k != "image"})


yy, xx = np.mgrid[0:64, 0:64]
masks = [((xx < 30) * 255).astype("uint8"), ((yy + xx > 70) * 255).astype("uint8")]
run("plain", sd15(), ["plain-sd15"], 1.0, [[0]], guidance_scale=7.5)
run("plain_unguided", sd15(), ["plain-sd15"], 0.6, [[1]], guidance_scale=1.0)
run("plus", sd15(), ["plus-sd15"], 0.8, [[1]], guidance_scale=5.0)
run("full", sd15(), ["full-sd15"], 0.7, [[2]], guidance_scale=5.0)
run("several", sd15(), ["plain-sd15", "plus-sd15"], [0.7, 0.3], [[0], [2]], guidance_scale=5.0)
run("blocks", sd15(), ["plain-sd15"], {"down": {"block_0": [0.5]}, "up": {"block_1": [0.0, 1.0]}}, [[0]], guidance_scale=5.0)
run("masks", sd15(), ["plain-sd15"], [[0.7, 0.9]], [[0, 1]], masks=masks, guidance_scale=5.0)
run("lora", sd15(), ["plain-sd15"], 0.8, [[0]], lora="tiny-sd15-kohya", guidance_scale=5.0)
run("image2image", sd15(StableDiffusionImg2ImgPipeline), ["plus-sd15"], 0.8, [[0]], guidance_scale=5.0, strength=0.75,
    image=Image.open(pipelines / "input.png").convert("RGB"))
run("plain_xl", sdxl(), ["plain-sdxl"], 0.9, [[0]], guidance_scale=5.0)
run("plus_xl", sdxl(), ["plus-sdxl"], 0.6, [[2]], guidance_scale=5.0)
run("several_xl", sdxl(), ["plus-sdxl", "plain-sdxl"], [0.4, {"down": {"block_1": [1.0]}}], [[1], [0]], guidance_scale=5.0)
case(pipelines / "ip_adapter", "final latents of pipelines with models/ip-adapter and tiny-vision, seed 4242, 4 steps, 64x64, 'a photo of a cat'; blocks of 'scale' as set_ip_adapter_scale takes them",
     {**latents, **{f"image.{i}": as_bytes(im) for i, im in enumerate(images)}, **{f"mask.{i}": torch.from_numpy(m) for i, m in enumerate(masks)}},
     calls=calls, scheduler={"class": "DDIMScheduler", "config": ddim}, generator_seed=4242)

# Image variation: an embedding of an image in place of that of a text.

d, latents, calls = models / "tiny-sd15", {}, {}
for name, more in {"guided": dict(guidance_scale=7.5), "unguided": dict(guidance_scale=1.0, width=64, height=48)}.items():
    pipe = StableDiffusionImageVariationPipeline(
        vae=AutoencoderKL.from_pretrained(d / "vae", torch_dtype=torch.float32), image_encoder=encoder, unet=UNet2DConditionModel.from_pretrained(d / "unet", torch_dtype=torch.float32),
        scheduler=DDIMScheduler(**ddim), safety_checker=None, feature_extractor=extractor, requires_safety_checker=False)
    pipe.set_progress_bar_config(disable=True)
    more = {**dict(width=64, height=64), **more}
    latents[name] = pipe(images[0], num_inference_steps=5, generator=torch.Generator("cpu").manual_seed(4242), output_type="latent", **more).images
    calls[name] = more
case(pipelines / "image_variation", "final latents of StableDiffusionImageVariationPipeline of tiny-sd15 and tiny-vision, 5 steps", {**latents, "image": as_bytes(images[0])},
     calls=calls, scheduler={"class": "DDIMScheduler", "config": ddim}, generator_seed=4242)


# The safety checker.

config = CLIPConfig(vision_config={**vision, "hidden_act": "quick_gelu"}, text_config={"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}, projection_dim=32)
checker = fill(StableDiffusionSafetyChecker(config), 1.5)
several = [picture(48, 40, 200 + i) for i in range(8)]
with torch.no_grad():
    inputs = torch.stack([torch.from_numpy(np.array(extractor(im)["pixel_values"][0])) for im in several])
    embeds = checker.visual_projection(checker.vision_model(inputs)[1])
    checker.concept_embeds.copy_(draw((17, 32), 1))
    checker.special_care_embeds.copy_(draw((3, 32), 1))
    cos = lambda a, b: torch.nn.functional.normalize(a) @ torch.nn.functional.normalize(b).T
    # Thresholds near what the images reach, so that some are flagged, and some by the adjustment alone.
    special, concept = cos(embeds, checker.special_care_embeds), cos(embeds, checker.concept_embeds)
    checker.special_care_embeds_weights.copy_((special.sort(0, descending=True).values[2:4].mean(0)).half().float())
    checker.concept_embeds_weights.copy_((concept.max(0).values + 0.2).half().float())
    checker.concept_embeds_weights[3] = (concept[:, 3].sort(descending=True).values[1] + 0.004).half().float()
    checker.concept_embeds_weights[9] = (concept[:, 9].sort(descending=True).values[0] - 0.01).half().float()
record = {}
import diffusers.pipelines.stable_diffusion.safety_checker as module
scores = []
def traced(images, clip_input):
    # forward keeps its scores to itself: they are computed once more, by its own lines
    pooled = checker.vision_model(clip_input)[1]
    e = checker.visual_projection(pooled)
    s, c = (module.cosine_distance(e, w).float().numpy() for w in (checker.special_care_embeds, checker.concept_embeds))
    for i in range(len(e)):
        adjustment, one = 0.0, {"special": [], "concept": []}
        for k in range(len(s[0])):
            v = round(s[i][k] - checker.special_care_embeds_weights[k].item() + adjustment, 3)
            one["special"].append(float(v))
            if v > 0: adjustment = 0.01
        one["concept"] = [float(round(c[i][k] - checker.concept_embeds_weights[k].item() + adjustment, 3)) for k in range(len(c[0]))]
        scores.append(one)
with torch.no_grad():
    traced(several, inputs)
    black, flagged = checker(images=[np.array(im).astype("float32") for im in several], clip_input=inputs)
print(flagged, [(max(s["special"]), max(s["concept"])) for s in scores])
folder = models / "tiny-safety-checker"
(folder / "safety_checker").mkdir(parents=True, exist_ok=True)
(folder / "feature_extractor").mkdir(parents=True, exist_ok=True)
config.architectures = ["StableDiffusionSafetyChecker"]
config.save_pretrained(folder / "safety_checker")
keep(folder / "safety_checker/model.safetensors", checker.state_dict())
(folder / "feature_extractor/preprocessor_config.json").write_text(extractor.to_json_string())
case(pipelines / "safety_checker", "tiny-safety-checker: images [H W 3], the pixels that it reads, its scores and verdicts",
     {f"image.{i}": as_bytes(im) for i, im in enumerate(several)}, flagged=[bool(f) for f in flagged], scores=scores)
