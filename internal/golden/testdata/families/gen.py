"""Writes cases.json.gz and <case>.f32: U-Nets of irregular structures, and what diffusers predicts with them.

python gen.py, with diffusers and torch. Weights and inputs are numbers that follow from the name of the tensor (numbers
below), so that only names, shapes and predictions are stored. Names in the layout of the original code are checked by
diffusers' own conversion where that takes the structure.
"""

import gzip
import json
import pathlib
import zlib

import numpy
import torch
from diffusers import UNet2DConditionModel
from diffusers.loaders.single_file_utils import convert_ldm_unet_checkpoint

HERE = pathlib.Path(__file__).parent
DOWN, UP = "DownBlock2D", "UpBlock2D"
CROSS_DOWN, CROSS_UP = "CrossAttnDownBlock2D", "CrossAttnUpBlock2D"
XL = {"addition_embed_type": "text_time", "addition_time_embed_dim": 8, "projection_class_embeddings_input_dim": 88, "use_linear_projection": True}


def three(**more):
    """Three levels, of which the first has no attention, as SDXL has them."""
    return {
        "block_out_channels": [16, 32, 64], "attention_head_dim": [2, 4, 8], "cross_attention_dim": 48, "norm_num_groups": 8,
        "down_block_types": [DOWN, CROSS_DOWN, CROSS_DOWN], "up_block_types": [CROSS_UP, CROSS_UP, UP], **more,
    }


def all_cross(n, **more):
    return {
        "block_out_channels": [16, 32, 64, 64][:n], "attention_head_dim": 4, "cross_attention_dim": 32, "norm_num_groups": 8,
        "down_block_types": [CROSS_DOWN] * n, "up_block_types": [CROSS_UP] * n, **more,
    }


# base: the model whose other parts stand beside the U-Net in one file, or None for none
CASES = {
    "bk-sdm-small": ("tiny-sd15", {**all_cross(4, layers_per_block=1, mid_block_type=None),
                                   "down_block_types": [CROSS_DOWN] * 3 + [DOWN], "up_block_types": [UP] + [CROSS_UP] * 3}),
    "bk-sdm-tiny": ("tiny-sd15", all_cross(3, layers_per_block=1, mid_block_type=None)),
    "sdxs": ("tiny-sd15", three(layers_per_block=1, mid_block_type=None)),
    "sdxs-0.9": ("tiny-sd21-v", {**all_cross(3, layers_per_block=1, mid_block_type=None, use_linear_projection=True),
                                 "attention_head_dim": [2, 4, 8], "cross_attention_dim": 48, "only_cross_attention": [True, False, False]}),
    "ssd-1b": ("tiny-sdxl", three(**XL, mid_block_type="UNetMidBlock2D", transformer_layers_per_block=[[0, 0], [2, 2], [3, 3]],
                                  reverse_transformer_layers_per_block=[[3, 3, 4], [2, 1, 1], 0])),
    "vega": ("tiny-sdxl", three(**XL, mid_block_type="UNetMidBlock2D", transformer_layers_per_block=[1, 1, 2])),
    "koala-700m": ("tiny-sdxl", three(**XL, layers_per_block=1, mid_block_type=None, transformer_layers_per_block=[1, 2, 3])),
    "koala-1b": ("tiny-sdxl", three(**XL, layers_per_block=1, transformer_layers_per_block=[1, 2, 3])),
    "lcm-xl": ("tiny-sdxl", three(**XL, time_cond_proj_dim=24, transformer_layers_per_block=[1, 1, 2])),
    "pix2pix": ("tiny-sd15", all_cross(2, layers_per_block=2, in_channels=8)),
    "layers-by-level": ("tiny-sd21-v", three(use_linear_projection=True, layers_per_block=[1, 2, 1], transformer_layers_per_block=[1, 1, 2])),
    "one-way": (None, three(layers_per_block=2, transformer_layers_per_block=2, reverse_transformer_layers_per_block=[1, [1, 3, 2], 1])),
    "no-blocks": (None, all_cross(2, layers_per_block=1, transformer_layers_per_block=[0, 1], only_cross_attention=True)),
}

RESNET = {"norm1": "in_layers.0", "conv1": "in_layers.2", "time_emb_proj": "emb_layers.1", "norm2": "out_layers.0", "conv2": "out_layers.3", "conv_shortcut": "skip_connection"}
FIXED = {
    "time_embedding.linear_1": "time_embed.0", "time_embedding.linear_2": "time_embed.2", "time_embedding.cond_proj": "time_embedding.cond_proj",
    "add_embedding.linear_1": "label_emb.0.0", "add_embedding.linear_2": "label_emb.0.2",
    "conv_in": "input_blocks.0.0", "conv_norm_out": "out.0", "conv_out": "out.2",
}


