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

// peak measures the GFLOP/s of the float32 matrix kernel on operands that stay in
// cache, with all threads at once: the best of some short measurements, for on a
// machine with other work the mean says little.
func peak(threads int) float64 {
	best := 0.0
	for range 10 {
		rates := make([]float64, threads)
		var wg sync.WaitGroup
		for t := range rates {
			wg.Go(func() { rates[t] = kernel.MeasureRate(kernel.Float32, 20*time.Millisecond) })
		}
		wg.Wait()
		total := 0.0
		for _, r := range rates {
			total += r
		}
		best = max(best, total)
	}
	return best / 1e9
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
