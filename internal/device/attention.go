package device

import (
	"fmt"
	"math"
)

// Attention is scaled dot-product attention of [N T H·D].
type Attention struct {
	Q, K, V, Out                         Ptr
	Batch, Heads, HeadDim, Queries, Keys int
	QStride, KVStride, OutStride         int // numbers from token to token
	Causal                               bool
	Mask                                 Ptr // [N Keys], or 0: the keys with 0 are not seen
}

// attentionArgs is AttentionArgs of attention.cuh.
type attentionArgs struct {
	q, k, v, out, mask                                 Ptr
	queries, keys, heads, qStride, kvStride, outStride int32
	scale                                              float32
	causal, d, _                                       int32
}

// The head widths that tensor cores take, with the keys of a tile.
var attentionKeys = map[int]int{40: 64, 64: 64, 80: 64, 160: 32}

// AttentionHeadDim is the largest head width.
const AttentionHeadDim = 512

// Launches returns attention's launches.
func (a Attention) Launches(t Target) []Launch {
	args := attentionArgs{
		q: a.Q, k: a.K, v: a.V, out: a.Out, mask: a.Mask,
		queries: int32(a.Queries), keys: int32(a.Keys), heads: int32(a.Heads),
		qStride: int32(a.QStride), kvStride: int32(a.KVStride), outStride: int32(a.OutStride),
		scale: float32(math.Log2E / math.Sqrt(float64(a.HeadDim))), d: int32(a.HeadDim),
	}
	if a.Causal {
		args.causal = 1
	}
	keys, ok := attentionKeys[a.HeadDim]
	if ok && a.Mask == 0 && t.Type != F32 && a.QStride%8 == 0 && a.KVStride%8 == 0 && a.OutStride%8 == 0 {
		const queries = 64
		row := 2 * ((a.HeadDim + 15) / 16 * 16) // bytes
		if row%128 == 0 {
			row += 16
		}
		name := fmt.Sprintf("attention_%d", a.HeadDim)
		return []Launch{launch(name, t.Type, [3]int{ceil(a.Queries, queries), a.Heads, a.Batch}, row*(queries+4*keys), args).moves(a.bytes(t)).computes(a.flops(), attentionShare)}
	}
	parts := 8
	for _, n := range []int{3, 1} {
		if a.HeadDim <= 64*n {
			parts = n
		}
	}
	const queries = 16
	name := fmt.Sprintf("plain_attention_%d", parts)
	return []Launch{launch(name, t.Type, [3]int{ceil(a.Queries, queries), a.Heads, a.Batch}, 4*queries*64*parts, args).moves(a.bytes(t)).computesPlain(a.flops())}
}

// bytes are those of queries, keys, values and the output.
func (a Attention) bytes(t Target) int {
	return 2 * a.Batch * (a.Queries + a.Keys) * a.Heads * a.HeadDim * t.Type.Size()
}

// flops is the arithmetic of both products.
func (a Attention) flops() float64 {
	all := 4 * float64(a.Batch*a.Heads*a.HeadDim) * float64(a.Queries) * float64(a.Keys)
	if a.Causal {
		return all / 2
	}
	return all
}
