"""Writes beside itself what diffusers makes of the model tiny-sdxl of package golden when one run is handed from
StableDiffusionXLPipeline (denoising_end, output_type="latent") to StableDiffusionXLImg2ImgPipeline (denoising_start): of
each case the latents that are passed on, and then the final ones, [C H W] as float32, little-endian, in one file.
pip install torch==2.15 diffusers==0.42.1 transformers==5.23
python gen.py FOLDER_OF_TINY_SDXL"""
import json
import sys
from pathlib import Path

import diffusers
import numpy as np
import torch
from diffusers import StableDiffusionXLImg2ImgPipeline, StableDiffusionXLPipeline

here = Path(__file__).parent
base = StableDiffusionXLPipeline.from_pretrained(sys.argv[1], torch_dtype=torch.float32, add_watermarker=False)
refiner = StableDiffusionXLImg2ImgPipeline(**base.components, add_watermarker=False)
config = dict(base.scheduler.config)
cases = []


def case(name, scheduler, steps, at, keys=None, end=None):
    args = dict(prompt="a photo of a cat", guidance_scale=5.0, num_inference_steps=steps)
    made = []
    for pipe, more in (base, dict(width=64, height=64, denoising_end=at)), (refiner, dict(denoising_start=at)):
        pipe.set_progress_bar_config(disable=True)
        pipe.scheduler = getattr(diffusers, scheduler).from_config({**config, **(keys or {})})
        if pipe is refiner:
            more["image"] = made[0]
            if end:
                more["denoising_end"] = end
        made.append(pipe(**args, **more, generator=torch.Generator("cpu").manual_seed(4242), output_type="latent").images)
    x = torch.cat(made).numpy().astype("<f4")
    print(f"{name}: {x.shape}, largest {np.abs(x[0]).max():.3g}, {np.abs(x[1]).max():.3g}")
    (here / f"{name}.f32").write_bytes(x.tobytes())
    full = {k: v for k, v in pipe.scheduler.config.items() if not k.startswith("_") and v != -float("inf")}
    cases.append(dict(name=name, steps=steps, at=at, end=end or 0, scheduler={"_class_name": scheduler, **full}))


case("euler", "EulerDiscreteScheduler", 5, 0.8)
case("euler_between", "EulerDiscreteScheduler", 6, 0.35, end=0.8)
case("euler_ancestral", "EulerAncestralDiscreteScheduler", 5, 0.5)
case("dpmpp_2m", "DPMSolverMultistepScheduler", 6, 0.5)
case("dpmpp_2m_few", "DPMSolverMultistepScheduler", 4, 0.7, dict(use_karras_sigmas=True))
case("unipc", "UniPCMultistepScheduler", 6, 0.5)
case("ddim", "DDIMScheduler", 6, 0.5, dict(clip_sample=False, set_alpha_to_one=False))
case("pndm", "PNDMScheduler", 6, 0.4, dict(skip_prk_steps=True))
case("pndm_first", "PNDMScheduler", 6, 0.1, dict(skip_prk_steps=True))
for at in (0.05, 0.4, 0.6):
    case(f"heun{at}", "HeunDiscreteScheduler", 5, at)
    case(f"dpm2_{at}", "KDPM2DiscreteScheduler", 5, at)
    case(f"dpm2_ancestral{at}", "KDPM2AncestralDiscreteScheduler", 5, at)
(here / "cases.json").write_text("[\n" + ",\n".join(json.dumps(c) for c in cases) + "\n]\n")
