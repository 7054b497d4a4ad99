"""Writes beside itself what diffusers makes of the model tiny-sdxl of package golden: the final latents of
each case, [C H W] as float32, little-endian. pip install torch==2.15 diffusers==0.42.1 transformers==5.23
python gen.py FOLDER_OF_TINY_SDXL"""
import sys
from pathlib import Path
import numpy as np, torch
from PIL import Image
from diffusers import StableDiffusionXLImg2ImgPipeline, StableDiffusionXLInpaintPipeline, StableDiffusionXLPipeline

here = Path(__file__).parent
pictures = here / "../../../internal/golden/testdata/pipelines"
image, mask = (Image.open(pictures / name) for name in ("input.png", "mask.png"))


def nine(unet):
    """the U-Net with channels for a mask and the latents under it, of half its weights"""
    w = unet.conv_in.weight
    conv = torch.nn.Conv2d(9, w.shape[0], 3, padding=1)
    conv.weight, conv.bias = torch.nn.Parameter(torch.cat([w, w[:, [0, 1, 2, 3, 0]] / 2], 1)), unet.conv_in.bias
    unet.conv_in = conv
    unet.register_to_config(in_channels=9)


def refiner(pipe):
    """what the refiner reads: the second text encoder, and a score in place of the target size"""
    u = pipe.unet
    for name, m in u.named_modules():
        if name.endswith(("attn2.to_k", "attn2.to_v")):
            m.weight = torch.nn.Parameter(m.weight[:, 32:])
    u.add_embedding.linear_1.weight = torch.nn.Parameter(u.add_embedding.linear_1.weight[:, :80])
    u.add_embedding.linear_1.in_features = 80
    u.register_to_config(cross_attention_dim=48, projection_class_embeddings_input_dim=80)
    pipe.text_encoder = pipe.tokenizer = None
    pipe.register_to_config(requires_aesthetics_score=True)


def case(name, cls, wide=False, zeros=True, refine=False, **call):
    pipe = cls.from_pretrained(sys.argv[1], torch_dtype=torch.float32, add_watermarker=False)
    pipe.register_to_config(force_zeros_for_empty_prompt=zeros)
    if wide:
        nine(pipe.unet)
    if refine:
        refiner(pipe)
    pipe.set_progress_bar_config(disable=True)
    last = {}
    pipe(prompt="a photo of a cat", num_inference_steps=5, generator=torch.Generator("cpu").manual_seed(4242), output_type="pil",
         callback_on_step_end=lambda p, i, t, k: last.update(k) or k, **call)
    x = last["latents"][0].detach().numpy().astype("<f4")
    print(name, x.shape, np.abs(x).max())
    (here / f"{name}.f32").write_bytes(x.tobytes())


case("negatives", StableDiffusionXLPipeline, width=96, height=64, prompt_2="a red house", negative_prompt="blurry", negative_prompt_2="a boat",
     guidance_scale=6.0, guidance_rescale=0.7, clip_skip=1, original_size=(300, 200), target_size=(64, 96),
     negative_original_size=(32, 40), negative_crops_coords_top_left=(4, 7), negative_target_size=(128, 256))
case("encoded", StableDiffusionXLPipeline, zeros=False, width=64, height=64, guidance_scale=5.0)
case("image", StableDiffusionXLImg2ImgPipeline, image=image, strength=0.7, guidance_scale=5.0, negative_prompt="blurry", original_size=(90, 70),
     crops_coords_top_left=(3, 5))
for strength in (0.6, 1.0):
    args = dict(width=64, height=64, image=image, mask_image=mask, strength=strength, guidance_scale=5.0)
    case(f"inpaint{strength}", StableDiffusionXLInpaintPipeline, **args)
    case(f"inpaint9_{strength}", StableDiffusionXLInpaintPipeline, wide=True, **args)
refine = dict(refine=True, zeros=False, image=image, strength=0.6, guidance_scale=5.0)
case("refined", StableDiffusionXLImg2ImgPipeline, **refine)
case("scored", StableDiffusionXLImg2ImgPipeline, **refine, negative_prompt="blurry", aesthetic_score=8.5, negative_aesthetic_score=1.5,
     original_size=(90, 70), negative_original_size=(30, 20), crops_coords_top_left=(3, 5), negative_crops_coords_top_left=(7, 2))
