"""Makes the cases grad_* of the models in ../models that others did not make, and the
small models tiny-class-* and tiny-image-tokens with their cases unet_*:

    python gen_gradients.py

with torch 2.15, diffusers 0.42.1, transformers 5.23. Losses are mean((output - target)^2),
computed in float64; weights and inputs are exact in float16.
"""
import json, math
from pathlib import Path

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from diffusers.models.attention_processor import IPAdapterAttnProcessor2_0
from safetensors.torch import save_file
from transformers import CLIPTextModel, CLIPTextModelWithProjection

here = Path(__file__).parent
models = here.parent / "models"
gen = torch.Generator().manual_seed(20)


def rand(*shape):
    return torch.randn(*shape, generator=gen).half().double()


def save(name, what, tensors, grads=None):
    folder = here / name
    folder.mkdir(exist_ok=True)
    tensors = {k: v.detach().contiguous() for k, v in tensors.items() if v is not None}
    tensors = {k: v.float() if v.is_floating_point() else v.int() for k, v in tensors.items()}
    info = {"what": what, "tensors": {k: list(v.shape) for k, v in tensors.items()}}
    if grads is not None:
        info["all_grads"] = grads
    (folder / "case.json").write_text(json.dumps(info, separators=(",", ":")).replace('],"', '],\n"') + "\n")
    save_file(tensors, folder / "tensors.safetensors")


def all_grads(module):
    return {n: [float(p.grad.norm()), float(p.grad.sum())] for n, p in module.named_parameters() if p.grad is not None}


def mse(a, b):
    return ((a - b) ** 2).mean()


def unet_case(name, unet, what, sample, timesteps, conditions, call):
    """conditions: tensors by name; those of floats are differentiated."""
    inputs = {"sample": sample, **conditions}
    inputs = {k: v.clone().requires_grad_() if v.is_floating_point() and k != "mask" else v for k, v in inputs.items()}
    target = rand(sample.shape[0], unet.config.out_channels, *sample.shape[2:])
    unet.zero_grad()
    out = call(inputs)
    loss = mse(out, target)
    loss.backward()
    derived = {"d_" + k: v.grad for k, v in inputs.items() if v.requires_grad and v.grad is not None}
    save(name, what, {**inputs, "timesteps": timesteps, "target": target, "out": out, "loss": loss, **derived}, all_grads(unet))


def load_unet(name):
    return UNet2DConditionModel.from_pretrained(models / name / "unet", torch_dtype=torch.float32).double()


LOSS = "loss = mean((unet(sample, timesteps, ...) - target)^2); d_<name> are the derivatives, all_grads [l2 norm, sum] of those by every parameter"
times = torch.tensor([17, 801])

for name in ["depth", "inpaint"]:
    u = load_unet(f"tiny-{name}")
    unet_case(f"grad_{name}", u, f"tiny-{name}/unet: " + LOSS, rand(2, u.config.in_channels, 8, 8), times,
              {"encoder_hidden_states": rand(2, 9, u.config.cross_attention_dim)},
              lambda i: u(i["sample"], times, encoder_hidden_states=i["encoder_hidden_states"]).sample)

u = load_unet("tiny-x4-upscaler")
unet_case("grad_x4", u, "tiny-x4-upscaler/unet: " + LOSS, rand(2, 7, 8, 8), times,
          {"encoder_hidden_states": rand(2, 9, 32), "class_labels": torch.tensor([20, 350])},
          lambda i: u(i["sample"], times, encoder_hidden_states=i["encoder_hidden_states"], class_labels=i["class_labels"]).sample)

u = load_unet("tiny-sdxl")
ids = torch.tensor([[512.0, 640, 16, 0, 512, 512], [1024, 1024, 0, 0, 1024, 1024]]).double()
unet_case("grad_sdxl_conditions", u, "tiny-sdxl/unet: " + LOSS, rand(2, 4, 8, 8), times,
          {"encoder_hidden_states": rand(2, 9, 80), "text_embeds": rand(2, 40), "time_ids": ids},
          lambda i: u(i["sample"], times, encoder_hidden_states=i["encoder_hidden_states"],
                      added_cond_kwargs={"text_embeds": i["text_embeds"], "time_ids": i["time_ids"]}).sample)

u = load_unet("tiny-sd15")
shapes = [(2, 16, 8, 8), (2, 16, 8, 8), (2, 16, 4, 4), (2, 32, 4, 4)]
unet_case("grad_residuals", u, "tiny-sd15/unet with residuals of a ControlNet: " + LOSS, rand(2, 4, 8, 8), times,
          {"encoder_hidden_states": rand(2, 9, 32), **{f"down{i}": rand(*s) for i, s in enumerate(shapes)}, "mid": rand(2, 32, 4, 4)},
          lambda i: u(i["sample"], times, encoder_hidden_states=i["encoder_hidden_states"],
                      down_block_additional_residuals=tuple(i[f"down{k}"] for k in range(4)), mid_block_additional_residual=i["mid"]).sample)


def small(name, **kw):
    """A U-Net of one level with seeded weights, saved in ../models."""
    torch.manual_seed(len(name))
    u = UNet2DConditionModel(**{**dict(sample_size=8, block_out_channels=(8,), down_block_types=("DownBlock2D",), up_block_types=("UpBlock2D",),
                                       mid_block_type=None, layers_per_block=1, norm_num_groups=4, cross_attention_dim=8, attention_head_dim=2), **kw})
    with torch.no_grad():
        for p in u.parameters():
            p.copy_((torch.randn_like(p) / math.sqrt(max(p[0].numel(), 4))).half().float())
    return u


