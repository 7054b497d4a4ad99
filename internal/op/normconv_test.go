package op

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/kernel"
)

// always is the processor, where images of any size go by stripes.
type always struct{ CPU }

func (always) Stripes(int) bool { return true }

// normConvCase is a normalisation and a convolution, one after the other, of random
// numbers.
type normConvCase struct {
	norm   groupNorm
	conv   conv2d
	inputs []Arg // of the two joined
	want   []float32
}

func newNormConvCase(r *rand.Rand, n, h, w, in, out int, winograd, rounded, full bool, wrap Wrap) normConvCase {
	random := func(n int) Arg {
		x := make([]float32, n)
		for i := range x {
			x[i] = float32(r.NormFloat64())
		}
		return Arg{Data: x}
	}
	s := kernel.ConvShape{N: n, H: h, W: w, InC: in, OutC: out, KH: 3, KW: 3, Stride: 1, PadTop: 1, PadLeft: 1, OutH: h, OutW: w, WrapX: wrap.X, WrapY: wrap.Y}
	factors := Exact
	if rounded {
		factors = RoundWinograd
	}
	c := normConvCase{
		norm: groupNorm{s: kernel.NormShape{N: n, Pixels: h * w, C: in, Groups: 4}, eps: 1e-6, act: kernel.SiLU},
		conv: conv2d{s: s, ep: epilogue{rows: h * w, bias: true, perSample: full, residual: full}, winograd: winograd, factors: factors},
	}
	x, gamma, beta, weight := random(n*h*w*in), random(in), random(in), random(out*in*9)
	more := []Arg{random(out)}
	if full {
		more = append(more, random(n*out), random(n*h*w*out))
	}
	c.inputs = append([]Arg{x, gamma, beta, weight}, more...)

	normed := make([]float32, len(x.Data))
	kernel.Serial(c.norm.Phases(normed, []Arg{x, gamma, beta}, make([]float32, c.norm.Work()))...)
	c.want = make([]float32, n*h*w*out)
	kernel.Serial(c.conv.Phases(c.want, append([]Arg{{Data: normed}, weight}, more...), make([]float32, c.conv.Work()))...)
	return c
}

// check runs k, which is the two joined, on work space that holds anything.
func (c normConvCase) check(t *testing.T, r *rand.Rand, k Phaser, out []float32, name string) {
	t.Helper()
	work := make([]float32, k.Work())
	for i := range work {
		work[i] = float32(r.NormFloat64())
	}
	kernel.Serial(k.Phases(out, c.inputs, work)...)
	require.Equal(t, c.want, out, name)
}

// By stripes the bytes are those of normalisation and convolution one after the
// other, in place too, for any height of the last stripe.
func TestNormConv(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, tt := range []struct {
		n, h, w, in, out, rows int
		shrinks                bool // the output fits over x
		wrap                   Wrap
	}{
		{1, 15, 7, 16, 16, 4, true, Wrap{}}, {2, 13, 9, 32, 16, 4, true, Wrap{}}, {1, 17, 5, 16, 3, 8, true, Wrap{}},
		{2, 32, 4, 48, 48, 12, true, Wrap{}}, {1, 12, 4, 16, 32, 8, false, Wrap{}},
		{2, 13, 9, 32, 16, 4, true, Wrap{X: true}}, {2, 13, 9, 32, 16, 4, false, Wrap{Y: true}}, {1, 16, 5, 16, 3, 8, false, Wrap{true, true}},
	} {
		for _, algorithm := range []string{"direct", "rounded", "winograd", "rounded winograd"} {
			for _, full := range []bool{false, true} {
				name := fmt.Sprintf("%+v, %s, epilogue %v", tt, algorithm, full)
				c := newNormConvCase(r, tt.n, tt.h, tt.w, tt.in, tt.out, strings.HasSuffix(algorithm, "winograd"), strings.HasPrefix(algorithm, "rounded"), full, tt.wrap)
				out := make([]float32, len(c.want))
				joined := normConv{norm: c.norm, conv: c.conv, rows: tt.rows}
				c.check(t, r, joined, out, name)
				assert.Equal(t, tt.shrinks, joined.Shrinks(0), name)
				if tt.shrinks {
					c.check(t, r, joined, c.inputs[0].Data[:len(out)], name+", in place")
				}
			}
		}
	}
}

// Stripes are as high as what Winograd's convolution transforms together, and an image
// that is not higher has none.
func TestNormConvRows(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	for height, rows := range map[int]int{124: 60, 56: 0} {
		c := newNormConvCase(r, 1, height, 13, 1024, 16, true, false, true, Wrap{})
		k, joins := newNormConv(always{}, c.norm, c.conv)
		require.Equal(t, rows > 0, joins, "%d rows", height)
		if joins {
			assert.Equal(t, rows, k.(normConv).rows)
			c.check(t, r, k.(Phaser), make([]float32, len(c.want)), k.String())
		}
	}
}

// A normalisation takes in the convolution of a large image that follows it, and a sum
// after that.
func TestNormConvFuse(t *testing.T) {
	norm := groupNorm{s: kernel.NormShape{N: 1, Pixels: 30 * 1000, C: 256, Groups: 4}}
	conv := conv2d{s: kernel.ConvShape{N: 1, H: 1000, W: 30, InC: 256, OutC: 64, KH: 3, KW: 3, Stride: 1, PadTop: 1, PadLeft: 1, OutH: 1000, OutW: 30}}
	cpu := always{}
	k, ok := norm.Fuse(cpu, conv, 0)
	require.True(t, ok)
	assert.Less(t, k.(Phaser).Work(), 1000*30*256)
	k, ok = k.(Fuser).Fuse(cpu, add{1000 * 30 * 64}, 0)
	require.True(t, ok)
	assert.True(t, cpu.InPlace(k, 0))
	assert.False(t, cpu.InPlace(k, 3))
	assert.True(t, cpu.InPlace(k, 4), "the residual")
	assert.Equal(t, conv.Cost(), k.Cost())
	conv.s.Stride, conv.s.OutH, conv.s.OutW = 2, 500, 15
	_, ok = norm.Fuse(cpu, conv, 0)
	assert.False(t, ok)
}
