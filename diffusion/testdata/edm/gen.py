"""Writes beside itself what diffusers makes of the model tiny-sdxl of package golden with the noise levels of EDM, and of its
VAE with a mean and a standard deviation for each channel, as Playground 2.5 has them: the final latents [C H W] of each
case, and of "playground" also the picture [3 H W], as float32, little-endian.
pip install torch==2.15 diffusers==0.42.1 transformers==5.23
python gen.py FOLDER_OF_TINY_SDXL"""
import sys
from pathlib import Path

import diffusers
import numpy as np
import torch
from PIL import Image
from diffusers import StableDiffusionXLImg2ImgPipeline, StableDiffusionXLPipeline

here = Path(__file__).parent
image = Image.open(here / "../../../internal/golden/testdata/pipelines/input.png")


def case(name, scheduler, cls=StableDiffusionXLPipeline, keys=None, picture=False, **more):
    pipe = cls.from_pretrained(sys.argv[1], torch_dtype=torch.float32, add_watermarker=False)
    pipe.scheduler = getattr(diffusers, scheduler)(**(keys or {}))
    pipe.vae.register_to_config(latents_mean=[-1.6574, 1.886, -1.383, 2.5155], latents_std=[8.4927, 5.9022, 6.5498, 5.2299], scaling_factor=0.5)
    pipe.set_progress_bar_config(disable=True)
    last = {}
    out = pipe(prompt="a photo of a cat", guidance_scale=3.0, num_inference_steps=5, generator=torch.Generator("cpu").manual_seed(4242),
               output_type="np", callback_on_step_end=lambda p, i, t, k: last.update(k) or k, **more).images
    x = last["latents"][0].detach().numpy().astype("<f4")
    print(name, x.shape, np.abs(x).max())
    data = x.tobytes()
    if picture:
        data += out[0].transpose(2, 0, 1).astype("<f4").tobytes()
    (here / f"{name}.f32").write_bytes(data)


size = dict(width=64, height=64)
case("playground", "EDMDPMSolverMultistepScheduler", picture=True, **size)
case("euler", "EDMEulerScheduler", **size)
case("cosxl", "EDMEulerScheduler", keys=dict(prediction_type="v_prediction", sigma_data=1.0, sigma_schedule="exponential", sigma_max=120.0), **size)
case("image", "EDMDPMSolverMultistepScheduler", cls=StableDiffusionXLImg2ImgPipeline, image=image, strength=0.6)
