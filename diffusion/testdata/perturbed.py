"""Writes perturbed.safetensors beside itself: final latents of tiny-sd15 of package golden by
StableDiffusionPAGPipeline, and by the formula of smoothed-energy guidance around the same U-Net
whose queries are blurred; and a run with circular padding.
Usage: perturbed.py internal/golden/testdata/models
pip install torch diffusers transformers safetensors"""
import json
import math
import sys
from pathlib import Path

import diffusers
import torch
from diffusers.hooks.smoothed_energy_guidance_utils import _gaussian_blur_2d
from safetensors.torch import save_file

models = Path(sys.argv[1])
unet = diffusers.UNet2DConditionModel.from_pretrained(models / "tiny-sd15" / "unet", torch_dtype=torch.float32).eval()
vae = diffusers.AutoencoderKL.from_pretrained(models / "tiny-sd15" / "vae", torch_dtype=torch.float32).eval()
config = json.loads((models / "tiny-sd15" / "scheduler" / "scheduler_config.json").read_text())
scheduler = diffusers.DDIMScheduler.from_config(config, steps_offset=1, clip_sample=False)
g = torch.Generator().manual_seed(5)
cond, uncond = (torch.randn(1, 6, unet.config.cross_attention_dim, generator=g) for _ in range(2))
noise = torch.randn(1, 4, 8, 8, generator=g)
out = dict(cond=cond, uncond=uncond, noise=noise)
STEPS = 4


def pag(name, layers, **kw):
    pipe = diffusers.StableDiffusionPAGPipeline(vae=vae, text_encoder=None, tokenizer=None, unet=unet, scheduler=scheduler,
                                                safety_checker=None, feature_extractor=None, requires_safety_checker=False,
                                                pag_applied_layers=layers)
    pipe.set_progress_bar_config(disable=True)
    out[name] = pipe(prompt_embeds=cond, negative_prompt_embeds=uncond, latents=noise.clone(), num_inference_steps=STEPS,
                     output_type="latent", height=8 * vae_factor, width=8 * vae_factor, **kw).images


vae_factor = 2 ** (len(vae.config.block_out_channels) - 1)
pag("pag", "mid", guidance_scale=5.0, pag_scale=3.0)
pag("pag.decay", ["mid", "down_blocks.0"], guidance_scale=5.0, pag_scale=4.0, pag_adaptive_scale=0.006)
pag("pag.rescaled", "mid", guidance_scale=5.0, pag_scale=3.0, guidance_rescale=0.6)
pag("pag.alone", "up", guidance_scale=1.0, pag_scale=2.0)


def seg(name, part, sigma, guidance, scale):
    """cond, uncond and the blurred one by one; without guidance it begins with cond, as PAG does."""
    def blur(_, args, y):
        side = int(math.sqrt(y.shape[1]))
        size = math.ceil(6 * sigma) + 1 - math.ceil(6 * sigma) % 2 if sigma < 9999 else 1
        # The branches of diffusers' function are the wrong way round: see unet/testdata/variants.py
        return _gaussian_blur_2d(y.clone(), min(size, side - (side % 2 - 1)), sigma, 0 if sigma < 9999 else math.inf)

    scheduler.set_timesteps(STEPS)
    x = noise.clone()
    with torch.no_grad():
        for t in scheduler.timesteps:
            c, u = unet(x, t, encoder_hidden_states=cond).sample, unet(x, t, encoder_hidden_states=uncond).sample
            hooks = [m.to_q.register_forward_hook(blur) for n, m in unet.named_modules() if n.endswith("attn1") and part in n]
            weak = unet(x, t, encoder_hidden_states=cond).sample
            for h in hooks:
                h.remove()
            e = c if guidance is None else u + guidance * (c - u)
            x = scheduler.step(e + scale * (c - weak), t, x).prev_sample
    out[name] = x


seg("seg", "mid", 1e7, 5.0, 3.0)
seg("seg.blurred", "", 1.5, 5.0, 2.5)
seg("seg.alone", "mid", 1e7, None, 3.0)
seg("cfg", "mid", 1e7, 5.0, 0.0)  # nothing but guidance

for m in [*unet.modules(), *vae.modules()]:
    if isinstance(m, torch.nn.Conv2d):
        m.padding_mode = "circular"
unet.set_attn_processor(diffusers.models.attention_processor.AttnProcessor2_0())
unet.enable_freeu(b1=1.2, b2=1.3, s1=0.8, s2=0.5)
seg("seamless", "mid", 1e7, 5.0, 0.0)
with torch.no_grad():
    out["seamless.image"] = vae.decode(out["seamless"] / vae.config.scaling_factor).sample
save_file({k: v.contiguous() for k, v in out.items()}, Path(__file__).parent / "perturbed.safetensors",
          metadata=dict(torch=torch.__version__, diffusers=diffusers.__version__))
