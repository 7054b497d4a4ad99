"""Writes the cases of this folder: UNet2DModel and VQModel of diffusers in structures that ../models does not have, with
derivatives, and pictures by concatenation and of classes.

python gen.py, with diffusers and torch. Weights are numbers that follow from the names of the tensors, as in
../families/gen.py, so that only configurations, shapes and results are stored. Losses are mean((output - target)^2), in float64.
"""

import json
import pathlib
import zlib

import numpy
import torch
from diffusers import DDIMScheduler, LDMSuperResolutionPipeline, UNet2DModel, VQModel
from PIL import Image
from safetensors.torch import save_file

HERE = pathlib.Path(__file__).parent


def numbers(name, shape):
    """As in ../families/gen.py."""
    n = int(numpy.prod(shape))
    h = (numpy.arange(n, dtype=numpy.uint64) + zlib.crc32(name.encode())) * 2654435761 & 0xFFFFFFFF
    h ^= h >> 15
    h = h * 2246822519 & 0xFFFFFFFF
    h ^= h >> 13
    x = (h >> 21).astype(numpy.float32) / 1024 - 1
    if name.startswith("input."):
        return torch.from_numpy(x.reshape(shape))
    if len(shape) == 1:
        x = x / 8 + (name.endswith(".weight"))
    else:
        x = x / 2 ** numpy.floor(numpy.log2(numpy.sqrt(n / shape[0])))
    return torch.from_numpy(x.astype(numpy.float32).reshape(shape))


def build(cls, config):
    """A model whose weights follow from their names, and what the cases store of it."""
    model = cls(**config).eval()
    model.load_state_dict({k: numbers(k, tuple(v.shape)) for k, v in model.state_dict().items()})
    return model, {"config": {"_class_name": cls.__name__, **config}, "shapes": {k: list(v.shape) for k, v in model.state_dict().items()}}


def save(name, info, tensors):
    folder = HERE / name
    folder.mkdir(exist_ok=True)
    tensors = {k: v.detach().contiguous() for k, v in tensors.items()}
    save_file({k: v.float() if v.is_floating_point() else v.int() for k, v in tensors.items()}, folder / "tensors.safetensors")
    (folder / "case.json").write_text(json.dumps(info, separators=(",", ":")).replace('],"', '],\n"') + "\n")


def grads(model):
    return {n: [float(p.grad.norm()), float(p.grad.sum())] for n, p in model.named_parameters() if p.grad is not None}


DOWN, ATTN_DOWN, RES_DOWN = "DownBlock2D", "AttnDownBlock2D", "ResnetDownsampleBlock2D"
UP, ATTN_UP, RES_UP = "UpBlock2D", "AttnUpBlock2D", "ResnetUpsampleBlock2D"
TWO = {"sample_size": 8, "block_out_channels": [8, 16], "layers_per_block": 1, "norm_num_groups": 4,
       "down_block_types": [DOWN, ATTN_DOWN], "up_block_types": [ATTN_UP, UP]}
UNETS = {
    "ddpm": ({**TWO, "attention_head_dim": None, "flip_sin_to_cos": False, "freq_shift": 1, "downsample_padding": 0, "norm_eps": 1e-6}, None),
    "guided": ({"sample_size": 8, "block_out_channels": [8, 16, 16], "layers_per_block": 2, "norm_num_groups": 4, "attention_head_dim": 4,
                "down_block_types": [RES_DOWN, ATTN_DOWN, ATTN_DOWN], "up_block_types": [ATTN_UP, ATTN_UP, RES_UP],
                "downsample_type": "resnet", "upsample_type": "resnet", "resnet_time_scale_shift": "scale_shift",
                "attn_norm_num_groups": 8, "num_class_embeds": 5}, torch.tensor([4, 0])),
    "no-middle-norm": ({**TWO, "attention_head_dim": 8, "resnet_time_scale_shift": "scale_shift", "mid_block_scale_factor": 1.4142,
                        "class_embed_type": "timestep", "time_embedding_dim": 24}, torch.tensor([300.0, 7.0])),
    "learned": ({**TWO, "attention_head_dim": 4, "time_embedding_type": "learned", "num_train_timesteps": 1000, "add_attention": False,
                 "center_input_sample": True, "class_embed_type": "identity", "in_channels": 5, "mid_block_scale_factor": 2}, numbers("input.class", (2, 32))),
    "no-middle": ({**TWO, "mid_block_type": None, "out_channels": 1, "in_channels": 1}, None),
}


def unets():
    times = torch.tensor([17, 801])
    for name, (config, labels) in UNETS.items():
        model, info = build(UNet2DModel, config)
        model = model.double()
        model.time_proj.register_forward_hook(lambda _, __, out: out.double())  # it computes in float32
        x = numbers("input.sample", (2, config.get("in_channels", 3), 8, 16)).double().requires_grad_()
        target = numbers("input.target", (2, config.get("out_channels", 3), 8, 16)).double()
        given = {}
        if labels is not None:
            given["class_labels"] = labels.double().requires_grad_() if labels.is_floating_point() else labels
        out = model(x, times, **given).sample
        loss = ((out - target) ** 2).mean()
        loss.backward()
        tensors = {"sample": x, "timesteps": times, "target": target, "out": out, "loss": loss, "d_sample": x.grad, **given}
        if labels is not None and labels.is_floating_point():
            tensors["d_class_labels"] = given["class_labels"].grad
        save("unet-" + name, {**info, "what": f"UNet2DModel: loss = mean((unet(sample, timesteps, class_labels) - target)^2)", "all_grads": grads(model)}, tensors)


