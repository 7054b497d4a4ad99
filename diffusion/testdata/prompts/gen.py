"""Writes embeddings.json.gz: WebUI's rules in torch, ComfyUI's own code, and compel.

gen.py MODELS PROMPTS SD1_CLIP OUT: the folder of the models, package prompt's prompts.json, ComfyUI's comfy/sd1_clip.py.
"""
import ast, gzip, json, random, re, sys, logging
from pathlib import Path
import torch, transformers
from transformers import CLIPTokenizer, CLIPTextModel, CLIPTextModelWithProjection
import compel
from compel.embeddings_provider import EmbeddingsProvider
M, PROMPTS, SD1_CLIP = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
torch.set_grad_enabled(False); torch.set_num_threads(1)

# ComfyUI's own functions
source = open(SD1_CLIP).read()
keep = {"gen_empty_tokens", "ClipTokenWeightEncoder", "parse_parentheses", "token_weights", "escape_important", "unescape_important", "SDTokenizer"}
nodes = [n for n in ast.parse(source).body if getattr(n, "name", None) in keep]
class model_management:
    intermediate_device = staticmethod(lambda: "cpu")
space = dict(torch=torch, logging=logging, re=re, os=__import__("os"), CLIPTokenizer=CLIPTokenizer, model_management=model_management)
exec(compile(ast.Module(nodes, []), "sd1_clip", "exec"), space)

