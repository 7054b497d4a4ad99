"""Writes the cases taesd_* beside itself: tiny-sd15 with the small autoencoder tiny-taesd.
pip install torch diffusers transformers pillow

    python gen_taesd.py"""
import json
from pathlib import Path
import torch
import diffusers
from diffusers import AutoencoderTiny, DDIMScheduler, StableDiffusionImg2ImgPipeline, StableDiffusionInpaintPipeline, StableDiffusionPipeline, UNet2DConditionModel
from PIL import Image
from safetensors.torch import save_file
from transformers import CLIPTextModel, CLIPTokenizer

here = Path(__file__).parent
tiny = here.parent / "models/tiny-sd15"
config = json.loads((here / "text2img/ddim10_g7.5/case.json").read_text())["scheduler"]["config"]
parts = dict(
    unet=UNet2DConditionModel.from_pretrained(tiny / "unet", torch_dtype=torch.float32), text_encoder=CLIPTextModel.from_pretrained(tiny / "text_encoder", dtype=torch.float32),
    vae=AutoencoderTiny.from_pretrained(here.parent / "models/tiny-taesd", torch_dtype=torch.float32), tokenizer=CLIPTokenizer.from_pretrained(tiny / "tokenizer"),
    safety_checker=None, feature_extractor=None, requires_safety_checker=False)
image, mask = Image.open(here / "input.png").convert("RGB"), Image.open(here / "mask.png").convert("L")


def case(group, name, make, files=(), **call):
    run = lambda output: make(scheduler=DDIMScheduler(**config), **parts)(
        prompt="a photo of a cat", generator=torch.Generator("cpu").manual_seed(4242), output_type=output, callback_on_step_end=keep,
        **({"image": image} if "image" in files else {}), **({"mask_image": mask} if "mask" in files else {}), **call).images
    steps = []

    def keep(pipe, i, t, kw):
        steps.append(kw["latents"].clone())
        return {}

    final = run("latent")
    latents = torch.stack(steps)
    tensors = {"final_latents": final, "latents_steps": latents, "image": run("pt")}
    (here / group / name).mkdir(parents=True, exist_ok=True)
    save_file({k: v.float().contiguous() for k, v in tensors.items()}, here / group / name / "tensors.safetensors")
    (here / group / name / "case.json").write_text(json.dumps({
        "what": f"{make.__name__} with an AutoencoderTiny, of whose latents nothing is drawn", "model": "tiny-sd15-taesd",
        "scheduler": {"class": "DDIMScheduler", "config": config}, "call": {"prompt": "a photo of a cat", **call},
        "generator_seed": 4242, "versions": {"torch": torch.__version__, "diffusers": diffusers.__version__}}, indent=1))


case("taesd_text2img", "ddim6_g7.5", StableDiffusionPipeline, width=64, height=64, num_inference_steps=6, guidance_scale=7.5)
case("taesd_img2img", "ddim10_s0.6", StableDiffusionImg2ImgPipeline, ["image"], num_inference_steps=10, strength=0.6)
case("taesd_inpaint4", "ddim10_s0.7", StableDiffusionInpaintPipeline, ["image", "mask"], width=64, height=64, num_inference_steps=10, strength=0.7)
