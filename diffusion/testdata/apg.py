"""Writes beside itself apg.json: final latents of runs that adaptive projected guidance leads,
by diffusers' normalized_guidance on the clean latents. pip install torch diffusers transformers"""
import json
from pathlib import Path
import diffusers
import torch
from diffusers import EulerDiscreteScheduler, StableDiffusionPipeline
from diffusers.guiders.adaptive_projected_guidance import MomentumBuffer, normalized_guidance

here = Path(__file__).parent
settings = dict(scale=6.0, momentum=-0.5, norm=2.5, parallel=0.25)
runs = []
for name in ("tiny-sd15", "tiny-sd21-v"):
    pipe = StableDiffusionPipeline.from_pretrained(here / "../../internal/golden/testdata/models" / name, safety_checker=None, vae=None, torch_dtype=torch.float32)
    scheduler = EulerDiscreteScheduler.from_config(pipe.scheduler.config)
    scheduler.set_timesteps(5)
    cond, uncond = pipe.encode_prompt("a red house", "cpu", 1, True, negative_prompt="a dog")
    text = torch.cat([uncond, cond])
    x = torch.randn((1, 4, 8, 8), generator=torch.Generator().manual_seed(3)) * scheduler.init_noise_sigma
    kept, bounded = MomentumBuffer(settings["momentum"]), 0
    for t in scheduler.timesteps:
        y = scheduler.scale_model_input(x, t)
        with torch.no_grad():
            y = pipe.unet(torch.cat([y, y]), t, encoder_hidden_states=text).sample
        sigma = scheduler.sigmas[(scheduler.timesteps == t).nonzero()[0, 0]]
        if scheduler.config.prediction_type == "epsilon":
            d = x - sigma * y
        else:
            d = x / (sigma**2 + 1) - y * sigma / (sigma**2 + 1) ** 0.5
        d = normalized_guidance(d[1:], d[:1], settings["scale"] - 1, kept, settings["parallel"], settings["norm"], True)
        bounded += kept.running_average.norm().item() > settings["norm"]
        kind = scheduler.config.prediction_type
        scheduler.register_to_config(prediction_type="sample")
        x = scheduler.step(d, t, x).prev_sample
        scheduler.register_to_config(prediction_type=kind)
    runs.append(dict(model=name, steps=5, bounded=bounded, latents=x.flatten().tolist()))
versions = dict(torch=torch.__version__, diffusers=diffusers.__version__)
(here / "apg.json").write_text(json.dumps(dict(versions=versions, settings=settings, runs=runs)))
