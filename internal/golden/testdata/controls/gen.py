"""Writes cases.json.gz, tensors.safetensors, case.json and grad: ControlNets and T2I-Adapters of many structures, what they make of
given inputs, and the final latents of diffusers' pipelines with them.

python gen.py MODELS, with torch, diffusers, transformers and pillow; MODELS has the folders of ../models, complete. Weights and inputs are numbers that
follow from the name of the tensor (../families/gen.py), so that only names, shapes and results are stored. The names in the layout of the original
code are checked by diffusers' own conversion, those of T2I-Adapters against the published files' names.
"""

import gzip, json, pathlib, sys, zlib

import numpy, torch
import diffusers
from diffusers import (
    AutoencoderKL, ControlNetModel, DDIMScheduler, EulerDiscreteScheduler, HeunDiscreteScheduler, MultiAdapter, PNDMScheduler, StableDiffusionAdapterPipeline,
    StableDiffusionControlNetImg2ImgPipeline, StableDiffusionControlNetInpaintPipeline, StableDiffusionControlNetPipeline, StableDiffusionXLAdapterPipeline,
    StableDiffusionXLControlNetImg2ImgPipeline, StableDiffusionXLControlNetPipeline, T2IAdapter, UNet2DConditionModel)
from diffusers.loaders.single_file_utils import convert_controlnet_checkpoint
from diffusers.models.controlnets.multicontrolnet import MultiControlNetModel
from PIL import Image
from safetensors.torch import save_file
from transformers import CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

HERE = pathlib.Path(__file__).parent
MODELS = pathlib.Path(sys.argv[1])
F32 = dict(torch_dtype=torch.float32)
RESNET = {"norm1": "in_layers.0", "conv1": "in_layers.2", "time_emb_proj": "emb_layers.1", "norm2": "out_layers.0", "conv2": "out_layers.3", "conv_shortcut": "skip_connection"}
FIXED = {"time_embedding.linear_1": "time_embed.0", "time_embedding.linear_2": "time_embed.2", "add_embedding.linear_1": "label_emb.0.0",
         "add_embedding.linear_2": "label_emb.0.2", "conv_in": "input_blocks.0.0", "controlnet_mid_block": "middle_block_out.0", "controlnet_cond_embedding.conv_in": "input_hint_block.0"}


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


def filled(m):
    with torch.no_grad():
        for name, p in m.named_parameters():
            p.copy_(numbers(name, tuple(p.shape)))
    return m.eval()


def load(kind, name):
    return kind.from_pretrained(MODELS / name, **F32).eval()


def original_control(m):
    """The names of the original code, by those of diffusers."""
    layers, blocks = m.config.layers_per_block, len(m.controlnet_cond_embedding.blocks)
    out = {}
    for name in m.state_dict():
        module, last = name.rsplit(".", 1)
        p = module.split(".")
        if module in FIXED:
            to = FIXED[module]
        elif p[0] == "controlnet_down_blocks":
            to = f"zero_convs.{p[1]}.0"
        elif p[0] == "controlnet_cond_embedding":
            to = f"input_hint_block.{2 * blocks + 2 if p[1] == 'conv_out' else 2 * int(p[2]) + 2}"
        elif p[0] == "mid_block":
            to = f"middle_block.{2 * int(p[2]) + (p[1] == 'attentions')}." + ".".join([RESNET[p[3]]] if p[1] == "resnets" else p[3:])
        else:
            level, kind, i = int(p[1]), p[2], int(p[3])
            at = (layers + 1) * level + 1 + (layers if kind == "downsamplers" else i)
            to = f"input_blocks.{at}." + {"resnets": "0." + RESNET.get(p[4], ""), "attentions": "1." + ".".join(p[4:]), "downsamplers": "0.op"}[kind]
        out[name] = f"{to}.{last}"
    back = convert_controlnet_checkpoint({v: torch.zeros(1) for v in out.values()}, m.config)
    extra = {k for k in out if k.startswith("add_embedding")}  # which that conversion does not know
    assert set(back) == set(out) - extra, set(back) ^ set(out)
    return out


def original_t2i(m):
    """Those of the published files: residual blocks of all levels in one row."""
    row, out = m.config.num_res_blocks, {}
    for name in m.state_dict():
        p = name.split(".")[1:]
        if p[0] == "body" and m.config.adapter_type == "light_adapter":
            p = [{"resnets": "body"}.get(x, x) for x in p]
        elif p[0] == "body":
            level = int(p[1])
            p = ["body", str(level * row + int(p[3]))] + p[4:] if p[2] == "resnets" else ["body", str(level * row)] + p[2:]
        out[name] = ".".join(p)
    return out


