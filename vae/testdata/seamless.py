"""Writes seamless.safetensors beside itself: what the autoencoders of package golden's tiny models
make of latents [1 4 4 7] and images [1 3 40 24] with circular padding in x, in y and in both.
Usage: seamless.py internal/golden/testdata/models
pip install torch diffusers safetensors"""
import sys
from pathlib import Path

import diffusers
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

out = {}


def circular(m, along_x, along_y):
    """The usual patch: padding_mode circular, by directions."""
    for c in m.modules():
        if isinstance(c, torch.nn.Conv2d) and c.padding != (0, 0):
            def forward(x, weight, bias, c=c):
                py, px = c.padding
                x = F.pad(x, (px, px, 0, 0), mode="circular" if along_x else "constant")
                x = F.pad(x, (0, 0, py, py), mode="circular" if along_y else "constant")
                return F.conv2d(x, weight, bias, c.stride, 0, c.dilation, c.groups)
            c._conv_forward = forward
    return m


g = torch.Generator().manual_seed(3)
z, image = torch.randn(1, 4, 4, 7, generator=g), torch.rand(1, 3, 40, 24, generator=g) * 2 - 1
out["latents"], out["image"] = z, image
models = Path(sys.argv[1])
with torch.no_grad():
    for name, x, y in (("x", True, False), ("y", False, True), ("xy", True, True)):
        v = circular(diffusers.AutoencoderKL.from_pretrained(models / "tiny-sd15" / "vae", torch_dtype=torch.float32).eval(), x, y)
        out[f"vae.decoded.{name}"] = v.decode(z / v.config.scaling_factor).sample
        out[f"vae.mean.{name}"] = v.encode(image).latent_dist.mean
        v = circular(diffusers.AutoencoderTiny.from_pretrained(models / "tiny-taesd", torch_dtype=torch.float32).eval(), x, y)
        out[f"tiny.decoded.{name}"] = v.decode(z).sample
        out[f"tiny.mean.{name}"] = v.encode(image).latents
save_file({k: v.contiguous() for k, v in out.items()}, Path(__file__).parent / "seamless.safetensors",
          metadata=dict(torch=torch.__version__, diffusers=diffusers.__version__))
