package op

import (
	"time"

	"sdgo/internal/kernel"
)

// Cost is the arithmetic of a kernel, for reports.
type Cost struct {
	Kind  string  // "conv 3×3", "linear", "attention", …
	FLOPs float64 // of the plain algorithm; a multiplication and an addition are two

	format kernel.Format // of the factors, where no weight tells
}

// The share of the matrix kernel's rate in cache that kinds of operations reach in a
// whole model; Winograd's convolution needs a quarter of the multiplications.
var efficiency = map[string]float64{
	"linear": 0.85, "conv 1×1": 0.85, "conv 3×3": 0.8, "conv 3×3, Winograd": 4 * 0.6, "attention": 0.8, "token matching": 0.8,
}

// bandwidth is the bytes of output a second of operations without arithmetic of
// account, on one or two threads.
const bandwidth = 20e9

// Time predicts how long an operation takes with weights in a format, that writes a
// number of bytes, on a number of threads.
func (c Cost) Time(format kernel.Format, threads int, output int64) time.Duration {
	seconds := float64(output) / bandwidth
	if c.FLOPs > 0 {
		seconds = c.FLOPs / (kernel.Rate(max(format, c.format)) * float64(threads) * efficiency[c.Kind])
	}
	return time.Duration(seconds * 1e9)
}

// CostOf returns the cost of a kernel. Kernels that only move or scale numbers
// count no arithmetic.
func CostOf(k Kernel) Cost {
	switch k := k.(type) {
	case conv2d:
		kind := "conv 1×1"
		if k.s.KH > 1 {
			kind = "conv 3×3"
		}
		if k.winograd {
			kind = "conv 3×3, Winograd"
		}
		return Cost{Kind: kind, FLOPs: 2 * float64(k.s.N*k.s.OutH*k.s.OutW*k.s.OutC) * float64(k.s.KH*k.s.KW*k.s.InC)}
	case normConv:
		return CostOf(k.conv)
	case linear:
		return Cost{Kind: "linear", FLOPs: 2 * float64(k.m) * float64(k.in) * float64(k.out)}
	case attention:
		s := k.s
		c := Cost{Kind: "attention", FLOPs: 4 * float64(s.Batch*s.Heads*s.HeadDim) * float64(s.Queries) * float64(s.Keys)}
		if s.BFloat16 {
			c.format = kernel.BFloat16
		}
		return c
	case matchTokens:
		return Cost{Kind: "token matching", FLOPs: 2 * float64(k.s.N*k.s.C) * float64(k.s.Tokens()) * float64(k.s.Destinations())}
	case groupNorm, layerNorm:
		return Cost{Kind: "norm"}
	case add, addPerChannel, activation, geglu:
		return Cost{Kind: "elementwise"}
	}
	return Cost{Kind: "layout and embedding"}
}
