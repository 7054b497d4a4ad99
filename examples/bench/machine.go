package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"

	"gorgonia.org/tensor"
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
