package ggml

import "math"

// scaled are the types x = d·s·q: numbers of 256 in groups of 16.
type scaled struct {
	lowest      int32 // of q, which is at most -lowest-1
	lowestScale int32 // of s likewise
}

// scaledBlock is a block as it was found.
type scaledBlock struct {
	d      float32
	scales [16]int32
	q      [super]int32
}

// find looks for the block that is nearest to the numbers.
func (t scaled) find(x []float32) (b scaledBlock) {
	var ideal [16]float32
	for g := range ideal {
		ideal[g] = fitScale(x[16*g:][:16], t.lowest)
	}
	b.d = half(toHalf(ideal[largest(ideal[:])] / float32(t.lowestScale)))
	if inverse(b.d) == 0 {
		return b // all is zero, or beyond the range
	}
	err := t.choose(&b, x, ideal)
	next := b
	if next.d = b.factor(x); inverse(next.d) != 0 && t.choose(&next, x, ideal) < err {
		return next
	}
	return b
}

// choose takes for each group the best of the scales around the ideal one, and returns the
// squared error.
func (t scaled) choose(b *scaledBlock, x []float32, ideal [16]float32) (total float64) {
	id := 1 / b.d
	for g := range b.scales {
		x, q := x[16*g:][:16], b.q[16*g:][:16]
		around, least := nearest(float32(ideal[g]*id), t.lowestScale, -t.lowestScale-1), math.Inf(1)
		for s := max(around-1, t.lowestScale); s <= min(around+1, -t.lowestScale-1); s++ {
			if err := t.round(nil, x, b.d*float32(s)); err < least {
				b.scales[g], least = s, err
			}
		}
		total += t.round(q, x, b.d*float32(b.scales[g]))
	}
	return total
}

// round rounds a group's numbers to those of a scale, and returns the squared error.
func (t scaled) round(q []int32, x []float32, scale float32) (err float64) {
	id := inverse(scale)
	for i, v := range x {
		n := nearest(float32(v*id), t.lowest, -t.lowest-1)
		e := v - float32(scale*float32(n))
		err += float64(e * e)
		if q != nil {
			q[i] = n
		}
	}
	return err
}

// factor is the d that suits the block's whole numbers best.
func (b *scaledBlock) factor(x []float32) float32 {
	var s sums
	for i, q := range b.q {
		p := float64(q * b.scales[i/16])
		s.xq += float64(float64(x[i]) * p)
		s.qq += float64(p * p)
	}
	d, _ := s.scale()
	return half(toHalf(float32(d)))
}

// offset are the types x = d·s·q − m·t.
type offset struct {
	group        int   // numbers
	highest      int32 // of q
	highestScale int32 // of s and t
}

// offsetBlock is a block as it was found. Some types have but 8 groups.
type offsetBlock struct {
	d, m           float32
	scales, shifts [16]int32
	q              [super]int32
}

// find looks for the block that is nearest to the numbers.
func (t offset) find(x []float32) (b offsetBlock) {
	var scales, shifts [16]float32
	for g := range super / t.group {
		scales[g], shifts[g] = fitLine(x[t.group*g:][:t.group], t.highest)
	}
	b.d = half(toHalf(scales[largest(scales[:])] / float32(t.highestScale)))
	b.m = half(toHalf(shifts[largest(shifts[:])] / float32(t.highestScale)))
	if b.d-b.d != 0 || b.m-b.m != 0 {
		return b // beyond the range
	}
	err := t.choose(&b, x, scales, shifts)
	next := b
	next.d, next.m = t.factors(&b, x)
	if t.choose(&next, x, scales, shifts) < err {
		return next
	}
	return b
}

// choose takes for each group the best of the scales and offsets around the ideal ones, and
// returns the squared error.
func (t offset) choose(b *offsetBlock, x []float32, scales, shifts [16]float32) (total float64) {
	id, im := inverse(b.d), inverse(b.m)
	for g := range super / t.group {
		x, q := x[t.group*g:][:t.group], b.q[t.group*g:][:t.group]
		scale := nearest(float32(scales[g]*id), 0, t.highestScale)
		shift := nearest(float32(shifts[g]*im), 0, t.highestScale)
		least := math.Inf(1)
		for s := max(scale-1, 0); s <= min(scale+1, t.highestScale); s++ {
			for m := max(shift-1, 0); m <= min(shift+1, t.highestScale); m++ {
				if err := t.round(nil, x, b.d*float32(s), float32(b.m*float32(m))); err < least {
					b.scales[g], b.shifts[g], least = s, m, err
				}
			}
		}
		total += t.round(q, x, b.d*float32(b.scales[g]), float32(b.m*float32(b.shifts[g])))
	}
	return total
}

// round rounds a group's numbers to those of a scale and an offset, and returns the squared
// error.
func (t offset) round(q []int32, x []float32, scale, shift float32) (err float64) {
	id := inverse(scale)
	for i, v := range x {
		n := nearest(float32((v+shift)*id), 0, t.highest)
		e := v - (float32(scale*float32(n)) - shift)
		err += float64(e * e)
		if q != nil {
			q[i] = n
		}
	}
	return err
}

// factors are the d and the m that suit the block's whole numbers best.
func (t offset) factors(b *offsetBlock, x []float32) (d, m float32) {
	var aa, ab, bb, xa, xb float64 // of x = d·a − m·b
	for i, q := range b.q {
		g := i / t.group
		v, p, o := float64(x[i]), float64(q*b.scales[g]), float64(b.shifts[g])
		aa += float64(p * p)
		ab += float64(p * o)
		bb += float64(o * o)
		xa += float64(v * p)
		xb += float64(v * o)
	}
	det := float64(aa*bb) - float64(ab*ab)
	if det <= 0 {
		return b.d, b.m
	}
	d64, m64 := (float64(xa*bb)-float64(xb*ab))/det, (float64(xa*ab)-float64(xb*aa))/det
	if d64 < 0 || m64 < 0 {
		return b.d, b.m
	}
	return half(toHalf(float32(d64))), half(toHalf(float32(m64)))
}