NETS = {
    "sd15": lambda: ControlNetModel.from_unet(load(UNet2DConditionModel, "tiny-sd15/unet"), conditioning_embedding_out_channels=(8, 8, 16, 16)),
    "sd21": lambda: ControlNetModel.from_unet(load(UNet2DConditionModel, "tiny-sd21-v/unet"), conditioning_embedding_out_channels=(8, 8, 8, 16)),
    "sdxl": lambda: ControlNetModel.from_unet(load(UNet2DConditionModel, "tiny-sdxl/unet"), conditioning_embedding_out_channels=(8, 8, 8, 16)),
    "sdxl-small": lambda: ControlNetModel(block_out_channels=(16, 32), down_block_types=("DownBlock2D",) * 2, mid_block_type="UNetMidBlock2D", layers_per_block=1, norm_num_groups=8,
                                          cross_attention_dim=80, attention_head_dim=(2, 4), addition_embed_type="text_time", addition_time_embed_dim=8,
                                          projection_class_embeddings_input_dim=88, conditioning_embedding_out_channels=(8, 8, 8, 8)),
    "pooled": lambda: ControlNetModel.from_unet(load(UNet2DConditionModel, "tiny-sd15/unet"), conditioning_embedding_out_channels=(8, 8, 8, 8), controlnet_conditioning_channel_order="bgr"),
    "t2i-full": lambda: T2IAdapter(channels=[16, 32]),
    "t2i-gray": lambda: T2IAdapter(in_channels=1, channels=[32, 32, 32, 64], num_res_blocks=1),
    "t2i-light": lambda: T2IAdapter(channels=[8, 16, 32], num_res_blocks=2, adapter_type="light_adapter"),
    "t2i-xl": lambda: T2IAdapter(channels=[16, 32, 32], downscale_factor=16, adapter_type="full_adapter_xl"),
    "t2i-xl2": lambda: T2IAdapter(channels=[16, 32], downscale_factor=16, adapter_type="full_adapter_xl"),
}
SIZES = {"t2i-full": (24, 40), "t2i-gray": (40, 24), "t2i-light": (40, 56), "t2i-xl": (48, 32), "t2i-xl2": (32, 32)}
cases, results, nets = {}, {}, {}
for name, make in NETS.items():
    m = filled(make())
    if name == "pooled":
        m.register_to_config(global_pool_conditions=True)
    nets[name] = m
    control = not name.startswith("t2i")
    original = original_control(m) if control else original_t2i(m)
    config = {k: v for k, v in m.config.items() if not k.startswith("_")}
    config["_class_name"] = type(m).__name__
    cases[name] = {"config": config, "tensors": {k: {"shape": list(v.shape), "original": original[k]} for k, v in m.state_dict().items()}}
    with torch.no_grad():
        if control:
            width = m.config.cross_attention_dim
            more = {}
            if m.config.addition_embed_type:
                more = {"added_cond_kwargs": {"text_embeds": numbers("input.pooled", (2, 40)), "time_ids": 512 + 512 * numbers("input.ids", (2, 6))}}
            image = (numbers("input.image", (2, 3, 40, 24)) + 1) / 2
            for kind, kw in {"plain": dict(conditioning_scale=1.0), "guess": dict(conditioning_scale=0.7, guess_mode=True)}.items():
                down, mid = m(numbers("input.sample", (2, 4, 5, 3)), torch.tensor([321, 17]), encoder_hidden_states=numbers("input.tokens", (2, 7, width)),
                              controlnet_cond=image, return_dict=False, **kw, **more)
                for i, x in enumerate([*down, mid]):
                    results[f"{name}.{kind}.{i}"] = x.clone()
        else:
            for i, x in enumerate(m((numbers("input.image", (1, m.config.in_channels, *SIZES[name])) + 1) / 2)):
                results[f"{name}.{i}"] = x.clone()

# U-Nets with features at levels and in the middle
for model, shapes, more in [("tiny-sd15", [(1, 16, 8, 8), (1, 32, 4, 4)], {}), ("tiny-sdxl", [(1, 16, 4, 4), (1, 32, 4, 4), (1, 32, 4, 4)], {
        "added_cond_kwargs": {"text_embeds": numbers("input.pooled", (1, 40)), "time_ids": 512 + 512 * numbers("input.ids", (1, 6))}})]:
    u = load(UNet2DConditionModel, model + "/unet")
    for n in range(1, len(shapes) + 1):
        with torch.no_grad():
            results[f"{model}.features{n}"] = u(numbers("input.sample", (1, 4, 8, 8)), 321, encoder_hidden_states=numbers("input.tokens", (1, 7, u.config.cross_attention_dim)),
                down_intrablock_additional_residuals=[numbers(f"input.feature{i}", s) for i, s in enumerate(shapes[:n])], **more).sample

