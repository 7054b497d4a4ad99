"""Writes variants.json.gz and unicode.jsonl.gz beside itself: what CLIPTokenizer of
transformers does with unusual folders and unusual text. pip install transformers"""
import gzip, json, random, tempfile
from pathlib import Path
import tokenizers, transformers
from transformers import CLIPTokenizer

here = Path(__file__).parent
versions = {"transformers": transformers.__version__, "tokenizers": tokenizers.__version__}


def unpack(name, files=None):
    """A folder with the files of testdata/name, changed by files: name to text, None to remove."""
    d = Path(tempfile.mkdtemp())
    for f in (here / name).glob("*.gz"):
        (d / f.stem).write_bytes(gzip.decompress(f.read_bytes()))
    for n, text in (files or {}).items():
        if text is None:
            (d / n).unlink(missing_ok=True)
        else:
            (d / n).write_text(text, encoding="utf-8")
    return d


def write(name, text):
    with gzip.GzipFile(here / name, "wb", mtime=0) as f:
        f.write(text.encode())


def tok(content, **kw):
    return dict(dict(content=content, lstrip=False, rstrip=False, single_word=False, normalized=True), **kw)


vocab = json.loads((unpack("tiny") / "vocab.json").read_text())
merges = (unpack("tiny") / "merges.txt").read_text().split("\n")[1:]
merges = [m for m in merges if m]
few = {t: i for i, t in enumerate(t for t in vocab if t not in ("q", "q</w>", "Ā", "Ã"))}
model = dict(type="BPE", dropout=None, unk_token="<|endoftext|>", continuing_subword_prefix="", end_of_word_suffix="</w>",
             fuse_unk=False, vocab=vocab, merges=merges)
one = {"version": "1.0", "truncation": None, "padding": None, "normalizer": None, "pre_tokenizer": None, "decoder": None, "model": model,
       "post_processor": dict(type="RobertaProcessing", sep=["<|endoftext|>", 999], cls=["<|startoftext|>", 998], trim_offsets=False, add_prefix_space=False),
       "added_tokens": [dict(tok("<|startoftext|>", special=True), id=998), dict(tok("<|endoftext|>", special=True, normalized=False), id=999),
                        dict(tok("<Sks>", special=False), id=1000)]}
decoder = {str(i): t for i, t in ((0, tok("!", special=True, normalized=False)), (998, tok("<|startoftext|>", special=True)), (999, tok("<|endoftext|>", special=True)),
                                 (1000, tok("left", lstrip=True)), (1001, tok("right", rstrip=True)), (1002, tok("both", lstrip=True, rstrip=True)),
                                 (1003, tok("Alone", single_word=True)), (1004, tok("aLoNe2", normalized=False, single_word=True)), (1005, tok("<a>")), (1006, tok("<a><b>")), (1007, tok("Ünï cat")))}
config = json.loads((unpack("tiny") / "tokenizer_config.json").read_text())
J = lambda x: json.dumps(x, ensure_ascii=False)
only = {"special_tokens_map.json": None, "tokenizer_config.json": None}
prompts = ["a photo of <tiny-cat> and <Tiny-Cat>!", "<sks><SKS> x<sks>y", "q quiz QQ à Ā", "x left y", "x right  y", "x both  z both", "xleft  righty", "alone ALONE alonely _alone alone2 aLoNe2 aLoNe2x",
           "<a><b><a><a><B>", "ünï  cat ÜNÏ CAT", "!a!b !", "<|EndOfText|> <|StartOfText|> <|endoftext|>", "alone left both right", "  ", "éalone alone\u0301 \u200dalone"]
