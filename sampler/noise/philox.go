package noise

import "math"

// Philox draws torch's CUDA normal numbers as Stable Diffusion WebUI reproduces
// them on a CPU: Philox4x32-10 of Salmon et al. (2011), one counter for each
// element and one for each call, and Box-Muller in float32. All 64 bits of the
// seed count.
//
// A Philox is a stream with state: it must not be used from two goroutines at once.
//
// https://doi.org/10.1145/2063384.2063405
type Philox struct {
	seed   uint64
	offset uint32
}

// NewPhilox returns the stream of torch.manual_seed(seed) on a CUDA device.
func NewPhilox(seed uint64) *Philox { return &Philox{seed: seed} }

// Normal fills dst with torch.randn(len(dst), device="cuda"). It is a [Func].
func (g *Philox) Normal(dst []float32) {
	const unit = float32(2.3283064e-10) // 2⁻³²
	const turn = float32(2.3283064e-10 * 6.2831855)
	for i := range dst {
		w := philox(g.seed, [4]uint32{g.offset, 0, uint32(i), 0})
		u := float32(float32(w[0])*unit) + unit/2
		v := float32(float32(w[1])*turn) + turn/2
		radius := float32(math.Sqrt(float64(-2 * float32(math.Log(float64(u))))))
		dst[i] = radius * float32(math.Sin(float64(v)))
	}
	g.offset++
}

// philox is ten rounds of Philox4x32.
func philox(key uint64, c [4]uint32) [4]uint32 {
	k0, k1 := uint32(key), uint32(key>>32)
	for range 10 {
		a, b := uint64(c[0])*0xd2511f53, uint64(c[2])*0xcd9e8d57
		c = [4]uint32{uint32(b>>32) ^ c[1] ^ k0, uint32(b), uint32(a>>32) ^ c[3] ^ k1, uint32(a)}
		k0 += 0x9e3779b9
		k1 += 0xbb67ae85
	}
	return c
}
