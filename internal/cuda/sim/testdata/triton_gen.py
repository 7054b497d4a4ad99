"""Compiles kernels of ours with Triton, a compiler that others have tried on GPUs, to the
PTX beside this file: python triton_gen.py (no GPU is needed; pip install triton)."""
import gzip, os, re, sys

import triton
import triton.language as tl
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource


@triton.jit
def matmul(a, b, c, M, N, K, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):
    """c [M N] = a [M K] · b [N K]^T"""
    rm = tl.program_id(1) * BM + tl.arange(0, BM)
    rn = tl.program_id(0) * BN + tl.arange(0, BN)
    rk = tl.arange(0, BK)
    pa = a + rm[:, None] * K + rk[None, :]
    pb = b + rn[None, :] * K + rk[:, None]
    acc = tl.zeros((BM, BN), dtype=tl.float32)
    for k in range(0, tl.cdiv(K, BK)):
        x = tl.load(pa, mask=(rm[:, None] < M) & (rk[None, :] + k * BK < K), other=0.0)
        y = tl.load(pb, mask=(rn[None, :] < N) & (rk[:, None] + k * BK < K), other=0.0)
        acc = tl.dot(x, y, acc)
        pa += BK
        pb += BK
    pc = c + rm[:, None] * N + rn[None, :]
    tl.store(pc, acc.to(c.dtype.element_ty), mask=(rm[:, None] < M) & (rn[None, :] < N))


@triton.jit
def softmax(x, y, n, B: tl.constexpr):
    r = tl.program_id(0)
    c = tl.arange(0, B)
    v = tl.load(x + r * n + c, mask=c < n, other=-float('inf')).to(tl.float32)
    v = tl.exp(v - tl.max(v, 0))
    tl.store(y + r * n + c, (v / tl.sum(v, 0)).to(y.dtype.element_ty), mask=c < n)


@triton.jit
def layernorm(x, y, n, B: tl.constexpr):
    r = tl.program_id(0)
    c = tl.arange(0, B)
    v = tl.load(x + r * n + c, mask=c < n, other=0.0)
    d = tl.where(c < n, v - tl.sum(v, 0) / n, 0.0)
    tl.store(y + r * n + c, d * tl.rsqrt(tl.sum(d * d, 0) / n + 1e-5), mask=c < n)


@triton.jit
def flash(Q, K, V, O, T, S, scale, D: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr):
    """O [T D] = softmax(Q·K^T·scale)·V in powers of two"""
    rm = tl.program_id(0) * BM + tl.arange(0, BM)
    rn = tl.arange(0, BN)
    rd = tl.arange(0, D)
    q = tl.load(Q + rm[:, None] * D + rd[None, :], mask=rm[:, None] < T, other=0.0)
    m = tl.full([BM], -1e30, tl.float32)
    l = tl.zeros([BM], tl.float32)
    acc = tl.zeros([BM, D], tl.float32)
    for n0 in range(0, S, BN):
        k = tl.load(K + (n0 + rn)[None, :] * D + rd[:, None], mask=(n0 + rn)[None, :] < S, other=0.0)
        v = tl.load(V + (n0 + rn)[:, None] * D + rd[None, :], mask=(n0 + rn)[:, None] < S, other=0.0)
        s = tl.dot(q, k) * scale
        s = tl.where((n0 + rn)[None, :] < S, s, -1e30)
        new = tl.maximum(m, tl.max(s, 1))
        p = tl.math.exp2(s - new[:, None])
        a = tl.math.exp2(m - new)
        l = l * a + tl.sum(p, 1)
        acc = tl.dot(p.to(v.dtype), v, acc * a[:, None])
        m = new
    tl.store(O + rm[:, None] * D + rd[None, :], (acc / l[:, None]).to(O.dtype.element_ty), mask=rm[:, None] < T)


def make(fn, name, args, const, aligned, warps=4, stages=3, sm=80):
    signature = dict(args, **{k: 'constexpr' for k in const})
    src = ASTSource(fn=fn, signature=signature, constexprs=const, attrs={(i,): [['tt.divisibility', 16]] for i in aligned})
    k = triton.compile(src, target=GPUTarget('cuda', sm, 32), options={'num_warps': warps, 'num_stages': stages})
    ptx = k.asm['ptx']
    ptx = ptx[:ptx.find('\t.section')] if '\t.section' in ptx else ptx
    ptx = '\n'.join(l for l in ptx.split('\n') if not re.match(r'\s*\.(loc|file)\b', l) and not re.match(r'\s*//', l))
    # what ptxas is asked for: this PTX uses nothing newer than 8.1
    head = f'// Triton {triton.__version__}, {name}: {const}, {k.metadata.num_warps} warps, {k.metadata.shared} bytes of shared memory\n'
    here = os.path.dirname(os.path.abspath(__file__))
    with open(f'{here}/{name}.ptx.gz', 'wb') as f:
        f.write(gzip.compress((head + ptx.strip() + '\n').encode(), 9, mtime=0))
    print(name, k.metadata.num_warps, 'warps', k.metadata.shared, 'bytes', len(ptx), re.search(r'\.version.*', ptx)[0], flush=True)


for ty in ('bf16', 'fp16'):
    args = {'a': '*' + ty, 'b': '*' + ty, 'c': '*' + ty, 'M': 'i32', 'N': 'i32', 'K': 'i32'}
    make(matmul, f'triton_matmul_{ty}_64x64', args, {'BM': 64, 'BN': 64, 'BK': 32}, range(6))
make(matmul, 'triton_matmul_fp16_64x32_sm75', {'a': '*fp16', 'b': '*fp16', 'c': '*fp16', 'M': 'i32', 'N': 'i32', 'K': 'i32'}, {'BM': 64, 'BN': 32, 'BK': 32}, range(6), stages=2, sm=75)
make(matmul, 'triton_matmul_bf16_32x64_odd', {'a': '*bf16', 'b': '*bf16', 'c': '*bf16', 'M': 'i32', 'N': 'i32', 'K': 'i32'}, {'BM': 32, 'BN': 64, 'BK': 16}, range(3), warps=2, stages=4)
make(softmax, 'triton_softmax_bf16', {'x': '*bf16', 'y': '*bf16', 'n': 'i32'}, {'B': 256}, range(2))
make(layernorm, 'triton_layernorm_fp32', {'x': '*fp32', 'y': '*fp32', 'n': 'i32'}, {'B': 512}, range(2))
for ty, d in (('bf16', 64), ('fp16', 32)):
    args = {'Q': '*' + ty, 'K': '*' + ty, 'V': '*' + ty, 'O': '*' + ty, 'T': 'i32', 'S': 'i32', 'scale': 'fp32'}
    make(flash, f'triton_flash_{ty}_{d}', args, {'D': d, 'BM': 64, 'BN': 32}, range(4), stages=2)
