"""Writes latents.safetensors beside itself: the final latents of runs of diffusers 0.42.1 (torch 2.15, CPU, float32)
whose scheduler is Class.from_config(pipe.scheduler.config), and of image-to-image whose strength leaves no step.

python gen.py TINYSCENES TINY_INPAINT, two models' folders in diffusers' layout.
"""
import json, os, sys
import diffusers, torch
from diffusers import DPMSolverMultistepScheduler, PNDMScheduler
from PIL import Image
from safetensors.torch import save_file

scenes, inpaint = sys.argv[1:]
here = os.path.dirname(os.path.abspath(__file__))
plain = {"_class_name": "PNDMScheduler", "beta_end": 0.012, "beta_schedule": "scaled_linear", "beta_start": 0.00085,
         "num_train_timesteps": 1000, "prediction_type": "epsilon", "set_alpha_to_one": False, "skip_prk_steps": True,
         "steps_offset": 1, "timestep_spacing": "leading", "trained_betas": None}
torch.set_num_threads(1)
latents, cases = {}, []


def run(name, pipeline, model, config, cls, steps, seed, **call):
    p = getattr(diffusers, pipeline).from_pretrained(model, safety_checker=None, torch_dtype=torch.float32)
    p.scheduler = getattr(diffusers, config["_class_name"]).from_config(config)
    p.scheduler = getattr(diffusers, cls).from_config(p.scheduler.config)
    p.set_progress_bar_config(disable=True)
    latents[name] = p("a red house", num_inference_steps=steps, guidance_scale=7.5,
                      generator=torch.Generator().manual_seed(seed), output_type="latent", **call).images
    cases.append({"name": name, "config": config, "class": cls, "steps": steps, "seed": seed, "strength": call.get("strength", 0)})


threshold = dict(plain, clip_sample=False, thresholding=True, sample_max_value=2.0)
for cls in ["DPMSolverMultistepScheduler", "DPMSolverSinglestepScheduler", "DEISMultistepScheduler", "UniPCMultistepScheduler", "SASolverScheduler",
            "DDPMScheduler", "LCMScheduler", "DDIMScheduler", "TCDScheduler", "HeunDiscreteScheduler", "EulerDiscreteScheduler"]:
    run("threshold/" + cls, "StableDiffusionPipeline", scenes, threshold, cls, 10, 5)

dpm = dict(plain, _class_name="DPMSolverMultistepScheduler")
for name, keys in {"sde": {"algorithm_type": "sde-dpmsolver++", "solver_type": "heun"}, "third": {"solver_order": 3},
                   "karras": {"solver_order": 3, "euler_at_final": True, "use_karras_sigmas": True}}.items():
    run("own/" + name, "StableDiffusionPipeline", scenes, dict(dpm, **keys), "DPMSolverMultistepScheduler", 10, 5)
for cls, keys in {"UniPCMultistepScheduler": {"solver_order": 3, "solver_type": "bh1", "final_sigmas_type": "sigma_min"},
                  "DEISMultistepScheduler": {"solver_order": 3}, "SASolverScheduler": {"predictor_order": 3, "corrector_order": 4},
                  "DPMSolverSinglestepScheduler": {"solver_order": 3}}.items():
    run("own/" + cls, "StableDiffusionPipeline", scenes, dict(plain, _class_name=cls, **keys), cls, 10, 5)

image = Image.open(here + "/../input.png").convert("RGB")
mask = Image.open(here + "/../mask.png").convert("L")
for kind, keys in {"clip": {"clip_sample": True}, "plain": {}, "threshold": {"thresholding": True, "sample_max_value": 1.5}}.items():
    for cls in ["DDPMScheduler", "LCMScheduler", "HeunDiscreteScheduler", "DDIMScheduler", "TCDScheduler", "UniPCMultistepScheduler"]:
        run("inpaint/%s/%s" % (kind, cls), "StableDiffusionInpaintPipeline", inpaint, dict(plain, **keys), cls, 4, 5,
            image=image, mask_image=mask, width=64, height=64, strength=1.0)

for steps, strength in (15, 0.05), (10, 0.05), (2, 0.4):
    run("zero/%d" % steps, "StableDiffusionImg2ImgPipeline", scenes, plain, "PNDMScheduler", steps, 1,
        image=Image.open(here + "/scene.png").convert("RGB"), strength=strength)

save_file({k: v.contiguous() for k, v in latents.items()}, here + "/latents.safetensors")
json.dump(cases, open(here + "/cases.json", "w"), indent=0)