cases = [
    ("plain", "tiny", {}, None),
    ("vocabulary alone", "tiny", only, None),
    ("added_tokens.json", "tiny", {"added_tokens.json": J({"<tiny-cat>": 1000, "<sks>": 1001})}, None),
    ("added_tokens.json, special", "tiny", {"added_tokens.json": J({"<tiny-cat>": 1000}), "special_tokens_map.json": J({"pad_token": "<tiny-cat>", "bos_token": tok("<|startoftext|>")})}, None),
    ("added_tokens_decoder", "tiny", {"tokenizer_config.json": J(dict(config, added_tokens_decoder=decoder, pad_token="!"))}, None),
    ("additional_special_tokens", "tiny", {"tokenizer_config.json": J(dict(config, additional_special_tokens=["<sks>", "<tiny-cat>"])), "special_tokens_map.json": None}, None),
    ("special_tokens_map without normalized", "tiny", {"special_tokens_map.json": J({"bos_token": {"content": "<|startoftext|>"}, "pad_token": "!"})}, None),
    ("tokenizer.json alone", "tiny", dict(only, **{"vocab.json": None, "merges.txt": None, "tokenizer.json": J(one)}), None),
    ("tokenizer.json, merges as lists", "tiny", {"vocab.json": None, "merges.txt": None, "tokenizer.json": J(dict(one, model=dict(model, merges=[m.split(" ") for m in merges])))}, None),
    ("unknown bytes", "tiny", {"vocab.json": J(few), "merges.txt": "\n".join(["#version: 0.2"] + [m for m in merges if all(x in few for x in [*m.split(), m.replace(" ", "")])]) + "\n"}, None),
    ("short", "tiny", {"tokenizer_config.json": J(dict(config, model_max_length=8))}, None),
    ("unknown length", "tiny", {"tokenizer_config.json": J(dict(config, model_max_length=10**30))}, None),
    ("new tokens", "tiny", {}, ["<Tiny-Cat>", "<tiny-cat>_1", "new words"]),
]
out = []
for name, base, files, new in cases:
    t = CLIPTokenizer.from_pretrained(unpack(base, files))
    if new:
        t.add_tokens(new)
    ps = prompts + (["New Words <TINY-CAT> <tiny-cat>_1 <tiny-cat>_12"] if new else [])
    ids = [t(p, truncation=False).input_ids[1:-1] for p in ps]
    length = min(t.model_max_length, 77)
    full = t(ps, padding="max_length", max_length=length, truncation=True).input_ids
    cut = [t.decode(t(p, truncation=False).input_ids[length - 1:-1]) if len(i) > length - 2 else "" for p, i in zip(ps, ids)]
    out.append(dict(name=name, base=base, files=files, new=new, bos=t.bos_token_id, eos=t.eos_token_id, pad=t.pad_token_id, length=length,
                    prompts=[dict(text=p, ids=i, padded=f, truncated=c, decoded=t.decode(i)) for p, i, f, c in zip(ps, ids, full, cut)]))
write("variants.json.gz", J(dict(versions=versions, cases=out)))

# One line a prompt: [text, ids of sd1, ids of tiny-sd21, sd1 decoded].
sd1, sd2 = CLIPTokenizer.from_pretrained(unpack("../openai")), None
d = unpack("tiny")
for f in (here / "tiny-sd21").glob("*.gz"):
    (d / f.stem).write_bytes(gzip.decompress(f.read_bytes()))
sd2 = CLIPTokenizer.from_pretrained(d)
r = random.Random(5)
pools = [range(0x20, 0x7f)] * 3 + [range(*p) for p in (
    (0xa0, 0x250), (0x300, 0x370), (0x300, 0x370), (0x370, 0x530), (0x590, 0x700), (0x900, 0xe00), (0x1100, 0x1200), (0x1e00, 0x2100), (0xac00, 0xd7a3), (0xf900, 0xfb50),
    (0x1ab0, 0x1b00), (0x1dc0, 0x1e00), (0x11900, 0x11950), (0x10f40, 0x10f60), (0x1d150, 0x1d1a0), (0x1df0, 0x1e10), (0x10d40, 0x10d90), (0x16ea0, 0x16ed0), (0xa7c0, 0xa7e0), (0, 0x20))]
words = ["<|startoftext|>", "<|endoftext|>", "<|EndOfText|>", "<|STARTOFTEXT|>", "!", "'s", "'LL", "'ve", " ", "  ", "cat", "Dog", "\u0130", "\u03a3", "\u212b", "e\u0301", "\u1112\u1161\u11ab", "<|", "|>"]
texts = ["a" + "\u0301\u0323" * 40, "\u0301" * 100, "e" + "\u0323" * 35 + "\u0302", "\U00011935\U00011930", "\U00011938"]
for _ in range(600):
    s = ""
    for _ in range(r.randint(1, 10)):
        p = r.choice(pools)
        s += r.choice(words) if r.random() < 0.4 else "".join(chr(r.choice(p)) for _ in range(r.randint(1, 5)))
    texts.append(s)
lines = [json.dumps(versions)]
for s in texts:
    a, b = (t(s, truncation=False).input_ids[1:-1] for t in (sd1, sd2))
    lines.append(json.dumps([s, a, b, sd1.decode(a)], separators=(",", ":")))
write("unicode.jsonl.gz", "\n".join(lines) + "\n")