def keep(name, u):
    folder = models / name / "unet"
    folder.mkdir(parents=True, exist_ok=True)
    u.save_config(folder)
    save_file({k: v.half().contiguous() for k, v in u.state_dict().items()}, folder / "diffusion_pytorch_model.safetensors")
    return u.double()


for kind, more, labels in [("timestep", {}, rand(2).abs() * 400), ("identity", {}, rand(2, 32)),
                           ("projection", {"projection_class_embeddings_input_dim": 6}, rand(2, 6)),
                           ("simple_projection", {"projection_class_embeddings_input_dim": 6}, rand(2, 6))]:
    u = keep(f"tiny-class-{kind}", small(kind, class_embed_type=kind, **more))
    unet_case(f"grad_class_{kind}", u, f"tiny-class-{kind}/unet: " + LOSS, rand(2, 4, 8, 8), times,
              {"encoder_hidden_states": rand(2, 3, 8), "class_labels": labels},
              lambda i: u(i["sample"], times, encoder_hidden_states=i["encoder_hidden_states"], class_labels=i["class_labels"]).sample)

u = small("image-tokens", down_block_types=("CrossAttnDownBlock2D",), up_block_types=("CrossAttnUpBlock2D",))
processors = {}
for path, p in u.attn_processors.items():
    processors[path] = p
    if path.endswith("attn2.processor"):
        processors[path] = IPAdapterAttnProcessor2_0(8, 8, num_tokens=[3])
        with torch.no_grad():
            for w in processors[path].parameters():
                w.copy_((torch.randn(w.shape, generator=gen) / 3).half().float())
u.set_attn_processor(processors)
u = keep("tiny-image-tokens", u)
unet_case("grad_image_tokens", u, "tiny-image-tokens/unet, with the weights of an IP-Adapter: " + LOSS, rand(2, 4, 8, 8), times,
          {"encoder_hidden_states": rand(2, 5, 8), "image_tokens": rand(2, 3, 8)},
          lambda i: u(i["sample"], times, encoder_hidden_states=(i["encoder_hidden_states"], [i["image_tokens"]])).sample)

u = load_unet("tiny-sd15")
mask = torch.tensor([[1, 1, 0, 1, 0, 0, 1, 1, 0], [1] * 9]).double()
unet_case("grad_mask", u, "tiny-sd15/unet with encoder_attention_mask: " + LOSS, rand(2, 4, 8, 8), times,
          {"encoder_hidden_states": rand(2, 9, 32), "mask": mask},
          lambda i: u(i["sample"], times, encoder_hidden_states=i["encoder_hidden_states"], encoder_attention_mask=i["mask"].bool()).sample)

v = AutoencoderKL.from_pretrained(models / "tiny-sd15-4blk/vae", torch_dtype=torch.float32).double()
images, latents = rand(1, 3, 32, 32).requires_grad_(), rand(1, 4, 4, 4).requires_grad_()
moments_target, images_target = rand(1, 8, 4, 4), rand(1, 3, 32, 32)
encoder = mse(v.quant_conv(v.encoder(images)), moments_target)
decoder = mse(v.decoder(v.post_quant_conv(latents)), images_target)
(encoder + decoder).backward()
save("grad_vae_4blk", "tiny-sd15-4blk/vae: as grad_vae",
     {"images": images, "latents": latents, "moments_target": moments_target, "images_target": images_target, "encoder.loss": encoder,
      "decoder.loss": decoder, "d_images": images.grad, "d_latents": latents.grad}, all_grads(v))

ids = torch.tensor([[998, 5, 70, 300, 999, 999], [998, 8, 999, 999, 999, 999]])
for i, (folder, cls, pooled) in enumerate([("text_encoder", CLIPTextModel, "pooler_output"), ("text_encoder_2", CLIPTextModelWithProjection, "text_embeds")], 1):
    te = cls.from_pretrained(models / "tiny-sdxl" / folder, torch_dtype=torch.float32).double()
    out = te(ids, output_hidden_states=True)
    tokens, whole = out.hidden_states[-2], out[pooled]
    tokens_target, pooled_target = rand(*tokens.shape), rand(*whole.shape)
    loss = mse(tokens, tokens_target) + mse(whole, pooled_target)
    loss.backward()
    grads = {(n if n.startswith("text_") else "text_model." + n): g for n, g in all_grads(te).items()}
    save(f"grad_text_encoder_sdxl_{i}", f"tiny-sdxl/{folder}: loss = mean((hidden_states[-2] - tokens_target)^2) + mean(({pooled} - pooled_target)^2)",
         {"input_ids": ids, "tokens": tokens, "pooled": whole, "tokens_target": tokens_target, "pooled_target": pooled_target, "loss": loss}, grads)

u = UNet2DConditionModel.from_pretrained(here.parent / "cases/lcm-time-cond/unet", torch_dtype=torch.float32).double()
unet_case("grad_time_cond", u, "cases/lcm-time-cond/unet: " + LOSS, rand(2, 4, 8, 8), times,
          {"encoder_hidden_states": rand(2, 9, 32), "timestep_cond": rand(2, u.config.time_cond_proj_dim)},
          lambda i: u(i["sample"], times, encoder_hidden_states=i["encoder_hidden_states"], timestep_cond=i["timestep_cond"]).sample)
