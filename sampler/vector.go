package sampler

import "context"

// The loops over the state. Each value is computed in float64 and rounded once;
// the conversions around products keep a compiler from fusing them, so that equal
// coefficients give every platform the same bits.
//
// They leave off when ctx is done, since a batch of many images has tens of millions of
// values. What they leave is then of no use, and the sampler returns ctx's error at
// its next model call or at its end.

// stretch is how many values are computed between two looks at ctx: a millisecond or less.
const stretch = 1 << 17

// stretches calls f for one part of n values after the other.
func stretches(ctx context.Context, n int, f func(from, to int)) {
	for from := 0; from < n; from += stretch {
		if from > 0 && ctx.Err() != nil {
			return
		}
		f(from, min(from+stretch, n))
	}
}

// scale computes dst = a·x.
func scale(ctx context.Context, dst []float32, a float64, x []float32) {
	stretches(ctx, len(x), func(from, to int) {
		for i, v := range x[from:to] {
			dst[from+i] = float32(a * float64(v))
		}
	})
}

// mix computes dst = a·x + b·y. dst may be x or y.
func mix(ctx context.Context, dst []float32, a float64, x []float32, b float64, y []float32) {
	stretches(ctx, len(x), func(from, to int) {
		dst, y := dst[from:to], y[from:to]
		for i, v := range x[from:to] {
			dst[i] = float32(float64(a*float64(v)) + float64(b*float64(y[i])))
		}
	})
}

// addScaled computes dst = x + b·y. dst may be x or y.
func addScaled(ctx context.Context, dst, x []float32, b float64, y []float32) {
	mix(ctx, dst, 1, x, b, y)
}

// slope computes d = (x − denoised)/sigma, which is dx/dσ and the estimate of the
// noise ε.
func slope(ctx context.Context, d, x, denoised []float32, sigma float64) {
	stretches(ctx, len(x), func(from, to int) {
		d, denoised := d[from:to], denoised[from:to]
		for i, v := range x[from:to] {
			d[i] = float32((float64(v) - float64(denoised[i])) / sigma)
		}
	})
}

// clone returns a copy of x.
func clone(x []float32) []float32 { return append([]float32(nil), x...) }

// combine computes x = cx·x + Σ c[k]·m[k].
func combine(ctx context.Context, x []float32, cx float64, c []float64, m [][]float32) {
	stretches(ctx, len(x), func(from, to int) {
		for i := from; i < to; i++ {
			sum := float64(cx * float64(x[i]))
			for k, ck := range c {
				sum += float64(ck * float64(m[k][i]))
			}
			x[i] = float32(sum)
		}
	})
}
