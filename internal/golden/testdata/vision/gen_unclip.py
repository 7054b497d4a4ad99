"""Makes the small model ../models/tiny-unclip and the case ../pipelines/unclip, of tiny-vision
and the text encoder and VAE of other small models:

    python gen_unclip.py

with torch 2.15, diffusers 0.42.1, transformers 5.24, pillow 13. Weights are exact in float16.
"""
import json, math
from pathlib import Path

import diffusers, numpy as np, torch, transformers
from diffusers import AutoencoderKL, DDIMScheduler, DDPMScheduler, StableUnCLIPImg2ImgPipeline, UNet2DConditionModel
from diffusers.pipelines.stable_diffusion.stable_unclip_image_normalizer import StableUnCLIPImageNormalizer
from PIL import Image
from safetensors.torch import save_file
from transformers import CLIPTextModel, CLIPTokenizer, CLIPVisionModelWithProjection
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

here = Path(__file__).parent
models, pipelines = here.parent / "models", here.parent / "pipelines"
gen = torch.Generator().manual_seed(47)
draw = lambda shape, scale: (torch.randn(shape, generator=gen) * scale).half().float()

unet = UNet2DConditionModel(sample_size=8, block_out_channels=(16,), down_block_types=("CrossAttnDownBlock2D",), up_block_types=("CrossAttnUpBlock2D",),
                            layers_per_block=1, norm_num_groups=4, cross_attention_dim=32, attention_head_dim=2, use_linear_projection=True,
                            class_embed_type="projection", projection_class_embeddings_input_dim=64)
with torch.no_grad():
    for name, p in unet.named_parameters():
        p.copy_((1 + draw(p.shape, 0.2)).half().float() if "norm" in name and name.endswith("weight") else draw(p.shape, 1 / math.sqrt(max(p[0].numel(), 4))))
    unet.conv_out.weight.mul_(4)
normalizer = StableUnCLIPImageNormalizer(32)
with torch.no_grad():
    normalizer.mean.copy_(draw((1, 32), 0.5))
    normalizer.std.copy_((draw((1, 32), 0.3).abs() + 0.5).half().float())
noising = DDPMScheduler(beta_schedule="squaredcos_cap_v2")

folder = models / "tiny-unclip"
for name, part in [("unet", unet), ("image_normalizer", normalizer)]:
    (folder / name).mkdir(parents=True, exist_ok=True)
    part.save_config(folder / name)
    save_file({k: v.half().contiguous() for k, v in part.state_dict().items()}, folder / name / "diffusion_pytorch_model.safetensors")
noising.save_pretrained(folder / "image_noising_scheduler")
part = lambda library, name: [library, name]
(folder / "model_index.json").write_text(json.dumps({
    "_class_name": "StableUnCLIPImg2ImgPipeline", "_diffusers_version": diffusers.__version__, "feature_extractor": part("transformers", "CLIPImageProcessor"),
    "image_encoder": part("transformers", "CLIPVisionModelWithProjection"), "image_normalizer": part("stable_diffusion", "StableUnCLIPImageNormalizer"),
    "image_noising_scheduler": part("diffusers", "DDPMScheduler"), "scheduler": part("diffusers", "DDIMScheduler"), "text_encoder": part("transformers", "CLIPTextModel"),
    "tokenizer": part("transformers", "CLIPTokenizer"), "unet": part("diffusers", "UNet2DConditionModel"), "vae": part("diffusers", "AutoencoderKL")}, indent=1) + "\n")

text, ddim = models / "tiny-sd21-v", json.loads((pipelines / "text2img/ddim10_g7.5/case.json").read_text())["scheduler"]["config"]
pipe = StableUnCLIPImg2ImgPipeline(
    feature_extractor=CLIPImageProcessorPil(size=30, crop_size=30), image_encoder=CLIPVisionModelWithProjection.from_pretrained(models / "tiny-vision", dtype=torch.float32),
    image_normalizer=normalizer, image_noising_scheduler=noising, tokenizer=CLIPTokenizer.from_pretrained(text / "tokenizer"),
    text_encoder=CLIPTextModel.from_pretrained(text / "text_encoder", dtype=torch.float32), unet=unet.eval(), scheduler=DDIMScheduler(**ddim),
    vae=AutoencoderKL.from_pretrained(models / "tiny-sd15/vae", torch_dtype=torch.float32))
pipe.set_progress_bar_config(disable=True)
image = Image.open(pipelines / "input.png").convert("RGB")
latents, calls = {}, {}
for name, more in {"guided": dict(prompt="a photo of a cat", guidance_scale=10.0), "noisy": dict(prompt="", noise_level=300, guidance_scale=5.0),
                   "unguided": dict(prompt="a photo of a cat", negative_prompt=None, noise_level=999, guidance_scale=1.0)}.items():
    latents[name] = pipe(image, width=64, height=64, num_inference_steps=4, generator=torch.Generator("cpu").manual_seed(4242), output_type="latent", **more).images
    calls[name] = {"noise_level": 0, **more}
(pipelines / "unclip").mkdir(exist_ok=True)
save_file({k: v.float().contiguous() for k, v in latents.items()}, pipelines / "unclip/tensors.safetensors")
(pipelines / "unclip/case.json").write_text(json.dumps({
    "what": "final latents of StableUnCLIPImg2ImgPipeline of tiny-unclip, tiny-vision and the text encoder of tiny-sd21-v, with input.png, 4 steps", "calls": calls,
    "scheduler": {"class": "DDIMScheduler", "config": ddim}, "generator_seed": 4242,
    "versions": {m.__name__: m.__version__ for m in (torch, diffusers, transformers)}}, indent=1) + "\n")
print({k: float(v.std()) for k, v in latents.items()})
