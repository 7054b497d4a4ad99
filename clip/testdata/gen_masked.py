"""Writes masked.safetensors beside itself: what CLIPTextModel of transformers makes of texts
with an attention_mask that hides their padding. pip install torch transformers safetensors"""
from pathlib import Path
import torch, transformers
from safetensors.torch import save_file
from transformers import CLIPTextModel

here = Path(__file__).parent
model = CLIPTextModel.from_pretrained(here / "../../internal/golden/testdata/models/tiny-sd15/text_encoder", dtype=torch.float32)
g = torch.Generator().manual_seed(3)
ids = torch.full((4, 77), 999)
mask = torch.zeros(4, 77, dtype=torch.long)
for i, n in enumerate((2, 10, 76, 77)):
    ids[i, 0] = 998
    ids[i, 1:n - 1] = torch.randint(0, 998, (n - 2,), generator=g)
    mask[i, :n] = 1
with torch.no_grad():
    out = model(ids, attention_mask=mask, output_hidden_states=True)
    skip1 = model.final_layer_norm(out.hidden_states[-2])
save_file({"ids": ids, "mask": mask, "tokens": out.last_hidden_state, "pooled": out.pooler_output, "skip1": skip1.contiguous()},
          here / "masked.safetensors", metadata={"transformers": transformers.__version__, "torch": torch.__version__})
