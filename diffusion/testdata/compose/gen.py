"""Writes cases.safetensors beside itself: final latents of DDIM runs of tiny-sd15 with
regions, prompts that are joined, and windows.
pip install torch diffusers transformers safetensors

    python gen.py

Regions are combined as ComfyUI's comfy/samplers.py does (get_area_and_mult,
finalize_default_conds), which this follows; what is joined as
modules/sd_samplers_cfg_denoiser.py of WebUI does; windows are StableDiffusionPanoramaPipeline's
own, with smaller ones."""
from pathlib import Path
import json
import diffusers, torch
from diffusers import AutoencoderKL, DDIMScheduler, EulerDiscreteScheduler, StableDiffusionPanoramaPipeline, UNet2DConditionModel
from safetensors.torch import save_file
from transformers import CLIPTextModel, CLIPTokenizer

here = Path(__file__).parent
golden = here.parents[2] / "internal/golden/testdata"
tiny = golden / "models/tiny-sd15"
config = json.loads((golden / "pipelines/text2img/ddim10_g7.5/case.json").read_text())["scheduler"]["config"]
unet = UNet2DConditionModel.from_pretrained(tiny / "unet", torch_dtype=torch.float32).eval()
parts = dict(
    unet=unet, text_encoder=CLIPTextModel.from_pretrained(tiny / "text_encoder", dtype=torch.float32),
    vae=AutoencoderKL.from_pretrained(tiny / "vae", torch_dtype=torch.float32), tokenizer=CLIPTokenizer.from_pretrained(tiny / "tokenizer"),
    safety_checker=None, feature_extractor=None, requires_safety_checker=False)
H, W, STEPS, GUIDANCE = 16, 24, 5, 7.5
noise = torch.randn(1, 4, H, W, generator=torch.Generator().manual_seed(7))
out = {"noise": noise}


def text(words):
    ids = parts["tokenizer"](words, padding="max_length", max_length=77, truncation=True, return_tensors="pt").input_ids
    return parts["text_encoder"](ids)[0]


