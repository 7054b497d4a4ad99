package op

// Cost is the arithmetic of a kernel, for reports.
type Cost struct {
	Kind  string  // "conv 3×3", "linear", "attention", …
	FLOPs float64 // of the plain algorithm; a multiplication and an addition are two
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
		return Cost{kind, 2 * float64(k.s.N*k.s.OutH*k.s.OutW*k.s.OutC) * float64(k.s.KH*k.s.KW*k.s.InC)}
	case linear:
		return Cost{"linear", 2 * float64(k.m) * float64(k.in) * float64(k.out)}
	case attention:
		s := k.s
		return Cost{"attention", 4 * float64(s.Batch*s.Heads*s.HeadDim) * float64(s.Queries) * float64(s.Keys)}
	case matchTokens:
		return Cost{"token matching", 2 * float64(k.s.N*k.s.C) * float64(k.s.Tokens()) * float64(k.s.Destinations())}
	case groupNorm, layerNorm:
		return Cost{Kind: "norm"}
	case add, addPerChannel, activation, geglu:
		return Cost{Kind: "elementwise"}
	}
	return Cost{Kind: "layout and embedding"}
}
