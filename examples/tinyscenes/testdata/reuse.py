"""Writes reuse.safetensors beside itself: what diffusers makes of the demo model with
DeepCache, and one prediction of its U-Net with the tokens merged by tomesd.
pip install torch numpy safetensors diffusers transformers tomesd DeepCache"""
import sys, zlib
from pathlib import Path
import torch, diffusers
from diffusers import StableDiffusionPipeline, DDIMScheduler
from safetensors.torch import save_file
from DeepCache import DeepCacheSDHelper

here = Path(__file__).parent
sys.path.insert(0, str(here / "../../../internal/op/testdata"))
from merge import matching

pipe = StableDiffusionPipeline.from_pretrained(here / "..", safety_checker=None, torch_dtype=torch.float32)
pipe.scheduler = DDIMScheduler.from_config(pipe.scheduler.config, clip_sample=False, set_alpha_to_one=False)
pipe.set_progress_bar_config(disable=True)
call = dict(prompt="a red house on a green hill under a yellow sun", num_inference_steps=10, guidance_scale=2.5, output_type="latent")
tensors = {}

# DeepCache numbers branches as if every level had two layers; this model has one:
# its 0, 1, 3 and 4 are the branches 1 to 4 of sdgo.
for branch, theirs in enumerate((None, 0, 1, 3, 4)):
    helper = DeepCacheSDHelper(pipe=pipe)
    helper.set_params(cache_interval=3, cache_branch_id=theirs or 0)
    if branch:
        helper.enable()
    latents = pipe(generator=torch.Generator().manual_seed(1), **call).images
    tensors[f"deepcache.{branch}"] = latents.contiguous()
    if branch:
        helper.disable()

# Token merging, as tomesd patches a transformer block.
unet = pipe.unet
g = torch.Generator().manual_seed(2)
x, cond, time = torch.randn(1, 4, 18, 15, generator=g), torch.randn(1, 77, 128, generator=g), 500.0
tensors |= {"merge.latents": x, "merge.cond": cond}


def patch(block, name, sizes, ratio):
    salt = zlib.crc32(name.encode())
    state = {}

    def before(module, args, kwargs):
        state["x"] = args[0] if args else kwargs["hidden_states"]

    handle = block.register_forward_pre_hook(before, with_kwargs=True)
    attend = block.attn1.forward

    def forward(hidden, *args, **kwargs):
        size = sizes.get(hidden.shape[1])
        if size is None:
            return attend(hidden, *args, **kwargs)
        merge, unmerge = matching(state["x"], *size, int(ratio * hidden.shape[1]), time, salt)
        return unmerge(attend(merge(hidden), *args, **kwargs))

    block.attn1.forward = forward

    def undo():
        handle.remove()
        block.attn1.forward = attend

    return undo


for levels, ratio, sizes in ((1, 0.5, {270: (18, 15)}), (2, 0.7, {270: (18, 15), 72: (9, 8)})):
    undo = [patch(m, n, sizes, ratio) for n, m in unet.named_modules() if type(m).__name__ == "BasicTransformerBlock"]
    with torch.no_grad():
        tensors[f"merge.{levels}.{ratio}"] = unet(x, time, cond).sample.contiguous()
    for u in undo:
        u()

save_file(tensors, here / "reuse.safetensors", {"torch": torch.__version__, "diffusers": diffusers.__version__, "tomesd": "0.1.3", "DeepCache": "0.1.1"})