def area_and_mult(cond, x, step):
    """What of x the U-Net sees, and how much each cell counts."""
    if not cond.get("start", 0) <= step < cond.get("end", STEPS):
        return None
    y, xx, h, w = cond.get("area", (0, 0, H, W))
    seen = x[:, :, y:y + h, xx:xx + w]
    mask = cond["mask"][y:y + h, xx:xx + w] if "mask" in cond else torch.ones(h, w)
    mult = (mask * cond.get("strength", 1.0)).repeat(1, 4, 1, 1)
    if "mask" not in cond and "area" in cond and cond.get("fuzz", 8):
        for i, (size, begin, whole) in enumerate(((h, y, H), (w, xx, W))):
            rr = min(cond.get("fuzz", 8), mult.shape[2 + i] // 4)
            if begin != 0:
                for t in range(rr):
                    mult.narrow(i + 2, t, 1).mul_((1.0 / rr) * (t + 1))
            if size + begin < whole:
                for t in range(rr):
                    mult.narrow(i + 2, size - 1 - t, 1).mul_((1.0 / rr) * (t + 1))
    return (y, xx, h, w), seen, mult


def combined(conds, x, scaled, t, step, default=None):
    value, count = torch.zeros_like(x), torch.full_like(x, 1e-37)
    rest = torch.ones_like(x)
    for cond in conds:
        found = area_and_mult(cond, scaled, step)
        if found is None:
            continue
        (y, xx, h, w), seen, mult = found
        if cond.get("alone", True):
            eps = unet(seen, t, encoder_hidden_states=text(cond["text"])).sample
        else:  # the whole is seen, and the area is a mask
            eps = unet(scaled, t, encoder_hidden_states=text(cond["text"])).sample[:, :, y:y + h, xx:xx + w]
        value[:, :, y:y + h, xx:xx + w] += eps * mult
        count[:, :, y:y + h, xx:xx + w] += mult
        rest[:, :, y:y + h, xx:xx + w] -= mult
    if default is not None:
        rest = rest.relu()
        value += unet(scaled, t, encoder_hidden_states=text(default)).sample * rest
        count += rest
    return value / count


@torch.no_grad()
def run(predict, scheduler=None):
    s = scheduler or DDIMScheduler(**config)
    s.set_timesteps(STEPS)
    x = noise * s.init_noise_sigma
    for step, t in enumerate(s.timesteps):
        x = s.step(predict(x, s.scale_model_input(x, t), t, step), t, x).prev_sample
    return x


def regions(positive, negative, base="a photo of a cat", bad="", weight=None, scheduler=None):
    def predict(x, scaled, t, step):
        both = []
        for conds, words in ((negative, bad), (positive, base)):
            if weight is None:
                both.append(combined(conds, x, scaled, t, step, words))
            else:
                both.append(combined([{"text": words, "strength": weight}, *conds], x, scaled, t, step))
        return both[0] + GUIDANCE * (both[1] - both[0])
    return run(predict, scheduler)


def joined(parts, bad="", guidance=GUIDANCE):
    def predict(x, scaled, t, step):
        uncond = unet(scaled, t, encoder_hidden_states=text(bad)).sample
        y = uncond.clone()
        for words, w in parts:
            y += (unet(scaled, t, encoder_hidden_states=text(words)).sample - uncond) * (w * guidance)
        return y
    return run(predict)


rows, columns = torch.arange(8 * H)[:, None], torch.arange(8 * W)[None, :]
gray = ((3 * columns + rows) % 256).float() / 255
mask = gray.reshape(H, 8, W, 8).mean(dim=(1, 3))
left, right = (0, 0, H, 12), (0, 12, H, 12)
out["halves"] = regions([{"text": "a red house", "area": left, "fuzz": 0, "alone": False}, {"text": "a blue boat", "area": right, "fuzz": 0, "alone": False}], [])
out["areas"] = regions([{"text": "a red house", "area": (0, 0, 16, 14)}, {"text": "a blue boat", "area": (4, 8, 12, 16), "strength": 0.7}], [], weight=1.0)
out["masked"] = regions([{"text": "a red house", "mask": mask, "strength": 1.5, "alone": False}, {"text": "a blue boat", "area": (0, 4, 8, 8), "fuzz": 2, "alone": False, "start": 1, "end": 3}],
                        [{"text": "dark", "mask": mask, "strength": 1.5, "alone": False}], bad="ugly")
out["euler"] = regions([{"text": "a red house", "mask": mask, "alone": False}], [], scheduler=EulerDiscreteScheduler(**{k: v for k, v in config.items() if k in ("beta_start", "beta_end", "beta_schedule", "num_train_timesteps", "steps_offset", "timestep_spacing")}))
out["joined"] = joined([("a photo of a cat", 1.0), ("a red house", 0.5), ("a blue boat", -0.3)], "ugly")
out["half"] = joined([("a photo of a cat", 0.5)])
out["unguided"] = joined([("a photo of a cat", 1.0), ("a red house", 0.5)], "ugly", 1)


class Smaller(StableDiffusionPanoramaPipeline):
    def get_views(self, h, w, window_size=16, stride=8, circular_padding=False):
        return super().get_views(h, w, *((16, 8) if circular_padding else (12, 4)), circular_padding)  # that is for one row only


pipe = Smaller(scheduler=DDIMScheduler(**config), **parts)
pipe.set_progress_bar_config(disable=True)
for name, circular in (("windows", False), ("wrapped", True)):
    call = dict(prompt="a photo of a cat", negative_prompt="ugly", height=8 * H, width=8 * W, num_inference_steps=STEPS, guidance_scale=GUIDANCE, latents=noise.clone(), circular_padding=circular)
    out[name] = pipe(output_type="latent", **call).images
    if circular:
        image = pipe(output_type="pt", **call).images  # where both edges meet
        out["wrapped.edges"] = torch.cat([image[..., -8:], image[..., :8]], dim=-1)
save_file({k: v.float().contiguous() for k, v in out.items()}, here / "cases.safetensors", metadata=dict(torch=torch.__version__, diffusers=diffusers.__version__))
print({k: (tuple(v.shape), float(v.abs().max())) for k, v in out.items()})
