package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"time"

	"gorgonia.org/tensor"

	"sdgo/internal/kernel"
)

// noise returns a tensor of seeded normal noise.
func noise(shape ...int) *tensor.Dense {
	random := rand.New(rand.NewPCG(1, 1))
	x := make([]float32, tensor.Shape(shape).TotalSize())
	for i := range x {
		x[i] = float32(random.NormFloat64())
	}
	return tensor.New(tensor.WithShape(shape...), tensor.WithBacking(x))
}

// peak measures the GFLOP/s of the matrix kernel on operands that stay in cache,
// with all threads at once.
func peak(threads int) float64 {
	const m, k, n, atLeast = 48, 512, 64, 200 * time.Millisecond
	rates := make([]float64, threads)
	var wg sync.WaitGroup
	for t := range rates {
		wg.Go(func() {
			w := kernel.PackLinear(make([]float32, kernel.PackedLen(k, n, kernel.Float32)), make([]float32, k*n), n, k, kernel.Float32)
			phase := kernel.Gemm(make([]float32, m*n), make([]float32, m*k), m, w, kernel.Epilogue{})
			scratch := make([]float32, phase.Scratch)
			runs, begin := 0, time.Now()
			for ; time.Since(begin) < atLeast; runs++ {
				for i := range phase.Tasks {
					phase.Run(i, scratch)
				}
			}
			rates[t] = float64(runs) * 2 * m * k * n / time.Since(begin).Seconds() / 1e9
		})
	}
	wg.Wait()
	total := 0.0
	for _, r := range rates {
		total += r
	}
	return total
}

// peakMemory returns the most memory that the process had, in bytes, where the
// system tells.
func peakMemory() int64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range bytes.Lines(status) {
		var kb int64
		if n, _ := fmt.Sscanf(string(line), "VmHWM: %d kB", &kb); n == 1 {
			return kb << 10
		}
	}
	return 0
}
