"""Writes vectors.json.gz beside itself: what maybe_convert_prompt of diffusers' pipelines makes of
prompts with the tokens of textual inversions. pip install torch diffusers transformers"""
import gzip, json, tempfile
from pathlib import Path
import diffusers, transformers
from diffusers.loaders import TextualInversionLoaderMixin
from transformers import CLIPTokenizer

here = Path(__file__).parent
versions = {"transformers": transformers.__version__, "diffusers": diffusers.__version__}


def unpack(files):
    """testdata/tiny, changed by files: name to text, None to remove."""
    d = Path(tempfile.mkdtemp())
    for f in (here / "tiny").glob("*.gz"):
        (d / f.stem).write_bytes(gzip.decompress(f.read_bytes()))
    for n, text in files.items():
        if text is None:
            (d / n).unlink(missing_ok=True)
        else:
            (d / n).write_text(text, encoding="utf-8")
    return d


def tok(content, **kw):
    return dict(dict(content=content, lstrip=False, rstrip=False, single_word=False, normalized=True), **kw)


J = lambda x: json.dumps(x, ensure_ascii=False)
special = {998: tok("<|startoftext|>", special=True), 999: tok("<|endoftext|>", special=True, normalized=False)}
added = lambda *names: {n: 1000 + i for i, n in enumerate(names)}
names = ["<t>", "<t>_1", "<t>_2", "<one>", "<gap>", "<gap>_2", "<Cap>", "<Cap>_1", "sks", "sks_1", "<|endoftext|>_1", "a_1", "猫<é>", "猫<é>_1"]
vocab = json.loads((unpack({}) / "vocab.json").read_text())
merges = [m for m in (unpack({}) / "merges.txt").read_text().split("\n")[1:] if m]
fast = {"version": "1.0", "truncation": None, "padding": None, "normalizer": None, "pre_tokenizer": None, "decoder": None, "post_processor": None,
        "model": dict(type="BPE", dropout=None, unk_token="<|endoftext|>", continuing_subword_prefix="", end_of_word_suffix="</w>", fuse_unk=False, vocab=vocab, merges=merges),
        "added_tokens": [dict(t, id=i) for i, t in special.items()] + [dict(tok(n, special=False), id=i) for n, i in added(*names).items()]}
config = json.loads((unpack({}) / "tokenizer_config.json").read_text())
prompts = ["a photo of <t> on a hill", "<t>", "a <t>", "<t> and <t>", "<t><t>", "x<t>y", "a <t>_1 b", "<t>_1 and <t>", "<t> <t>_1 <t>_2", "<t>_3", "a <T> b", "<t> and <T>", "a <one> b",
           "a <gap> b", "a <Cap> b <cap>", "sks asks SKS", "<|endoftext|> a", "a_1 a", "猫<é> 猫<e\u0301>", "", "no token", "<t>, <one>; <t>!", "<t> " * 30, "a " * 80 + "<t>"]
out = []
for name, files in [
    ("added_tokens.json", {"added_tokens.json": J(added(*names))}),
    ("added_tokens_decoder", {"tokenizer_config.json": J(dict(config, added_tokens_decoder={str(i): t for i, t in [*special.items(), *((i, tok(n)) for n, i in added(*names).items())]}))}),
    ("found in the raw prompt", {"tokenizer_config.json": J(dict(config, added_tokens_decoder={str(i): t for i, t in [*special.items(), *((i, tok(n, normalized=False)) for n, i in added(*names).items())]}))}),
    ("single words", {"tokenizer_config.json": J(dict(config, added_tokens_decoder={str(i): t for i, t in [*special.items(), *((i, tok(n, single_word=True)) for n, i in added(*names).items())]}))}),
    ("additional_special_tokens", {"tokenizer_config.json": J(dict(config, additional_special_tokens=names)), "special_tokens_map.json": None}),
    ("tokenizer.json", {"vocab.json": None, "merges.txt": None, "tokenizer.json": J(fast)}),
    ("none", {}),
]:
    t = CLIPTokenizer.from_pretrained(unpack(files))
    mixin = TextualInversionLoaderMixin()
    out.append(dict(name=name, files=files, prompts=[dict(text=p, expanded=mixin.maybe_convert_prompt(p, t), ids=t(mixin.maybe_convert_prompt(p, t), truncation=False).input_ids[1:-1]) for p in prompts]))
with gzip.GzipFile(here / "vectors.json.gz", "wb", mtime=0) as f:
    f.write(J(dict(versions=versions, cases=out)).encode())
