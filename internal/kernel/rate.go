package kernel

import (
	"sync"
	"time"
)

// rates are measured once.
var rates [Int8 + 1]func() float64

func init() {
	for f := range rates {
		rates[f] = sync.OnceValue(func() float64 { return MeasureRate(Format(f), 20*time.Millisecond) })
	}
}

// Rate is the operations a second (a multiplication and an addition are two) of the
// matrix kernel on one thread, for weights of a format that stay in cache. The first
// call measures it, in some milliseconds.
func Rate(format Format) float64 { return rates[format]() }

// MeasureRate measures for that long and takes the best run, for on a machine with
// other work the mean says little.
func MeasureRate(format Format, d time.Duration) float64 {
	const m, k, n = 192, 320, 640
	w := PackLinear(make([]float32, PackedLen(k, n, format)), make([]float32, n*k), n, k, format)
	phase := Gemm(make([]float32, m*n), make([]float32, m*k), m, w, Epilogue{})
	scratch := make([]float32, phase.Scratch)
	best := time.Hour
	for begin := time.Now(); time.Since(begin) < d; {
		start := time.Now()
		for i := range phase.Tasks {
			phase.Run(i, scratch)
		}
		best = min(best, time.Since(start))
	}
	return 2 * m * k * n / best.Seconds()
}
