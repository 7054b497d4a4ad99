"""Writes textual_inversion/sdxl_pair beside itself: a textual inversion for both text
encoders of tiny-sdxl, in the prompt and the negative prompt.
pip install torch diffusers transformers safetensors

    python gen_inversion.py"""
import json, shutil, tempfile
from pathlib import Path
import torch
import diffusers
from diffusers import StableDiffusionXLPipeline
from safetensors.torch import load_file, save_file

here = Path(__file__).parent
vectors = load_file(here.parents[2] / "inversion/testdata/pair.safetensors")
folder = Path(tempfile.mkdtemp())
shutil.copytree(here.parent / "models/tiny-sdxl", folder, dirs_exist_ok=True)
shutil.copytree(here.parent / "models/tiny-sd15/tokenizer", folder / "tokenizer", dirs_exist_ok=True)
pipe = StableDiffusionXLPipeline.from_pretrained(folder, torch_dtype=torch.float32)
pipe.load_textual_inversion(vectors["clip_l"], token="<pair>", text_encoder=pipe.text_encoder, tokenizer=pipe.tokenizer)
pipe.load_textual_inversion(vectors["clip_g"], token="<pair>", text_encoder=pipe.text_encoder_2, tokenizer=pipe.tokenizer_2)
call = dict(prompt="a painting of <pair> in the snow", negative_prompt="no <pair>", width=64, height=64, num_inference_steps=3, guidance_scale=5.0)
cond, uncond, pooled, negative = pipe.encode_prompt(call["prompt"], negative_prompt=call["negative_prompt"])
final = pipe(**call, output_type="latent", generator=torch.Generator("cpu").manual_seed(4242)).images
out = here / "textual_inversion/sdxl_pair"
out.mkdir(parents=True, exist_ok=True)
tensors = {"cond": cond, "uncond": uncond, "pooled": pooled, "negative_pooled": negative, "final_latents": final}
save_file({k: v.detach().float().contiguous() for k, v in tensors.items()}, out / "tensors.safetensors")
(out / "case.json").write_text(json.dumps({
    "what": "a textual inversion for both text encoders of SDXL", "model": ["tiny-sdxl", "textual-inversion/pair.safetensors"], "call": call,
    "scheduler": {"class": type(pipe.scheduler).__name__, "config": dict(pipe.scheduler.config)},
    "generator_seed": 4242, "versions": {"torch": torch.__version__, "diffusers": diffusers.__version__}}, indent=1))