class Stage:
    def __init__(self, model, sub="", projected=False, penultimate=False):
        self.dir = M / model / ("tokenizer" + sub)
        self.tok = CLIPTokenizer.from_pretrained(self.dir)
        cls = CLIPTextModelWithProjection if projected else CLIPTextModel
        self.enc = cls.from_pretrained(M / model / ("text_encoder" + sub), torch_dtype=torch.float32).eval()
        self.penultimate, self.projected = penultimate, projected
        self.bos, self.eos, self.pad = self.tok.bos_token_id, self.tok.eos_token_id, self.tok.pad_token_id
        self.skip, self.cat = 0, None
        self.comma = self.tok(",", add_special_tokens=False)["input_ids"][0]
        self.vectors = {}
    def ids(self, text):
        out = []
        for part in re.split("(<cat>)", text) if self.cat else [text]:
            out += self.cat if part == "<cat>" else self.tok(part, add_special_tokens=False)["input_ids"]
        return out
    def encode(self, rows):
        o = self.enc(input_ids=torch.tensor(rows), output_hidden_states=True)
        text = self.enc.text_model if hasattr(self.enc, "text_model") else self.enc
        if self.penultimate: z = o.hidden_states[-2 - self.skip]
        elif self.skip: z = text.final_layer_norm(o.hidden_states[-1 - self.skip])
        else: z = o.last_hidden_state
        return z.clone(), (o.text_embeds if self.projected else None)
    def invert(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        e = self.enc.get_input_embeddings()
        v = e.weight.shape[0]
        w = torch.round(torch.randn((n, e.weight.shape[1]), generator=g) * 0.02 * 1024) / 1024
        self.enc.resize_token_embeddings(v + n)
        self.enc.get_input_embeddings().weight[v:] = w
        self.cat = list(range(v, v + n))
        return w

# WebUI's rules; AMP is how much rounding grows where a mean is near zero
AMP = [0.0]
MOST = 300
LENGTH, BACK = 75, 20
def chunks(stage, pieces):
    done, ids, mults, comma = [], [], [], -1
    def end(n=None):
        nonlocal ids, mults, comma
        n = len(ids) if n is None else n
        a, b = ids[:n], mults[:n]
        more = LENGTH - len(a)
        row, weights = [stage.bos] + a + [stage.eos] * (more + 1), [1.0] + b + [1.0] * (more + 1)
        if stage.eos != stage.pad:
            i = row.index(stage.eos)
            row[i + 1:] = [stage.pad] * (len(row) - i - 1)
        done.append((row, weights))
        ids, mults, comma = ids[n:], mults[n:], -1
    for text, w in pieces:
        if text == "BREAK" and w == -1:
            end(); continue
        todo = stage.ids(text)
        while todo:
            if todo[0] == stage.comma: comma = len(ids)
            elif len(ids) == LENGTH and comma != -1 and len(ids) - comma <= BACK: end(comma + 1)
            if len(ids) == LENGTH: end()
            n = len(stage.cat) if stage.cat and todo[0] == stage.cat[0] else 1
            if len(ids) + n > LENGTH: end()
            ids += todo[:n]; mults += [w] * n; todo = todo[n:]
    if ids or not done: end()
    return done
def empty(stage): return chunks(stage, [])[0]
def webui(stages, batch):
    """batch: the pieces of each text of a schedule -> [texts, T, D], pooled of chunk 0"""
    all_chunks = [[chunks(s, pieces) for pieces in batch] for s in stages]
    most = max(len(c) for per in all_chunks for c in per)
    outs, pooled = [], None
    for s, per in zip(stages, all_chunks):
        zs = []
        for i in range(most):
            col = [c[i] if i < len(c) else empty(s) for c in per]
            z, p = s.encode([row for row, _ in col])
            if i == 0: pooled = p
            w = torch.tensor([x for _, x in col], dtype=torch.float64)
            z = z.double()
            original = z.mean()
            z = z * w[..., None]
            if (w != 1).any():
                AMP[0] = max(AMP[0], (z.abs().mean() / z.mean().abs()).item())
            z = z * (original / z.mean())
            zs.append(z.float())
        outs.append(torch.hstack(zs))
    return torch.cat(outs, -1), pooled
def webui_parts(stages, parts):
    made = [webui(stages, [e for e in part]) for part in parts]
    longest = max(z.shape[1] for z, _ in made)
    out = []
    for z, p in made:
        if z.shape[1] < longest: z = torch.cat([z, z[:, -1:].expand(-1, longest - z.shape[1], -1)], 1)
        out.append((z, p))
    return out

# ComfyUI
class Comfy(space["ClipTokenWeightEncoder"]):
    def __init__(self, stage):
        self.stage = stage
        self.special_tokens = {"start": stage.bos, "end": stage.eos, "pad": stage.pad}
        self.tokenizer = space["SDTokenizer"](tokenizer_path=str(stage.dir), pad_with_end=stage.eos == stage.pad)
    def encode(self, rows): return self.stage.encode(rows)
    def __call__(self, text):
        t = self.tokenizer.tokenize_with_weights(text)
        if self.stage.cat: raise ValueError
        return self.encode_token_weights(t)
def comfy(stages, text):
    outs, pooled = [], None
    for s in stages:
        z, pooled = Comfy(s)(text)
        outs.append(z)
    return torch.cat(outs, -1), pooled

def stats(x):
    x = x.flatten().double()
    n = len(x)
    return [n, *(float(f"{v:.8g}") for v in [x.mean(), x.abs().mean(), (x * (1 + torch.arange(n) % 7)).mean(), *(x[(j * 7919 + 13) % n] for j in range(4))])]
def record(z, p=None): return [stats(z)] + ([stats(p)] if p is not None else [])

WORDS = "a red blue house green hill under yellow sun cat dog boat on the sea photo of an old man in winter tree with big eyes".split()
def constructed(rng, n):
    """pieces and the text that both grammars read as them"""
    pieces, text = [], ""
    for k in range(n):
        words = " ".join(rng.choice(WORDS) for _ in range(rng.randint(1, 9)))
        r = rng.random()
        if r < 0.3:
            w = rng.choice([0.5, 0.8, 1.1, 1.25, 1.4, 2.0, 0.0])
            pieces.append((words, w)); text += f"({words}:{w:g})"
            pieces.append((", ", 1.0)); text += ", "
        else:
            words += rng.choice([", ", ", ", " "])
            pieces.append((words, 1.0)); text += words
    merged = []
    for t, w in pieces:
        if merged and merged[-1][1] == w: merged[-1] = (merged[-1][0] + t, w)
        else: merged.append((t, w))
    return merged, text

STAGES = {
    "tiny-sd15": lambda: [Stage("tiny-sd15")],
    "tiny-sd21-v": lambda: [Stage("tiny-sd21-v")],
    "tiny-sdxl": lambda: [Stage("tiny-sdxl", "", False, True), Stage("tiny-sdxl", "_2", True, True)],
}
def main():
    models = {k: f() for k, f in STAGES.items()}
    skipped = [Stage("tiny-sd15")]; skipped[0].skip = 1
    rng = random.Random(5)
    out = []
    for i, g in enumerate(json.load(open(PROMPTS))):
        e = {"Prompt": g["Prompt"], "Steps": g["Steps"], "Values": {}}
        parts = [[[tuple(p) for p in s["Pieces"]] for s in part["Schedule"]] for part in g["A1111"]]
        for name in ["tiny-sd15"] if i % 5 else list(models):
            AMP[0] = 0
            made = webui_parts(models[name], parts)
            if AMP[0] < MOST: e["Values"]["webui " + name] = [record(z[k], p[k] if p is not None else None) for z, p in made for k in (0, -1)]
            z, p = comfy(models[name], g["Prompt"])
            e["Values"]["comfyui " + name] = [record(z[0], p[0] if p is not None else None)]
        out.append(e)
    for i in range(48):
        pieces, text = constructed(rng, rng.randint(1, 40))
        e = {"Prompt": text, "Steps": 10, "Values": {}}
        for name in models:
            AMP[0] = 0
            z, p = webui(models[name], [pieces])
            if AMP[0] < MOST: e["Values"]["webui " + name] = [record(z[0], p[0] if p is not None else None)] * 2
            z, p = comfy(models[name], text)
            e["Values"]["comfyui " + name] = [record(z[0], p[0] if p is not None else None)]
        AMP[0] = 0
        z, _ = webui(skipped, [pieces])
        if AMP[0] < MOST: e["Values"]["webui skip"] = [record(z[0])] * 2
        z, _ = comfy(skipped, text)
        e["Values"]["comfyui skip"] = [record(z[0])]
        out.append(e)
    # compel, for prompts in one chunk
    s = models["tiny-sd15"][0]
    provider = EmbeddingsProvider(s.tok, s.enc, truncate=False)
    agree, differ = 0, 0
    for i in range(40):
        pieces, text = constructed(rng, rng.randint(1, 8))
        pieces = [(t, max(w, 1 / w) if w else 1.5) for t, w in pieces] if i < 30 else pieces
        text = "".join(t if w == 1 else f"({t}:{w:g})" for t, w in pieces)
        if sum(len(s.ids(t)) for t, _ in pieces) > 75: continue
        z = provider.get_embeddings_for_weighted_prompt_fragments([[t for t, _ in pieces]], [[w for _, w in pieces]])
        zc, _ = comfy([s], text)
        d = (z - zc).abs().max().item()
        up = all(w >= 1 for _, w in pieces)
        print("compel", up, d, text[:50], file=sys.stderr)
        if up:
            out.append({"Prompt": text, "Steps": 10, "Values": {"comfyui tiny-sd15": [record(z[0])]}, "By": "compel"})
    vectors = []
    s = Stage("tiny-sd15")
    vectors = s.invert(3, 11)
    inverted = []
    for i in range(24):
        head = " ".join(rng.choice(WORDS) for _ in range(rng.randint(0, 24)))
        pieces = [(head + " ", 1.0), ("<cat>", rng.choice([1.0, 1.3, 0.6])), (" " + " ".join(rng.choice(WORDS) for _ in range(rng.randint(1, 40))), 1.0)]
        if i % 2: pieces[0] = (pieces[0][0] + ", ", 1.0)
        text = "".join(t if w == 1 else f"({t}:{w:g})" for t, w in pieces)
        merged = []
        for t, w in pieces:
            if merged and merged[-1][1] == w: merged[-1] = (merged[-1][0] + t, w)
            else: merged.append((t, w))
        AMP[0] = 0
        z, _ = webui([s], [merged])
        if AMP[0] < MOST: inverted.append({"Prompt": text, "Values": {"webui tiny-sd15": [record(z[0])] * 2}})
    data = {"versions": {"torch": torch.__version__, "transformers": transformers.__version__, "compel": "2.5.1"}, "vectors": vectors.tolist(), "prompts": out, "inverted": inverted}
    with open(sys.argv[4], "wb") as f, gzip.GzipFile("", "wb", 9, f, mtime=0) as z:
        z.write(json.dumps(data, separators=(",", ":")).encode())
    print(len(out), len(inverted), sum('webui tiny-sd15' in e['Values'] for e in out), sum('webui tiny-sdxl' in e['Values'] for e in out), file=sys.stderr)
if __name__ == "__main__": main()
