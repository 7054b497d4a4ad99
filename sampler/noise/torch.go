package noise

import "math"

// Torch draws the numbers of torch.Generator("cpu"): the Mersenne Twister of
// Matsumoto & Nishimura (1998), and torch's way of making normal numbers of it.
// A seed gives the picture that it gives in PyTorch programs that make their
// noise on the CPU.
//
// Only the low 32 bits of the seed count. Torch computes logarithm, sine and
// cosine in vectorised float32 and we do in float64, so values may differ from
// its by 2e-6 at most; ours are the same in every run, and on other platforms up
// to a rounding of float64, which all but never reaches float32.
//
// A Torch is a stream with state: it must not be used from two goroutines at once.
//
// https://doi.org/10.1145/272991.272995
type Torch struct {
	state [mtSize]uint32
	next  int

	cached    float64 // second number of the last pair of the scalar path
	hasCached bool
}

const (
	mtSize  = 624
	mtShift = 397
)

// NewTorch returns the stream of torch.Generator("cpu").manual_seed(seed).
func NewTorch(seed uint64) *Torch {
	g := &Torch{next: mtSize}
	g.state[0] = uint32(seed)
	for i := uint32(1); i < mtSize; i++ {
		last := g.state[i-1]
		g.state[i] = 1812433253*(last^last>>30) + i
	}
	return g
}

// Uint32 returns the next 32 random bits.
func (g *Torch) Uint32() uint32 {
	if g.next == mtSize {
		g.twist()
	}
	y := g.state[g.next]
	g.next++
	y ^= y >> 11
	y ^= y << 7 & 0x9d2c5680
	y ^= y << 15 & 0xefc60000
	return y ^ y>>18
}

func (g *Torch) twist() {
	for i := range g.state {
		y := g.state[i]&(1<<31) | g.state[(i+1)%mtSize]&(1<<31-1)
		v := g.state[(i+mtShift)%mtSize] ^ y>>1
		if y&1 != 0 {
			v ^= 0x9908b0df
		}
		g.state[i] = v
	}
	g.next = 0
}

// Uint64 returns the next 64 random bits, the first word on top.
func (g *Torch) Uint64() uint64 {
	high := uint64(g.Uint32())
	return high<<32 | uint64(g.Uint32())
}

// Float32 returns the next number of torch.rand, a multiple of 2⁻²⁴ in [0, 1).
func (g *Torch) Float32() float32 { return float32(g.Uint32()&(1<<24-1)) / (1 << 24) }

// Float64 returns the next number of torch.rand in float64, a multiple of 2⁻⁵³ in
// [0, 1).
func (g *Torch) Float64() float64 { return float64(g.Uint64()&(1<<53-1)) / (1 << 53) }

// block is the number of normal numbers that torch makes at once.
const block = 16

// Normal fills dst with torch.randn(len(dst)), a contiguous float32 tensor. Calls
// continue one stream as calls of torch.randn do. It is a [Func].
func (g *Torch) Normal(dst []float32) {
	if len(dst) < block {
		for i := range dst {
			dst[i] = float32(g.normal())
		}
		return
	}
	for i := range dst {
		dst[i] = g.Float32()
	}
	n := len(dst) - len(dst)%block
	for i := 0; i < n; i += block {
		boxMuller(dst[i : i+block])
	}
	if n < len(dst) { // torch draws the last whole block anew
		tail := dst[len(dst)-block:]
		for i := range tail {
			tail[i] = g.Float32()
		}
		boxMuller(tail)
	}
}

// boxMuller turns a block of uniform numbers into normal ones: the first half
// gives the radii, the second the angles.
func boxMuller(b []float32) {
	for i := range block / 2 {
		radius := math.Sqrt(-2 * math.Log(float64(1-b[i])))
		sin, cos := math.Sincos(2 * math.Pi * float64(b[i+block/2]))
		b[i], b[i+block/2] = float32(radius*cos), float32(radius*sin)
	}
}

// normal is torch's path for a few numbers: in float64, two at a time, the second
// of which waits for the next call.
func (g *Torch) normal() float64 {
	if g.hasCached {
		g.hasCached = false
		return g.cached
	}
	angle, u := 2*math.Pi*g.Float64(), g.Float64()
	radius := math.Sqrt(-2 * math.Log1p(-u))
	sin, cos := math.Sincos(angle)
	g.cached, g.hasCached = radius*sin, true
	return radius * cos
}
