"""Writes the cases clip-model, attention-mask and saved-* beside itself, and of lcm-time-cond
what package diffusion keeps of the other tasks. pip install torch diffusers transformers pillow

    python gen.py"""
import json, shutil, tempfile
from pathlib import Path
import numpy, torch
from diffusers import (AutoencoderKL, DDIMScheduler, DPMSolverMultistepScheduler, DPMSolverSinglestepScheduler, EulerDiscreteScheduler, LCMScheduler, PNDMScheduler, StableDiffusionImg2ImgPipeline, StableDiffusionInpaintPipeline,
                       StableDiffusionPipeline, UNet2DConditionModel)
from PIL import Image
from transformers import CLIPConfig, CLIPModel, CLIPTextModel, CLIPTokenizer

here = Path(__file__).parent
tiny = here.parent / "models/tiny-sd15"
tasks = here.parents[3] / "diffusion/testdata/lcm"


def folder(case):
    """tiny-sd15 with the files of a case."""
    d = Path(tempfile.mkdtemp())
    shutil.copytree(tiny, d, dirs_exist_ok=True)
    shutil.copytree(here / case, d, dirs_exist_ok=True)
    return d


def parts(d, scheduler=PNDMScheduler):
    unet = UNet2DConditionModel.from_pretrained(d / "unet", torch_dtype=torch.float32)
    vae = AutoencoderKL.from_pretrained(d / "vae", torch_dtype=torch.float32)
    text = CLIPTextModel.from_pretrained(d / "text_encoder", dtype=torch.float32)
    return dict(unet=unet, vae=vae, text_encoder=text, tokenizer=CLIPTokenizer.from_pretrained(d / "tokenizer"),
                scheduler=scheduler.from_pretrained(d / "scheduler"), safety_checker=None, feature_extractor=None, requires_safety_checker=False)


def run(pipeline, file, **kw):
    x = pipeline(prompt="a red house", generator=torch.Generator("cpu").manual_seed(1), output_type="latent", **kw).images
    numpy.asarray(x.float()).astype("<f4").tofile(file)


# A whole CLIPModel as it is saved, with the text half of tiny-sd15.
config = json.loads((tiny / "text_encoder/config.json").read_text())
torch.manual_seed(7)
clip = CLIPModel(CLIPConfig(text_config=config, vision_config=dict(hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=2, image_size=8, patch_size=4), projection_dim=16))
text = CLIPTextModel.from_pretrained(tiny / "text_encoder", dtype=torch.float32)
clip.text_model.load_state_dict(text.state_dict())
clip.half().save_pretrained(here / "clip-model/text_encoder")
run(StableDiffusionPipeline(**parts(folder("clip-model"))), here / "clip-model/expected_latents.f32", num_inference_steps=4)

# The text encoder gets the mask of the padding.
(here / "attention-mask/text_encoder").mkdir(parents=True, exist_ok=True)
(here / "attention-mask/text_encoder/config.json").write_text(json.dumps(dict(config, use_attention_mask=True), indent=1))
run(StableDiffusionPipeline(**parts(folder("attention-mask"))), here / "attention-mask/expected_latents.f32", num_inference_steps=4)

# The other tasks of a U-Net that reads the guidance scale.
d = folder("lcm-time-cond")
image = Image.open(here.parent / "pipelines/input.png").convert("RGB")
mask = Image.new("L", image.size)
mask.paste(255, (0, 0, image.width // 2, image.height))
run(StableDiffusionImg2ImgPipeline(**parts(d, LCMScheduler)), tasks / "img2img.f32", image=image, strength=0.6, num_inference_steps=5, guidance_scale=3)
run(StableDiffusionInpaintPipeline(**parts(d, LCMScheduler)), tasks / "inpaint.f32", image=image, mask_image=mask, num_inference_steps=4, guidance_scale=3,
    width=image.width, height=image.height)


# Schedulers as they are saved: with -Infinity, and after a change of class; and, in
# saved-defaults, a config of another class than the index names, whose defaults are not
# taken over.
def saved(case, index, *classes):
    d = here / case
    scheduler = PNDMScheduler.from_pretrained(tiny / "scheduler")
    for c in classes:
        scheduler = c.from_config(scheduler.config)
    scheduler.save_pretrained(d / "scheduler")
    if index is not classes[-1]:  # marked as diffusers marks what was not given
        file = d / "scheduler/scheduler_config.json"
        file.write_text(json.dumps(dict(json.loads(file.read_text()), timestep_spacing="trailing", _use_default_values=["timestep_spacing"]), indent=2))
    listing = json.loads((tiny / "model_index.json").read_text())
    (d / "model_index.json").write_text(json.dumps(dict(listing, scheduler=["diffusers", index.__name__]), indent=2))
    run(StableDiffusionPipeline(**parts(folder(case), index)), d / "expected_latents.f32", num_inference_steps=4)


saved("saved-singlestep", DPMSolverSinglestepScheduler, DPMSolverSinglestepScheduler)
saved("saved-switched", DDIMScheduler, DPMSolverMultistepScheduler, DDIMScheduler)
saved("saved-defaults", EulerDiscreteScheduler, DPMSolverMultistepScheduler)
