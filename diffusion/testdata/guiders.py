"""Writes beside itself guiders.json: what diffusers' guiders make of two predictions [1 4 4 4],
and torch's quantile of one, which is what DDPMScheduler._threshold_sample clips at.
pip install torch diffusers"""
import json
from pathlib import Path
import diffusers
import torch
from diffusers import DDPMScheduler
from diffusers.guiders import AdaptiveProjectedGuidance, ClassifierFreeZeroStarGuidance

torch.manual_seed(12)
calls = [(torch.randn(1, 4, 4, 4), torch.randn(1, 4, 4, 4)) for _ in range(3)]
calls = [(cond, 0.6 * cond + 0.5 * uncond) for cond, uncond in calls]


def run(guider):
    out = []
    for step, (cond, uncond) in enumerate(calls):
        guider.set_state(step=step, num_inference_steps=len(calls), timestep=torch.tensor(step))
        data = guider.prepare_inputs({"x": (cond, uncond)})
        for one in data:
            one.noise_pred = one.x
        out.append(guider(data)[0].flatten().tolist())
    return out


def projected(scale, eta, norm, momentum):
    # with the conditional prediction as the base, the scale is that of the paper less one
    return run(AdaptiveProjectedGuidance(scale - 1, momentum or None, norm, None, eta, use_original_formulation=True))


settings = [(6.0, 0.0, 2.5, -0.5), (6.0, 0.25, 2.5, 0.0), (3.0, 0.5, 0.0, -0.75), (7.5, 1.0, 0.0, 0.0)]
stars = [(6.0, 0), (3.0, 1), (1.5, 2)]
shares = [(6.0, 0.7), (2.0, 1.0), (9.0, 0.0)]
thresholds = [(0.995, 1.0), (0.9, 1.5), (0.5, 0.25), (1.0, 9.0)]


def threshold(x, ratio, bound):
    # _threshold_sample has a bound of one
    s = DDPMScheduler(thresholding=True, dynamic_thresholding_ratio=ratio, sample_max_value=1e9)
    return (bound * s._threshold_sample(x / bound)).flatten().tolist()


wide = 3 * calls[0][0]
result = dict(
    versions=dict(torch=torch.__version__, diffusers=diffusers.__version__),
    calls=[dict(cond=c.flatten().tolist(), uncond=u.flatten().tolist()) for c, u in calls],
    projected=[dict(guider=dict(Scale=s, Parallel=e, Norm=n, Momentum=m), want=projected(s, e, n, m)) for s, e, n, m in settings],
    zero_star=[dict(guider=dict(Scale=s, ZeroSteps=z), want=run(ClassifierFreeZeroStarGuidance(s, z))) for s, z in stars],
    rescaled=[dict(scale=s, share=r, want=run(ClassifierFreeZeroStarGuidance(s, 0, r))) for s, r in shares],
    wide=wide.flatten().tolist(),
    thresholded=[dict(guider=dict(Percentile=q, Bound=b), want=threshold(wide, q, b)) for q, b in thresholds],
)
text = json.dumps(result)
(Path(__file__).parent / "guiders.json").write_text(json.dumps(json.loads(text, parse_float=lambda x: float(f"{float(x):.9g}"))))
