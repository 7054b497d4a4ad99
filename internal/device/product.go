package device

// Product is a matrix product or a convolution: out = act(a·wᵀ + bias + perSample) +
// residual. Nil pointers stand for none.
type Product struct {
	A, W, Bias, PerSample, Residual, Out Ptr
	M, N, K                              int
	Rows                                 int // of one sample
	Act                                  Activation
	Image                                *Image // of a convolution
}

// Image is what a convolution reads: [N H W C] as it is seen, which lies in memory as
// [N SrcH SrcW C] if it is enlarged while it is read.
type Image struct {
	H, W, C, KW, Stride, PadTop, PadLeft, OutH, OutW, SrcH, SrcW int
}

// Activation is applied to numbers. Kernels know them by these numbers.
type Activation int32

// The activations.
const (
	None Activation = iota
	SiLU
	GELU
	QuickGELU
	ReLU
)

// productArgs is ProductArgs of product.cuh.
type productArgs struct {
	a, w, bias, perSample, residual, out, part Ptr
	m, n, k, rows                              int32
	slope                                      float32
	steps                                      int32
	h, w2, c, kw, stride, padTop, padLeft      int32
	outH, outW, srcH, srcW, _                  int32
}

// tensorCores says whether they take the product.
func (p Product) tensorCores(t Target) bool {
	k := p.K
	if p.Image != nil {
		k = p.Image.C
	}
	return t.Type != F32 && k%8 == 0 && p.N%2 == 0
}

// Work is the bytes of scratch of the launches.
func (p Product) Work(t Target) int {
	if !p.tensorCores(t) {
		return 0
	}
	if _, splits, _ := p.choose(t); splits > 1 {
		return 4 * splits * p.M * p.N
	}
	return 0
}

// Launches returns the product's launches.
func (p Product) Launches(t Target, work Ptr) []Launch {
	if p.Act == GELU { // not in the kernel: its code would be the larger part of it
		plain := p
		plain.Act, plain.Residual = None, 0
		list := append(plain.Launches(t, work), Activate(t, p.Out, p.Out, p.M*p.N, GELU)...)
		if p.Residual != 0 {
			list = append(list, Add(t, p.Out, p.Out, p.Residual, p.M*p.N)...)
		}
		return list
	}
	args := productArgs{a: p.A, w: p.W, bias: p.Bias, perSample: p.PerSample, residual: p.Residual, out: p.Out,
		m: int32(p.M), n: int32(p.N), k: int32(p.K), rows: int32(p.Rows)}
	switch p.Act {
	case SiLU:
		args.slope = 1
	case QuickGELU:
		args.slope = 1.702
	case ReLU:
		args.slope = -1
	}
	kind := "gemm"
	if i := p.Image; i != nil {
		kind = "conv"
		args.h, args.w2, args.c, args.kw, args.stride = int32(i.H), int32(i.W), int32(i.C), int32(i.KW), int32(i.Stride)
		args.padTop, args.padLeft, args.outH, args.outW = int32(i.PadTop), int32(i.PadLeft), int32(i.OutH), int32(i.OutW)
		args.srcH, args.srcW = int32(i.SrcH), int32(i.SrcW)
	}
	if !p.tensorCores(t) {
		return []Launch{launch("plain_"+kind, t.Type, [3]int{ceil(p.N, 64), ceil(p.M, 64), 1}, 0, args).moves(p.bytes(t)).computesPlain(p.flops())}
	}
	c, splits, steps := p.choose(t)
	args.steps = int32(steps)
	if splits > 1 {
		args.part = work
	}
	list := []Launch{launch(kind+"_"+c.name, t.Type, [3]int{ceil(p.N, c.bn), ceil(p.M, c.bm), splits}, c.shared(t.Arch), args).moves(p.bytes(t)).computesTiles(p.flops(), c.time(t, p.M, p.N, p.K, splits))}
	if splits > 1 {
		args.steps = int32(splits)
		sums := 4 * splits * p.M * p.N
		list[0] = list[0].moves(p.bytes(t) + sums)
		list = append(list, launch("reduce", t.Type, [3]int{min(ceil(p.M*p.N, 512), 8*t.SMs), 1, 1}, 0, args).moves(sums+p.M*p.N*t.Type.Size()))
	}
	return list
}

// flops is the arithmetic of the product.
func (p Product) flops() float64 { return 2 * float64(p.M) * float64(p.N) * float64(p.K) }

// bytes are those of the operands, the output and what is added to it.
func (p Product) bytes(t Target) int {
	a := p.M * p.K
	if i := p.Image; i != nil {
		a = p.M / max(p.Rows, 1) * i.SrcH * i.SrcW * i.C
	}
	out := p.M * p.N
	if p.Residual != 0 {
		out *= 2
	}
	return (a + p.N*p.K + out) * t.Type.Size()
}