VQ = {"block_out_channels": [8, 8, 16], "down_block_types": ["DownEncoderBlock2D", "DownEncoderBlock2D", "AttnDownEncoderBlock2D"],
      "up_block_types": ["AttnUpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D"], "layers_per_block": 1, "norm_num_groups": 4,
      "latent_channels": 3, "num_vq_embeddings": 40, "vq_embed_dim": 2, "scaling_factor": 0.5}


def vqs():
    model, info = build(VQModel, VQ)
    model = model.double()
    image = numbers("input.image", (1, 3, 16, 24)).double().requires_grad_()
    latents = model.encode(image).latents
    moments_target = numbers("input.latents_target", tuple(latents.shape)).double()
    loss = ((latents - moments_target) ** 2).mean()
    loss.backward()
    tensors = {"images": image, "latents_of_images": latents, "moments_target": moments_target, "encoder.loss": loss, "d_images": image.grad}
    z = (numbers("input.latents", tuple(latents.shape)) * 2).double().requires_grad_()
    images = model.decode(z).sample
    target = numbers("input.images_target", tuple(images.shape)).double()
    loss = ((images - target) ** 2).mean()
    loss.backward()
    quantized, _, (_, _, indices) = model.quantize(z)
    tensors |= {"latents": z, "images_target": target, "decoder.loss": loss, "d_latents": z.grad, "decoded": images, "quantized": quantized,
                "indices": indices.reshape(1, *z.shape[2:]), "unquantized": model.decode(z, force_not_quantize=True).sample,
                "looked_up": model.quantize.get_codebook_entry(indices, (1, *z.shape[2:], 2))}
    save("vq-attention", {**info, "what": "VQModel: encode, quantize, decode, with and without the codebook, and derivatives", "all_grads": grads(model)}, tensors)


LEVELS = {"num_train_timesteps": 1000, "beta_start": 0.0015, "beta_end": 0.0195, "beta_schedule": "scaled_linear", "clip_sample": False}


def super_resolution():
    """diffusers' LDMSuperResolutionPipeline, which reads low.png."""
    unet, u = build(UNet2DModel, {**TWO, "attention_head_dim": 8, "in_channels": 6, "sample_size": 32})
    vq, v = build(VQModel, {**VQ, "vq_embed_dim": None, "scaling_factor": 0.18215})
    pipe = LDMSuperResolutionPipeline(vqvae=vq, unet=unet, scheduler=DDIMScheduler(**LEVELS))
    pipe.set_progress_bar_config(disable=True)
    latents, decode = {}, vq.decode
    vq.decode = lambda x: latents.update(x=x) or decode(x)
    image = Image.open(HERE / "low.png").convert("RGB")
    out = pipe(image, num_inference_steps=5, generator=torch.Generator().manual_seed(7), output_type="pt").images
    save("super-resolution", {"unet": u, "vqvae": v, "scheduler": {"_class_name": "DDIMScheduler", **LEVELS},
                              "what": super_resolution.__doc__, "steps": 5, "seed": 7}, {"final_latents": latents["x"], "image": out})


def run(unet, scheduler, x, steps, predict):
    scheduler.set_timesteps(steps)
    for t in scheduler.timesteps:
        x = scheduler.step(predict(x, t), t, x).prev_sample
    return x


@torch.no_grad()
def loops():
    """Runs of DDIM with a class and the class 4 to lead away from, scale 3, and with two channels beside the pixels."""
    info = {"scheduler": {"_class_name": "DDIMScheduler", **LEVELS}, "what": loops.__doc__, "steps": 5, "seed": 11}
    unet, info["classes"] = build(UNet2DModel, UNETS["guided"][0])
    x = torch.randn(1, 3, 8, 8, generator=torch.Generator().manual_seed(11))

    def guided(x, t):
        none, some = unet(torch.cat([x, x]), t, class_labels=torch.tensor([4, 2])).sample.chunk(2)
        return none + 3 * (some - none)
    tensors = {"class": run(unet, DDIMScheduler(**LEVELS), x, 5, lambda x, t: unet(x, t, class_labels=torch.tensor([2])).sample),
               "guided": run(unet, DDIMScheduler(**LEVELS), x, 5, guided)}
    unet, info["channels"] = build(UNet2DModel, {**TWO, "in_channels": 5})
    more = numbers("input.channels", (1, 2, 8, 8))
    tensors["concatenated"] = run(unet, DDIMScheduler(**LEVELS), x, 5, lambda x, t: unet(torch.cat([x, more], 1), t).sample)
    save("loops", info, {"channels": more, **tensors})


if __name__ == "__main__":
    torch.set_num_threads(1)
    rng = numpy.random.default_rng(5)
    Image.fromarray(rng.integers(0, 256, (40, 70, 3), dtype=numpy.uint8)).resize((70, 40)).save(HERE / "low.png")
    unets()
    vqs()
    super_resolution()
    loops()
