"""Writes runs.json: whole runs of diffusers' pipelines with embeddings that gen.py's rules make, changed over the steps.

runs.py MODELS PROMPTS SD1_CLIP OUT, as gen.py has them.
"""
import json, sys
import torch, diffusers
from diffusers import StableDiffusionPipeline, StableDiffusionXLPipeline, EulerDiscreteScheduler, HeunDiscreteScheduler
from gen import *

def at(ends, texts, position):
    for e, t in zip(ends, texts):
        if position <= e: return t
    return texts[-1]

def run(model, scheduler, steps, cond, uncond, guidance, pooled=None, seed=3):
    """cond, uncond: (ends, [embedding per entry])"""
    cls = StableDiffusionXLPipeline if "sdxl" in model else StableDiffusionPipeline
    kw = {} if "sdxl" in model else {"safety_checker": None, "requires_safety_checker": False}
    p = cls.from_pretrained(M / model, torch_dtype=torch.float32, **kw)
    p.scheduler = scheduler.from_config(p.scheduler.config)
    p.set_progress_bar_config(disable=True)
    pick = lambda n: torch.cat([at(*uncond, n), at(*cond, n)])
    def cb(pipe, i, t, k):
        return {"prompt_embeds": pick(i + 1)}
    extra = {}
    if pooled: extra = {"pooled_prompt_embeds": pooled[0], "negative_pooled_prompt_embeds": pooled[1]}
    r = p(prompt_embeds=at(*cond, 0), negative_prompt_embeds=at(*uncond, 0), num_inference_steps=steps, guidance_scale=guidance, width=64, height=64,
          generator=torch.Generator("cpu").manual_seed(seed), output_type="latent", callback_on_step_end=cb, callback_on_step_end_tensor_inputs=["prompt_embeds"], **extra)
    return r.images, dict(p.scheduler.config)

def pad(stages, a, b):
    e = webui(stages, [[]])[0]
    n = max(x.shape[1] for x in a + b)
    return tuple([torch.cat([x] + [e] * ((n - x.shape[1]) // e.shape[1]), 1) for x in l] for l in (a, b))

def sched_of(entries, stages):
    z, p = webui(stages, [pieces for _, pieces in entries])
    return [e for e, _ in entries], [z[i:i + 1] for i in range(len(z))], p

out = []
def add(name, **k):
    lat, config = k.pop("result")
    out.append({"Name": name, **k, "Latents": [float(f"{v:.8g}") for v in lat.flatten()]})

sd = STAGES["tiny-sd15"]()
# "a [red:blue:0.5] (house:1.3), [cat|dog]" over 6 steps of Euler, and over 8 calls of Heun in 4 steps
def edited(n):
    return [(i, [(f"a {'red' if i <= n // 2 else 'blue'} ", 1.0), ("house", 1.3), (f", {'cat' if i % 2 == 1 else 'dog'}", 1.0)]) for i in range(1, n + 1)]
def negative(n, k):
    return [(k, [("blur", 1.2), (" old", 1.0)]), (n, [("blur", 1.2), (" ", 1.0)])]
for name, cls, steps, n in (("euler", EulerDiscreteScheduler, 6, 6), ("heun", HeunDiscreteScheduler, 4, 8)):
    c, u = sched_of(edited(n), sd), sched_of(negative(n, 2), sd)
    add("edits " + name, Model="tiny-sd15", Sampler=name, Syntax="webui", Steps=steps, Prompt="a [red:blue:0.5] (house:1.3), [cat|dog]", Negative="(blur:1.2) [old::2]",
        result=run("tiny-sd15", cls, steps, c[:2], u[:2], 5))
rng = random.Random(9)
long = ", ".join(" ".join(rng.choice(WORDS) for _ in range(5)) for _ in range(20))
lp = [(long + " ", 1.0), ("boat", 1.4)]
c, u = webui(sd, [lp])[0], webui(sd, [[("grey", 1.0)]])[0]
a, b = pad(sd, [c], [u])
add("long", Model="tiny-sd15", Sampler="euler", Syntax="webui", Steps=3, Prompt=long + " (boat:1.4)", Negative="grey", result=run("tiny-sd15", EulerDiscreteScheduler, 3, ([3], a), ([3], b), 5))
c, u = comfy(sd, long + " (boat:1.4)")[0], comfy(sd, "(grey:0.5)")[0]
add("long comfyui", Model="tiny-sd15", Sampler="euler", Syntax="comfyui", Steps=3, Prompt=long + " (boat:1.4)", Negative="(grey:0.5)",
    result=run("tiny-sd15", EulerDiscreteScheduler, 3, ([3], [c]), ([3], [u.repeat(1, c.shape[1] // u.shape[1], 1)]), 5))
v = STAGES["tiny-sd21-v"]()
c, u = webui(v, [[("a ", 1.0), ("red", 0.6), (" house!", 1.0)]])[0], webui(v, [[("grey", 1.1)]])[0]
add("sd2", Model="tiny-sd21-v", Sampler="euler", Syntax="webui", Steps=3, Prompt="a (red:0.6) house!", Negative="(grey)", result=run("tiny-sd21-v", EulerDiscreteScheduler, 3, ([3], [c]), ([3], [u]), 5))
xl = STAGES["tiny-sdxl"]()
c, pc = webui(xl, [lp])
a, b = pad(xl, [c], [torch.zeros(1, 77, c.shape[2])])
add("sdxl", Model="tiny-sdxl", Sampler="euler", Syntax="webui", Steps=3, Prompt=long + " (boat:1.4)", Negative="", result=run("tiny-sdxl", EulerDiscreteScheduler, 3, ([3], a), ([3], b), 5, (pc, torch.zeros_like(pc))))
c, pc = comfy(xl, "a (red:1.5) house")
u, pu = comfy(xl, "")
add("sdxl comfyui", Model="tiny-sdxl", Sampler="euler", Syntax="comfyui", Steps=3, Prompt="a (red:1.5) house", Negative="", result=run("tiny-sdxl", EulerDiscreteScheduler, 3, ([3], [c]), ([3], [u]), 5, (pc[:1], pu[:1])))
json.dump(out, open(sys.argv[4], "w"))
