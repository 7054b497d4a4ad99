"""Writes beside itself depth.json: random maps and what torch.nn.functional.interpolate
makes of them in another size with mode "bicubic". pip install torch"""
import json
from pathlib import Path
import torch

g = torch.Generator().manual_seed(3)
cases = []
for size, to in (((5, 7), (8, 8)), ((13, 20), (5, 7)), ((1, 3), (4, 4)), ((8, 8), (8, 8)), ((2, 40), (3, 3))):
    x = torch.rand(1, 1, *size, generator=g)
    y = torch.nn.functional.interpolate(x, size=to, mode="bicubic", align_corners=False)
    cases.append(dict(size=size, to=to, input=x.flatten().tolist(), output=y.flatten().tolist()))
(Path(__file__).parent / "depth.json").write_text(json.dumps(dict(versions=dict(torch=torch.__version__), cases=cases)))
