"""Writes variants.safetensors beside itself: what the tiny models of package golden predict with
FreeU, with self-attention perturbed (PAG), with queries blurred (SEG), and with circular padding.
Usage: variants.py internal/golden/testdata/models
pip install torch diffusers safetensors"""
import math
import sys
from pathlib import Path

import diffusers
import torch
import torch.nn.functional as F
from diffusers.hooks.smoothed_energy_guidance_utils import _gaussian_blur_2d
from diffusers.models.attention_processor import AttnProcessor2_0, PAGIdentitySelfAttnProcessor2_0
from diffusers.pipelines.pag.pag_utils import PAGMixin
from safetensors.torch import save_file

out = {}


def load(name):
    return diffusers.UNet2DConditionModel.from_pretrained(Path(sys.argv[1]) / name / "unet", torch_dtype=torch.float32).eval()


def inputs(name, u, h, w):
    g = torch.Generator().manual_seed(h * 100 + w)
    x = torch.randn(2, u.config.in_channels, h, w, generator=g)
    tokens = torch.randn(2, 5, u.config.cross_attention_dim, generator=g)
    out[f"{name}.sample"], out[f"{name}.tokens"] = x, tokens
    kw = dict(encoder_hidden_states=tokens)
    if u.config.addition_embed_type == "text_time":
        ids = torch.tensor([[64, 64, 0, 8, 64, 64]] * 2, dtype=torch.float32)
        text = torch.randn(2, u.config.projection_class_embeddings_input_dim - 6 * u.config.addition_time_embed_dim, generator=g)
        out[f"{name}.pooled"], out[f"{name}.ids"] = text, ids
        kw["added_cond_kwargs"] = dict(text_embeds=text, time_ids=ids)
    return x, kw


def predict(name, u, x, kw):
    with torch.no_grad():
        out[name] = u(x, 321, **kw).sample


class Pipe(PAGMixin):  # what matches the patterns, as diffusers' pipelines find it
    def __init__(self, u):
        self.unet = u


def perturbed(name, u, x, kw, layers):
    pipe = Pipe(u)
    pipe.set_pag_applied_layers(layers)
    pipe._set_pag_attn_processor(pipe.pag_applied_layers, False)
    twice = {k: {j: torch.cat([y, y]) for j, y in v.items()} if isinstance(v, dict) else torch.cat([v, v]) for k, v in kw.items()}
    with torch.no_grad():
        out[name] = u(torch.cat([x, x]), 321, **twice).sample.chunk(2)[1]
    u.set_attn_processor(AttnProcessor2_0())


def smoothed(name, u, x, kw, part, sigma):
    """The hook of diffusers. Its code has the branches for finite and infinite sigmas the wrong
    way round, so that it is told the opposite of what is meant, as the paper's author has it."""
    size = math.ceil(6 * sigma) + 1 - math.ceil(6 * sigma) % 2 if sigma < 9999 else 1
    threshold = 0 if sigma < 9999 else math.inf
    hooks = [m.to_q.register_forward_hook(lambda _, args, y: _gaussian_blur_2d(y.clone(), size_for(size, y), sigma, threshold))
             for n, m in u.named_modules() if n.endswith("attn1") and part in n]
    assert hooks
    predict(name, u, x, kw)
    for h in hooks:
        h.remove()


def size_for(size, y):
    side = int(math.sqrt(y.shape[1]))
    assert side * side == y.shape[1]
    return min(size, side - (side % 2 - 1))


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


FREE = dict(b1=1.5, b2=1.6, s1=0.9, s2=0.2)
u = load("tiny-sd15")
x, kw = inputs("sd15", u, 8, 8)
predict("sd15.plain", u, x, kw)
perturbed("sd15.pag.mid", u, x, kw, "mid")
perturbed("sd15.pag.down", u, x, kw, ["down_blocks.0.attentions.0"])
perturbed("sd15.pag.some", u, x, kw, ["mid", "up_blocks.(0|1).attentions.1"])
smoothed("sd15.seg.mid.inf", u, x, kw, "mid", 1e7)
smoothed("sd15.seg.down.1", u, x, kw, "down_blocks", 1.0)
smoothed("sd15.seg.all.50", u, x, kw, "", 50.0)
u.enable_freeu(**FREE)
predict("sd15.freeu", u, x, kw)
odd, oddkw = inputs("sd15odd", u, 5, 7)
predict("sd15odd.freeu", u, odd, oddkw)
u.disable_freeu()
for name, x_, y_ in (("x", True, False), ("y", False, True), ("xy", True, True)):
    predict(f"sd15odd.around.{name}", circular(load("tiny-sd15"), x_, y_), odd, oddkw)

u = load("tiny-sd15-4blk")
x, kw = inputs("4blk", u, 16, 16)
for name, x_, y_ in (("x", True, False), ("y", False, True), ("xy", True, True)):
    predict(f"4blk.around.{name}", circular(load("tiny-sd15-4blk"), x_, y_), x, kw)
whole = load("tiny-sd15-4blk")  # PyTorch's own way, for both directions
for m in whole.modules():
    if isinstance(m, torch.nn.Conv2d):
        m.padding_mode = "circular"
with torch.no_grad():
    torch.testing.assert_close(whole(x, 321, **kw).sample, out["4blk.around.xy"], rtol=0, atol=0)
u.enable_freeu(**FREE)
predict("4blk.freeu", u, x, kw)

u = load("tiny-sdxl")
x, kw = inputs("sdxl", u, 8, 8)
perturbed("sdxl.pag.mid", u, x, kw, "mid")
u.enable_freeu(b1=1.3, b2=1.4, s1=0.9, s2=0.2)
predict("sdxl.freeu", u, x, kw)

# Without a middle the lowest skip is what comes from below: FreeU then scales both, which share memory.
families = {"__file__": str(Path(sys.argv[1]).parent / "families" / "gen.py")}
exec(Path(families["__file__"]).read_text().removesuffix("main()\n"), families)
u = diffusers.UNet2DConditionModel(**families["CASES"]["bk-sdm-tiny"][1]).eval()
u.load_state_dict({k: families["numbers"](k, tuple(v.shape)) for k, v in u.state_dict().items()})
u.enable_freeu(**FREE)
predict("tiny.freeu", u, families["numbers"]("input.sample", (2, 4, 12, 8)), dict(encoder_hidden_states=families["numbers"]("input.tokens", (2, 9, 32))))

save_file({k: v.contiguous() for k, v in out.items()}, Path(__file__).parent / "variants.safetensors",
          metadata=dict(torch=torch.__version__, diffusers=diffusers.__version__))
