"""Writes adapters of every kind for the U-Net of tiny-sd15, and what LyCORIS and PEFT make
of its weights with them: KIND.safetensors and KIND.want.safetensors.

    python gen.py FOLDER_OF_tiny-sd15

Versions: lycoris-lora, peft, diffusers, torch as in the metadata of the files.
"""
import importlib.metadata
import json
import os
import sys

import torch
from diffusers import UNet2DConditionModel
from lycoris.modules.diag_oft import DiagOFTModule
from lycoris.modules.full import FullModule
from lycoris.modules.ia3 import IA3Module
from lycoris.modules.locon import LoConModule
from lycoris.modules.loha import LohaModule
from lycoris.modules.lokr import LokrModule
from lycoris.modules.norms import NormModule
from peft import LoraConfig, get_peft_model_state_dict, inject_adapter_in_model
from safetensors.torch import save_file

here = os.path.dirname(os.path.abspath(__file__))
unet = UNet2DConditionModel.from_pretrained(sys.argv[1], subfolder="unet").float()
modules = dict(unet.named_modules())
versions = json.dumps({p: importlib.metadata.version(p) for p in ("torch", "diffusers", "peft", "lycoris-lora")})

LINEAR = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q"
OUT = "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_out.0"
CONV = "down_blocks.0.resnets.0.conv1"
ONE = "down_blocks.1.resnets.0.conv_shortcut"
LAYERS = [LINEAR, OUT, CONV, ONE]


def fill(module, seed):
    g = torch.Generator().manual_seed(seed)
    for name, p in module.named_parameters():
        if "dora_scale" in name:
            p.data *= 1 + 0.1 * torch.randn(p.shape, generator=g)
        elif p.dim() > 0:
            p.data = 0.2 * torch.randn(p.shape, generator=g)
        else:
            p.data = torch.tensor(0.7)


def write(name, tensors, want, metadata=None):
    save_file({k: v.detach().contiguous().clone() for k, v in tensors.items()}, f"{here}/{name}.safetensors", {**(metadata or {}), "versions": versions})
    save_file({k: v.detach().contiguous().clone() for k, v in want.items()}, f"{here}/{name}.want.safetensors", {"versions": versions})


def lycoris(name, make, layers=LAYERS, prefix="lora_unet_"):
    tensors, want = {}, {}
    for i, layer in enumerate(layers):
        base = modules[layer]
        m = make(prefix + layer.replace(".", "_"), base)
        fill(m, 17 * i + 3)
        if isinstance(m, (LohaModule, LokrModule)):  # what forward adds; get_merged_weight scales twice
            merged, bias = base.weight + m.get_weight(base.weight.shape), None
        else:
            merged, bias = m.get_merged_weight(1)
        want[layer + ".weight"] = merged.reshape(base.weight.shape)
        if bias is not None:
            want[layer + ".bias"] = bias
        if isinstance(m, FullModule):  # which is not applied: its weight is the change
            state = {"diff": m.weight} | ({} if m.bias is None else {"diff_b": m.bias})
        else:
            state = m.custom_state_dict() or m.state_dict()
        for key, value in state.items():
            tensors[f"{m.lora_name}.{key}"] = value
    write(name, tensors, want)


lycoris("lora-tucker", lambda n, b: LoConModule(n, b, 1, 4, 2, use_tucker=True))
lycoris("lora-dora-out", lambda n, b: LoConModule(n, b, 1, 4, 2, weight_decompose=True, wd_on_out=True))
lycoris("lora-dora-in", lambda n, b: LoConModule(n, b, 1, 4, 2, weight_decompose=True, wd_on_out=False), prefix="lycoris_")
lycoris("loha", lambda n, b: LohaModule(n, b, 1, 3, 1.5))
lycoris("loha-tucker", lambda n, b: LohaModule(n, b, 1, 3, 1.5, use_tucker=True))
lycoris("lokr", lambda n, b: LokrModule(n, b, 1, 1, 0.5, factor=4))
lycoris("lokr-both", lambda n, b: LokrModule(n, b, 1, 1, 0.5, factor=4, decompose_both=True, use_tucker=True))
lycoris("lokr-full", lambda n, b: LokrModule(n, b, 1, 1000, 1, factor=2, full_matrix=True))
lycoris("full", lambda n, b: FullModule(n, b, 1), layers=[LINEAR, OUT, CONV])
lycoris("oft", lambda n, b: DiagOFTModule(n, b, 1, lora_dim=4, constraint=0))
lycoris("oft-rescaled", lambda n, b: DiagOFTModule(n, b, 1, lora_dim=4, constraint=0.01, rescaled=True))
lycoris("ia3", lambda n, b: IA3Module(n, b, 1))
lycoris("ia3-input", lambda n, b: IA3Module(n, b, 1, train_on_input=True))
lycoris("norms", lambda n, b: NormModule(n, b, 1), layers=["down_blocks.0.resnets.0.norm1", "mid_block.attentions.0.transformer_blocks.0.norm2", "conv_norm_out"])


def peft(name, weight, **config):
    """PEFT's weights at a weight of the adapter: what merging leaves."""
    model = UNet2DConditionModel.from_pretrained(sys.argv[1], subfolder="unet").float()
    config = LoraConfig(target_modules=LAYERS, **config)
    inject_adapter_in_model(config, model, "default")
    g = torch.Generator().manual_seed(5)
    for key, p in model.named_parameters():
        if "lora_magnitude_vector" in key:
            p.data *= 1 + 0.1 * torch.randn(p.shape, generator=g)
        elif "lora_" in key:
            p.data = 0.2 * torch.randn(p.shape, generator=g)
    tensors = {"unet." + k: v for k, v in get_peft_model_state_dict(model).items()}
    want = {}
    for layer in LAYERS:
        m = model.get_submodule(layer)
        m.scale_layer(weight)
        m.merge()
        want[layer + ".weight"] = m.get_base_layer().weight
    settings = config.to_dict()
    settings = {"unet." + k: sorted(v) if isinstance(v, set) else v for k, v in settings.items() if v is None or isinstance(v, (int, float, str, bool, dict, set, list))}
    write(name, tensors, want, {"lora_adapter_metadata": json.dumps(settings, indent=2, sort_keys=True)})


peft("peft-dora", 1.0, r=4, lora_alpha=8, use_dora=True)
peft("peft-dora-0.6", 0.6, r=4, lora_alpha=8, use_dora=True)
peft("peft-rslora", 0.6, r=4, lora_alpha=6, use_rslora=True, alpha_pattern={"attn1.to_q": 3, "conv1": 5}, rank_pattern={"conv1": 2})
