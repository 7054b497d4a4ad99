package kernel

import "math"

// derivativeRows is the number of queries, or keys, of one task.
const derivativeRows = 16

// AttentionDerivativeWork is the length of the work that AttentionDerivative needs.
func AttentionDerivativeWork(s AttentionShape) int { return 2 * s.Batch * s.Heads * s.Queries }

// AttentionDerivative computes the derivatives of attention by its inputs, for the
// derivative d [N Tq D] by its output. out [N Tq+2Tk D] holds those by the queries, the
// keys and the values, one behind the other. With P the softmax of the scores,
//
//	dV = Pᵀ·d   dS = P·(d·Vᵀ − rows(P·(d·Vᵀ)))   dQ = scale·dS·K   dK = scale·dSᵀ·Q
//
// No matrix [Tq Tk] is held: the first phase goes through the queries and keeps two
// numbers of each, from which the second, through the keys, finds P again (Dao et al.
// 2022, appendix B.2). Rounding to bfloat16 is not taken into account.
//
// https://arxiv.org/abs/2205.14135
func AttentionDerivative(out, q, k, v, d []float32, s AttentionShape, work []float32) []Phase {
	return attentionDerivatives(out, q, k, v, d, nil, s, work)
}

// MaskedAttentionDerivative is [AttentionDerivative] for [MaskedAttention].
func MaskedAttentionDerivative(out, q, k, v, mask, d []float32, s AttentionShape, work []float32) []Phase {
	need("attention derivative", "mask", mask, s.Batch*s.Keys)
	return attentionDerivatives(out, q, k, v, d, mask, s, work)
}

func attentionDerivatives(out, q, k, v, d, mask []float32, s AttentionShape, work []float32) []Phase {
	width := s.Heads * s.HeadDim
	need("attention derivative", "out", out, s.Batch*(s.Queries+2*s.Keys)*width)
	need("attention derivative", "q", q, s.Batch*s.Queries*width)
	need("attention derivative", "k", k, s.Batch*s.Keys*width)
	need("attention derivative", "v", v, s.Batch*s.Keys*width)
	need("attention derivative", "d", d, s.Batch*s.Queries*width)
	need("attention derivative", "work", work, AttentionDerivativeWork(s))
	a := &attentionDerivative{AttentionShape: s, out: out, q: q, k: k, v: v, d: d, mask: mask, width: width,
		logs: work[:s.Batch*s.Heads*s.Queries], means: work[s.Batch*s.Heads*s.Queries:]}
	queries, keys := ceilDiv(s.Queries, derivativeRows), ceilDiv(s.Keys, derivativeRows)
	return []Phase{
		{Tasks: s.Batch * s.Heads * queries, Scratch: 2 * s.Keys, Run: func(task int, scratch []float32) {
			first := task % queries * derivativeRows
			for i := first; i < min(s.Queries, first+derivativeRows); i++ {
				a.query(task/queries, i, scratch[:s.Keys], scratch[s.Keys:2*s.Keys])
			}
		}},
		{Tasks: s.Batch * s.Heads * keys, Run: func(task int, _ []float32) {
			first := task % keys * derivativeRows
			for j := first; j < min(s.Keys, first+derivativeRows); j++ {
				a.key(task/keys, j)
			}
		}},
	}
}

type attentionDerivative struct {
	AttentionShape
	out, q, k, v, d []float32
	mask            []float32 // zero for keys that are hidden; nil for none
	width           int
	logs            []float32 // of each query: the logarithm of the sum of exp(score)
	means           []float32 // of each query: the mean of d·vⱼ under the softmax
}

// row returns what a head sees of token t of x [N tokens D].
func (a *attentionDerivative) row(x []float32, tokens, unit, t int) []float32 {
	return x[(unit/a.Heads*tokens+t)*a.width+unit%a.Heads*a.HeadDim:][:a.HeadDim]
}

// derivative returns row t of part 0 (queries), 1 (keys) or 2 (values) of out.
func (a *attentionDerivative) derivative(part, unit, t int) []float32 {
	if part > 0 {
		t += a.Queries + (part-1)*a.Keys
	}
	return a.row(a.out, a.Queries+2*a.Keys, unit, t)
}

// seen says whether a query of a unit sees a key.
func (a *attentionDerivative) seen(unit, query, key int) bool {
	return !(a.Causal && key > query) && (a.mask == nil || a.mask[unit/a.Heads*a.Keys+key] != 0)
}

// query finds the derivative by query i of a unit (a head of a sample).
func (a *attentionDerivative) query(unit, i int, scores, products []float32) {
	q, d := a.row(a.q, a.Queries, unit, i), a.row(a.d, a.Queries, unit, i)
	most := math.Inf(-1)
	for j := range a.Keys {
		if !a.seen(unit, i, j) {
			continue
		}
		score := float64(a.Scale) * dot(q, a.row(a.k, a.Keys, unit, j))
		scores[j] = float32(score)
		products[j] = float32(dot(d, a.row(a.v, a.Keys, unit, j)))
		most = max(most, score)
	}
	var sum, mean float64
	for j := range a.Keys {
		if !a.seen(unit, i, j) {
			continue
		}
		p := math.Exp(float64(scores[j]) - most)
		sum += p
		mean += p * float64(products[j])
	}
	log := most + math.Log(sum)
	mean /= sum
	a.logs[unit*a.Queries+i], a.means[unit*a.Queries+i] = float32(log), float32(mean)

	dq := a.derivative(0, unit, i)
	clear(dq)
	for j := range a.Keys {
		if !a.seen(unit, i, j) {
			continue
		}
		p := math.Exp(float64(scores[j]) - log)
		addScaled(dq, float32(float64(a.Scale)*p*(float64(products[j])-mean)), a.row(a.k, a.Keys, unit, j))
	}
}

// key finds the derivatives by key and value j of a unit.
func (a *attentionDerivative) key(unit, j int) {
	k, v := a.row(a.k, a.Keys, unit, j), a.row(a.v, a.Keys, unit, j)
	dk, dv := a.derivative(1, unit, j), a.derivative(2, unit, j)
	clear(dk)
	clear(dv)
	for i := range a.Queries {
		if !a.seen(unit, i, j) {
			continue
		}
		q, d := a.row(a.q, a.Queries, unit, i), a.row(a.d, a.Queries, unit, i)
		p := math.Exp(float64(a.Scale)*dot(q, k) - float64(a.logs[unit*a.Queries+i]))
		addScaled(dv, float32(p), d)
		addScaled(dk, float32(float64(a.Scale)*p*(dot(d, v)-float64(a.means[unit*a.Queries+i]))), q)
	}
}

// dot is the inner product in float64.
func dot(a, b []float32) (sum float64) {
	b = b[:len(a)]
	for i, v := range a {
		sum += float64(v) * float64(b[i])
	}
	return sum
}

// addScaled adds f·x to dst.
func addScaled(dst []float32, f float32, x []float32) {
	x = x[:len(dst)]
	for i, v := range x {
		dst[i] += f * v
	}
}
