package op

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/kernel"
)

// always is the processor, where images of any size go by stripes.
type always struct{ CPU }

func (always) Stripes(int) bool { return true }

// By stripes the bytes are those of normalisation and convolution one after the
// other, in place too, for any height of the last stripe.
func TestNormConv(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	random := func(n int) []float32 {
		x := make([]float32, n)
		for i := range x {
			x[i] = float32(r.NormFloat64())
		}
		return x
	}
	const groups = 4
	for _, tt := range []struct{ n, h, w, in, out, rows int }{
		{1, 15, 7, 16, 16, 4}, {2, 13, 9, 32, 16, 4}, {1, 17, 5, 16, 3, 8}, {2, 32, 4, 48, 48, 12}, {1, 12, 4, 16, 32, 8},
	} {
		for _, winograd := range []bool{false, true} {
			for _, full := range []bool{false, true} {
				name := fmt.Sprintf("%+v, winograd %v, epilogue %v", tt, winograd, full)
				s := kernel.ConvShape{N: tt.n, H: tt.h, W: tt.w, InC: tt.in, OutC: tt.out, KH: 3, KW: 3, Stride: 1, PadTop: 1, PadLeft: 1, OutH: tt.h, OutW: tt.w}
				norm := groupNorm{s: kernel.NormShape{N: tt.n, Pixels: tt.h * tt.w, C: tt.in, Groups: groups}, eps: 1e-6, act: kernel.SiLU}
				conv := conv2d{s: s, ep: epilogue{rows: tt.h * tt.w, bias: true, perSample: full, residual: full}, winograd: winograd}
				x, gamma, beta, weight := random(tt.n*tt.h*tt.w*tt.in), random(tt.in), random(tt.in), random(tt.out*tt.in*9)
				w := Arg{Data: weight}
				more := []Arg{{Data: random(tt.out)}}
				if full {
					more = append(more, Arg{Data: random(tt.n * tt.out)}, Arg{Data: random(tt.n * tt.h * tt.w * tt.out)})
				}

				normed, want := make([]float32, len(x)), make([]float32, tt.n*tt.h*tt.w*tt.out)
				kernel.Serial(norm.Phases(normed, []Arg{{Data: x}, {Data: gamma}, {Data: beta}}, make([]float32, norm.Work()))...)
				kernel.Serial(conv.Phases(want, append([]Arg{{Data: normed}, w}, more...), make([]float32, conv.Work()))...)

				joined := normConv{norm: norm, conv: conv, rows: tt.rows}
				in := append([]Arg{{Data: x}, {Data: gamma}, {Data: beta}, w}, more...)
				got, work := make([]float32, len(want)), random(joined.Work())
				kernel.Serial(joined.Phases(got, in, work)...)
				require.Equal(t, want, got, name)
				if assert.Equal(t, tt.out <= tt.in, joined.Shrinks(0)) && tt.out <= tt.in {
					kernel.Serial(joined.Phases(x[:len(want)], in, random(joined.Work()))...)
					require.Equal(t, want, x[:len(want)], "%s, in place", name)
				}

				k, ok := newNormConv(always{}, norm, conv)
				assert.Equal(t, ok, stripeRows(conv)+2 < tt.h)
				if ok {
					kernel.Serial(k.(Kernel).Phases(got, in, make([]float32, k.(Kernel).Work()))...)
				}
			}
		}
	}

	norm := groupNorm{s: kernel.NormShape{N: 1, Pixels: 30 * 1000, C: 256, Groups: groups}}
	conv := conv2d{s: kernel.ConvShape{N: 1, H: 1000, W: 30, InC: 256, OutC: 64, KH: 3, KW: 3, Stride: 1, PadTop: 1, PadLeft: 1, OutH: 1000, OutW: 30}}
	cpu := always{}
	k, ok := norm.Fuse(cpu, conv, 0)
	require.True(t, ok)
	assert.Less(t, k.(Kernel).Work(), 1000*30*256)
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
