"""Writes merge.safetensors beside itself: tokens of two images that tomesd merges and
hands out again. pip install torch numpy safetensors tomesd

The destination of each cell of 2x2 is the one that sdgo hashes, in the place of a
random one."""
from pathlib import Path
import numpy as np, torch, tomesd
from safetensors.torch import save_file
from tomesd.merge import bipartite_soft_matching_random2d


def hash3(*values):
    h = 0
    for v in values:
        h ^= v
        h ^= h >> 16
        h = h * 0x85EBCA6B & 0xFFFFFFFF
        h ^= h >> 13
        h = h * 0xC2B2AE35 & 0xFFFFFFFF
        h ^= h >> 16
    return h


def destinations(time, salt, cells):
    bits = int(np.float32(time).view(np.uint32))
    return torch.tensor([hash3(bits, i, salt) & 3 for i in range(cells)])


def matching(metric, h, w, r, time, salt):
    """bipartite_soft_matching_random2d with the destinations of sdgo."""
    randint = torch.randint
    torch.randint = lambda *a, size, **k: destinations(time, salt, size[0] * size[1]).reshape(size)
    try:
        return bipartite_soft_matching_random2d(metric, w, h, 2, 2, r, generator=torch.Generator())[:2]
    finally:
        torch.randint = randint


if __name__ == "__main__":
    g = torch.Generator().manual_seed(5)
    tensors = {}
    for h, w, r in ((6, 8, 20), (7, 5, 13), (2, 2, 3), (9, 9, 65)):
        x = torch.randn(2, h * w, 20, generator=g)
        times = [981.0, 1.0]
        out = []
        for image, time in zip(x, times):  # one by one: their times differ
            merge, unmerge = matching(image[None], h, w, r, time, 77)
            out.append(unmerge(merge(image[None] * 2 + 1)))
        tensors[f"{h}.{w}.{r}.x"], tensors[f"{h}.{w}.{r}.out"] = x, torch.cat(out).contiguous()
    save_file(tensors, Path(__file__).parent / "merge.safetensors",
              {"torch": torch.__version__, "tomesd": "0.1.3", "what": "out = unmerge(merge(2 x + 1)); times 981, 1; salt 77"})