image, mask = Image.open(HERE.parent / "pipelines/input.png").convert("RGB"), Image.open(HERE.parent / "pipelines/mask.png").convert("L")
turned = image.transpose(Image.Transpose.ROTATE_90).crop((3, 0, 53, 60))
DDIM = dict(num_train_timesteps=1000, beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False, set_alpha_to_one=False, steps_offset=1)
BETAS = dict(num_train_timesteps=1000, beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", steps_offset=1)
tiny = load(ControlNetModel, "tiny-controlnet")


def text_encoder(kind, path):
    return kind.from_pretrained(MODELS / path, dtype=torch.float32).eval()


def parts(model, unet=None):
    plain = dict(text_encoder=text_encoder(CLIPTextModel, f"{model}/text_encoder"), tokenizer=CLIPTokenizer.from_pretrained(MODELS / model / "tokenizer"),
                 vae=load(AutoencoderKL, f"{model}/vae"), unet=load(UNet2DConditionModel, f"{unet or model}/unet"))
    if model == "tiny-sdxl":
        return dict(plain, text_encoder_2=text_encoder(CLIPTextModelWithProjection, f"{model}/text_encoder_2"), tokenizer_2=CLIPTokenizer.from_pretrained(MODELS / model / "tokenizer_2"),
                    force_zeros_for_empty_prompt=True, add_watermarker=False)
    return dict(plain, safety_checker=None, feature_extractor=None, requires_safety_checker=False)


def run(name, pipeline, model, scheduler, call, unet=None, **more):
    made = parts(model, unet)
    if pipeline is StableDiffusionXLAdapterPipeline:
        del made["add_watermarker"]
    p = pipeline(**made, scheduler=scheduler, **more)
    p.set_progress_bar_config(disable=True)
    with torch.no_grad():
        out = p(prompt="a photo of a cat", generator=torch.Generator("cpu").manual_seed(4242), output_type="latent", **call).images
    assert torch.isfinite(out).all(), name
    results["run." + name] = out.float().contiguous()
    print(name, list(out.shape), float(out.abs().max()))


def masked_image():
    x = numpy.array(image).astype(numpy.float32) / 255
    x[numpy.array(mask).astype(numpy.float32) / 255 > 0.5] = -1
    return torch.from_numpy(x[None].transpose(0, 3, 1, 2).copy())


two = MultiControlNetModel([tiny, nets["sd15"]])
ddim = lambda: DDIMScheduler(**DDIM)
size = dict(width=64, height=64)
CN, XL = StableDiffusionControlNetPipeline, StableDiffusionXLControlNetPipeline
run("multi", CN, "tiny-sd15", ddim(), dict(image=[image, turned], num_inference_steps=6, controlnet_conditioning_scale=[0.8, -0.5], control_guidance_start=[0.0, 0.3], control_guidance_end=[0.7, 1.0], **size), controlnet=two)
run("multi guess", CN, "tiny-sd15", ddim(), dict(image=[image, turned], num_inference_steps=4, controlnet_conditioning_scale=[0.8, 0.4], guess_mode=True, guidance_scale=4.0, **size), controlnet=two)
run("unguided guess", CN, "tiny-sd15", ddim(), dict(image=image, num_inference_steps=3, guess_mode=True, guidance_scale=1.0, **size), controlnet=tiny)
run("resized", CN, "tiny-sd15", ddim(), dict(image=turned, num_inference_steps=3, **size), controlnet=nets["sd15"])
run("its own size", CN, "tiny-sd15", ddim(), dict(image=turned, num_inference_steps=2), controlnet=nets["sd15"])
run("heun", CN, "tiny-sd15", HeunDiscreteScheduler(**BETAS), dict(image=image, num_inference_steps=5, control_guidance_start=0.2, control_guidance_end=0.7, **size), controlnet=tiny)
run("pndm", CN, "tiny-sd15", PNDMScheduler(**BETAS, skip_prk_steps=True, set_alpha_to_one=False), dict(image=image, num_inference_steps=8, control_guidance_start=0.2, control_guidance_end=0.6, **size), controlnet=tiny)
run("pooled", CN, "tiny-sd15", ddim(), dict(image=image, num_inference_steps=4, **size), controlnet=nets["pooled"])
run("img2img", StableDiffusionControlNetImg2ImgPipeline, "tiny-sd15", ddim(), dict(image=image, control_image=turned, num_inference_steps=10, strength=0.6, control_guidance_start=0.2, control_guidance_end=0.8, **size), controlnet=tiny)
run("inpaint", StableDiffusionControlNetInpaintPipeline, "tiny-sd15", ddim(), dict(image=image, mask_image=mask, control_image=masked_image(), num_inference_steps=6, strength=1.0, **size), controlnet=tiny)
run("inpaint9", StableDiffusionControlNetInpaintPipeline, "tiny-sd15", ddim(), dict(image=image, mask_image=mask, control_image=image, num_inference_steps=6, strength=0.75, **size), unet="tiny-inpaint", controlnet=tiny)
run("sd21", CN, "tiny-sd21-v", DDIMScheduler(**DDIM, prediction_type="v_prediction"), dict(image=image, num_inference_steps=4, controlnet_conditioning_scale=0.6, **size), controlnet=nets["sd21"])
run("sdxl", XL, "tiny-sdxl", EulerDiscreteScheduler(**BETAS), dict(image=image, num_inference_steps=5, controlnet_conditioning_scale=0.7, control_guidance_end=0.8, **size), controlnet=nets["sdxl"])
run("sdxl guess", XL, "tiny-sdxl", EulerDiscreteScheduler(**BETAS), dict(image=image, num_inference_steps=4, guess_mode=True, guidance_scale=3.0, **size), controlnet=nets["sdxl"])
run("sdxl small", XL, "tiny-sdxl", EulerDiscreteScheduler(**BETAS), dict(image=image, num_inference_steps=3, **size), controlnet=nets["sdxl-small"])
run("sdxl img2img", StableDiffusionXLControlNetImg2ImgPipeline, "tiny-sdxl", EulerDiscreteScheduler(**BETAS), dict(image=image, control_image=turned, num_inference_steps=8, strength=0.6, controlnet_conditioning_scale=0.5, **size), controlnet=nets["sdxl"])
T2I, T2IXL = StableDiffusionAdapterPipeline, StableDiffusionXLAdapterPipeline
run("t2i", T2I, "tiny-sd15", ddim(), dict(image=turned, num_inference_steps=5, adapter_conditioning_scale=0.7, **size), adapter=nets["t2i-full"])
run("t2i multi", T2I, "tiny-sd15", ddim(), dict(image=[image, turned], num_inference_steps=3, adapter_conditioning_scale=[0.7, 0.4], **size), adapter=MultiAdapter([nets["t2i-full"], filled(T2IAdapter(channels=[16, 32]))]))
run("t2i gray", T2I, "tiny-sd15-4blk", ddim(), dict(image=image.convert("L").resize((128, 128), Image.Resampling.LANCZOS), num_inference_steps=2, width=128, height=128), adapter=nets["t2i-gray"])
run("t2i xl", T2IXL, "tiny-sdxl", EulerDiscreteScheduler(**BETAS), dict(image=image, num_inference_steps=5, adapter_conditioning_scale=0.6, adapter_conditioning_factor=0.7, **size), adapter=nets["t2i-xl2"])

with gzip.GzipFile(HERE / "cases.json.gz", "wb", mtime=0) as f:
    f.write(json.dumps(cases, indent=0).encode())
save_file({k: v.float().contiguous() for k, v in results.items()}, HERE / "tensors.safetensors")
(HERE / "case.json").write_text(json.dumps({"what": "see gen.py", "versions": {"torch": torch.__version__, "diffusers": diffusers.__version__}}, indent=1) + "\n")

# Derivatives, in float64.
m = nets["sd15"].double()
names = {"sample": (2, 4, 4, 4), "image": (2, 3, 32, 32), "encoder_hidden_states": (2, 9, 32)}
inputs = {k: numbers("input." + k, s).double().requires_grad_() for k, s in names.items()}
times = torch.tensor([17, 801])
down, mid = m(inputs["sample"], times, encoder_hidden_states=inputs["encoder_hidden_states"], controlnet_cond=inputs["image"], return_dict=False)
targets = {f"target{i}": numbers(f"input.target{i}", tuple(x.shape)).double() for i, x in enumerate([*down, mid])}
loss = sum(((x - t) ** 2).mean() for x, t in zip([*down, mid], targets.values()))
loss.backward()
folder = HERE / "grad"
folder.mkdir(exist_ok=True)
tensors = {**inputs, "timesteps": times, **targets, "loss": loss, **{"d_" + k: v.grad for k, v in inputs.items()}}
tensors = {k: v.detach().float().contiguous() if v.is_floating_point() else v.int() for k, v in tensors.items()}
info = {"what": "the ControlNet sd15 of controls: loss = sum of mean((residual - target)^2); d_<name> are the derivatives, all_grads [l2 norm, sum] of those by every parameter",
        "all_grads": {n: [float(p.grad.norm()), float(p.grad.sum())] for n, p in m.named_parameters()}}
(folder / "case.json").write_text(json.dumps(info, separators=(",", ":")).replace('],"', '],\n"') + "\n")
save_file(tensors, folder / "tensors.safetensors")
