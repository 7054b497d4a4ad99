"""Writes tiles.safetensors beside itself: AutoencoderKL of tiny-sd15-4blk with
enable_vae_tiling, on latents of 9×11 cells and images of 72×88 pixels.
Usage: gen.py MODEL, the folder internal/golden/testdata/models/tiny-sd15-4blk
pip install torch diffusers safetensors"""
import sys
from pathlib import Path
import diffusers, torch
from safetensors.torch import save_file

vae = diffusers.AutoencoderKL.from_pretrained(sys.argv[1], subfolder="vae").eval()
g = torch.Generator().manual_seed(1)
z = torch.randn(1, 4, 9, 11, generator=g)
image = torch.rand(1, 3, 72, 88, generator=g) * 2 - 1
out = {"latent": z, "image": image}
with torch.no_grad():
    for tile in (32, 64):
        vae.enable_tiling()
        vae.tile_sample_min_size, vae.tile_latent_min_size = tile, tile // 8
        out[f"{tile}.decoded"] = vae.decode(z / vae.config.scaling_factor).sample
        d = vae.encode(image).latent_dist
        out[f"{tile}.mean"], out[f"{tile}.logvar"] = d.mean, d.logvar
save_file({k: v.contiguous() for k, v in out.items()}, Path(__file__).parent / "tiles.safetensors",
          metadata=dict(torch=torch.__version__, diffusers=diffusers.__version__))