def numbers(name, shape):
    """Numbers of the name: multiples of 2^-10 in [-1, 1), scaled by a power of two."""
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


def original(names, config):
    """What the original code calls the tensors of diffusers."""
    levels = len(config["block_out_channels"])
    layers = config.get("layers_per_block", 2)
    layers = layers if isinstance(layers, list) else [layers] * levels
    places, n = {}, 1
    for i in range(levels):
        for j in range(layers[i]):
            places[f"down_blocks.{i}.resnets.{j}"], places[f"down_blocks.{i}.attentions.{j}"] = f"input_blocks.{n}.0", f"input_blocks.{n}.1"
            n += 1
        places[f"down_blocks.{i}.downsamplers.0.conv"] = f"input_blocks.{n}.0.op"
        n += 1
    n = 0
    for i in range(levels):
        cross = config["up_block_types"][i] == CROSS_UP
        for j in range(layers[levels - 1 - i] + 1):
            places[f"up_blocks.{i}.resnets.{j}"], places[f"up_blocks.{i}.attentions.{j}"] = f"output_blocks.{n}.0", f"output_blocks.{n}.1"
            places[f"up_blocks.{i}.upsamplers.0.conv"] = f"output_blocks.{n}.{2 if cross else 1}.conv"
            n += 1
    for i, part in enumerate(["resnets.0", "attentions.0", "resnets.1"]):
        places[f"mid_block.{part}"] = f"middle_block.{i}"
    places.update(FIXED)
    out = {}
    for name in names:
        at = max((p for p in places if name.startswith(p + ".")), key=len)
        rest = name[len(at) + 1:]
        if ".resnets." in name:
            layer, _, kind = rest.rpartition(".")
            rest = RESNET[layer] + "." + kind
        out[name] = "model.diffusion_model." + places[at] + "." + rest
    return out


def main():
    cases = {}
    for name, (base, config) in CASES.items():
        model = UNet2DConditionModel(**config).eval()
        weights = {k: numbers(k, tuple(v.shape)) for k, v in model.state_dict().items()}
        model.load_state_dict(weights)
        names = original(weights, config) if base else {}
        if base and not isinstance(config.get("layers_per_block", 2), list):
            old = {names[k]: k for k in weights}
            back = convert_ldm_unet_checkpoint(old, dict(model.config))
            missing = {k for k in weights if back.get(k) != k} - {"time_embedding.cond_proj.weight"}
            assert not missing, (name, missing)
        inputs = {"sample": (2, model.config.in_channels, 12, 8), "tokens": (2, 9, config["cross_attention_dim"])}
        kwargs = {}
        if "addition_embed_type" in config:
            inputs |= {"pooled": (2, 40), "ids": (2, 6)}
        if "time_cond_proj_dim" in config:
            inputs["time_cond"] = (2, config["time_cond_proj_dim"])
        x = {k: numbers("input." + k, s) for k, s in inputs.items()}
        if "pooled" in x:
            x["ids"] = x["ids"] * 512 + 512
            kwargs["added_cond_kwargs"] = {"text_embeds": x["pooled"], "time_ids": x["ids"]}
        if "time_cond" in x:
            kwargs["timestep_cond"] = x["time_cond"]
        with torch.no_grad():
            y = model(x["sample"], torch.tensor([700, 31]), encoder_hidden_states=x["tokens"], **kwargs).sample
            double = model.double()
            kwargs = {k: {i: t.double() for i, t in v.items()} if isinstance(v, dict) else v.double() for k, v in kwargs.items()}
            exact = double(x["sample"].double(), torch.tensor([700, 31]), encoder_hidden_states=x["tokens"].double(), **kwargs).sample
        print(f"{name}: {len(weights)} tensors, largest {y.abs().max():.3g}, float32 off by {(y - exact).abs().max() / y.abs().max():.2g} of it")
        y.numpy().astype("<f4").tofile(HERE / f"{name}.f32")
        cases[name] = {
            "config": {"_class_name": "UNet2DConditionModel", **config}, "base": base or "",
            "tensors": {k: {"shape": list(v.shape), "original": names.get(k, "")} for k, v in weights.items()},
        }
    with gzip.GzipFile(HERE / "cases.json.gz", "wb", mtime=0) as f:
        f.write(json.dumps(cases).encode())


main()
