//go:build gpu && cgo && linux

package cuda_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"sdgo/internal/cuda"
	"sdgo/internal/device"
	"sdgo/internal/engine"
	"sdgo/internal/kernel"
	"sdgo/internal/op"
)

// Tolerances are relative to the largest output: rounding of the type, for values that are
// rounded a few times. That of float32 is the processor's, and what the approximate
// exponential and reciprocal add.
var tolerances = map[device.Type]float64{device.F32: 4e-6, device.F16: 1.5e-3, device.BF16: 1.2e-2}

// open opens the first device.
func open(t *testing.T) device.Device {
	d, err := cuda.Open(0)
	require.NoError(t, err)
	t.Cleanup(func() { d.Close() })
	return d
}

// deviceCase is an operation whose inputs from number weights on are weights.
type deviceCase struct {
	name    string
	shapes  [][]int
	weights int
	fixed   map[int][]float32
	make    func(in []*G.Node) (*G.Node, error)
}

// deviceCases is the table of tests. In one piece: a row is a few lines.
func deviceCases() []deviceCase {
	one := func(f func(x *G.Node) (*G.Node, error)) func([]*G.Node) (*G.Node, error) {
		return func(in []*G.Node) (*G.Node, error) { return f(in[0]) }
	}
	linear := func(in []*G.Node) (*G.Node, error) { return op.Linear(in[0], in[1], in[2]) }
	cases := []deviceCase{
		{"linear", [][]int{{2, 37, 72}, {104, 72}, {104}}, 1, nil, linear},
		{"linear, K split", [][]int{{2, 5, 1288}, {64, 1288}, {64}}, 1, nil, linear},
		{"linear of odd sizes", [][]int{{2, 3, 5}, {7, 5}, {7}}, 1, nil, linear},
		{"linear, wide", [][]int{{2, 200, 64}, {384, 64}, {384}}, 1, nil, linear},
		{"add", [][]int{{3, 70}, {3, 70}}, 9, nil, func(in []*G.Node) (*G.Node, error) { return op.Add(in[0], in[1]) }},
		{"add per channel", [][]int{{2, 3, 2, 5}, {2, 5}}, 9, nil, func(in []*G.Node) (*G.Node, error) { return op.AddPerChannel(in[0], in[1]) }},
		{"geglu", [][]int{{3, 80}}, 9, nil, one(op.GEGLU)},
		{"concat", [][]int{{6, 8}, {6, 20}}, 9, nil, func(in []*G.Node) (*G.Node, error) { return op.Concat(in[0], in[1]) }},
		{"concat of odd sizes", [][]int{{6, 3}, {6, 5}}, 9, nil, func(in []*G.Node) (*G.Node, error) { return op.Concat(in[0], in[1]) }},
		{"upsample", [][]int{{2, 3, 4, 8}}, 9, nil, one(func(x *G.Node) (*G.Node, error) { return op.Upsample(x, 6, 8) })},
		{"upsample, odd", [][]int{{2, 2, 3, 3}}, 9, nil, one(func(x *G.Node) (*G.Node, error) { return op.Upsample(x, 5, 6) })},
		{"channels last", [][]int{{2, 3, 5, 7}}, 9, nil, one(op.ChannelsLast)},
		{"channels first", [][]int{{2, 5, 7, 40}}, 9, nil, one(op.ChannelsFirst)},
		{"embed", [][]int{{2, 3}, {7, 4}, {5, 4}}, 1, map[int][]float32{0: {6, 0, 2, 2, 1, 6}}, func(in []*G.Node) (*G.Node, error) { return op.Embed(in[0], in[1], in[2]) }},
		{"gather", [][]int{{2, 3, 4}, {2}}, 9, map[int][]float32{1: {2, 0}}, func(in []*G.Node) (*G.Node, error) { return op.Gather(in[0], in[1]) }},
		{"timesteps", [][]int{{3}}, 9, map[int][]float32{0: {0, 17.5, 999}}, one(func(x *G.Node) (*G.Node, error) { return op.Timesteps(x, 320, true, 0) })},
		{"conv, silu, residual", [][]int{{2, 9, 11, 16}, {24, 16, 3, 3}, {24}}, 1, nil, func(in []*G.Node) (*G.Node, error) {
			y, err := op.Conv2D(in[0], in[1], in[2], 1, op.Same(1))
			if err != nil {
				return nil, err
			}
			if y, err = op.Activate(y, kernel.SiLU); err != nil {
				return nil, err
			}
			return op.Add(y, y)
		}},
		{"conv, relu", [][]int{{1, 4, 5, 16}, {24, 16, 3, 3}, {24}}, 1, nil, func(in []*G.Node) (*G.Node, error) {
			y, err := op.Conv2D(in[0], in[1], in[2], 1, op.Same(1))
			if err != nil {
				return nil, err
			}
			return op.Activate(y, kernel.ReLU)
		}},
		{"relu", [][]int{{3, 70}}, 9, nil, one(func(x *G.Node) (*G.Node, error) { return op.Activate(x, kernel.ReLU) })},
		{"affine", [][]int{{3, 70}}, 9, nil, one(func(x *G.Node) (*G.Node, error) { return op.Affine(x, 0.5, -1.25) })},
		{"soft clamp", [][]int{{3, 70}}, 9, nil, one(func(x *G.Node) (*G.Node, error) { return op.SoftClamp(x, 0.75) })},
		{"masked attention", [][]int{{2, 35, 80}, {2, 5, 80}, {2, 5, 80}, {2, 5}}, 9, map[int][]float32{3: {0, 1, 0, 1, 1, 1, 0, 0, 0, 0}}, func(in []*G.Node) (*G.Node, error) {
			return op.MaskedAttention(in[0], in[1], in[2], in[3], 2, false)
		}},
		{"upsample, conv", [][]int{{1, 5, 4, 16}, {8, 16, 3, 3}, {8}}, 1, nil, func(in []*G.Node) (*G.Node, error) {
			up, err := op.Upsample(in[0], 10, 8)
			if err != nil {
				return nil, err
			}
			return op.Conv2D(up, in[1], in[2], 1, op.Same(1))
		}},
		{"linear, gelu", [][]int{{2, 9, 16}, {24, 16}, {24}}, 1, nil, func(in []*G.Node) (*G.Node, error) {
			y, err := op.Linear(in[0], in[1], in[2])
			if err != nil {
				return nil, err
			}
			return op.Activate(y, kernel.GELU)
		}},
	}
	cases = append(cases, imageCases()...)
	for _, act := range []kernel.Activation{kernel.SiLU, kernel.GELU, kernel.QuickGELU} {
		cases = append(cases, deviceCase{fmt.Sprint("activation ", act), [][]int{{3, 71}}, 9, nil, one(func(x *G.Node) (*G.Node, error) { return op.Activate(x, act) })})
	}
	for _, c := range []struct{ n, tq, tk, heads, d int }{{1, 70, 40, 2, 40}, {2, 20, 77, 1, 64}, {1, 33, 9, 1, 80}, {1, 40, 50, 1, 160}, {2, 17, 35, 3, 12}, {1, 20, 40, 1, 512}, {1, 77, 77, 2, 96}} {
		for _, causal := range []bool{false, true} {
			if causal && c.tq != c.tk {
				continue
			}
			w := c.heads * c.d
			cases = append(cases, deviceCase{fmt.Sprintf("attention %+v, causal %v", c, causal), [][]int{{c.n, c.tq, w}, {c.n, c.tk, w}, {c.n, c.tk, w}}, 9, nil,
				func(in []*G.Node) (*G.Node, error) { return op.Attention(in[0], in[1], in[2], c.heads, causal, false) }})
		}
	}
	for _, c := range []struct{ pixels, c, groups int }{{6, 6, 3}, {150, 96, 16}, {40, 1280, 32}, {300, 32, 32}} {
		cases = append(cases,
			deviceCase{fmt.Sprintf("group norm %+v", c), [][]int{{2, c.pixels, 1, c.c}, {c.c}, {c.c}}, 1, nil, func(in []*G.Node) (*G.Node, error) { return op.GroupNorm(in[0], in[1], in[2], c.groups, 1e-5) }},
			deviceCase{fmt.Sprintf("layer norm %+v", c), [][]int{{c.pixels, c.c}, {c.c}, {c.c}}, 1, nil, func(in []*G.Node) (*G.Node, error) { return op.LayerNorm(in[0], in[1], in[2], 1e-5) }})
	}
	for _, c := range []struct {
		h, w, in, out, k, stride int
		pad                      op.Padding
	}{
		{5, 6, 3, 4, 3, 1, op.Same(1)}, {4, 5, 40, 32, 1, 1, op.Padding{}}, {6, 7, 8, 4, 3, 2, op.Same(1)},
		{6, 6, 8, 16, 3, 2, op.Padding{Bottom: 1, Right: 1}}, {9, 7, 72, 136, 3, 1, op.Same(1)}, {4, 4, 320, 64, 3, 1, op.Same(1)},
	} {
		cases = append(cases, deviceCase{fmt.Sprintf("conv2d %v", c), [][]int{{2, c.h, c.w, c.in}, {c.out, c.in, c.k, c.k}, {c.out}}, 1, nil,
			func(in []*G.Node) (*G.Node, error) { return op.Conv2D(in[0], in[1], in[2], c.stride, c.pad) }})
	}
	return cases
}

// round rounds numbers to a type, so that both machines have the same inputs.
func round(x []float32, t device.Type) {
	for i, v := range x {
		switch t {
		case device.F16:
			h := kernel.Float16Bits(v)
			x[i] = float32(math.Ldexp(float64(h&1023|1024), int(h>>10&31)-25))
			if h>>10&31 == 0 {
				x[i] = float32(math.Ldexp(float64(h&1023), -24))
			}
			x[i] = float32(math.Copysign(float64(x[i]), float64(v)))
		case device.BF16:
			x[i] = math.Float32frombits(uint32(kernel.BFloat16Bits(v)) << 16)
		}
	}
}

// Every operation gives on a device what it gives on the processor, within the rounding
// of the type.
func TestOperations(t *testing.T) {
	d := open(t)
	eng, err := engine.New(&engine.Options{Threads: 1})
	require.NoError(t, err)
	for _, typ := range []device.Type{device.F32, device.F16, device.BF16} {
		if d.Target(typ).Arch < 80 && typ == device.BF16 {
			continue
		}
		target := op.Device{Target: d.Target(typ)}
		onDevice := engineOn(t, d)
		for _, c := range deviceCases() {
			t.Run(fmt.Sprintf("%v/%s", typ, c.name), func(t *testing.T) {
				rng := rand.New(rand.NewPCG(1, 2))
				values := make([][]float32, len(c.shapes))
				for i, s := range c.shapes {
					if values[i] = c.fixed[i]; values[i] == nil {
						values[i] = make([]float32, tensor.Shape(s).TotalSize())
						for j := range values[i] {
							values[i][j] = float32(rng.NormFloat64())
						}
						if i < c.weights || len(s) > 1 {
							round(values[i], typ)
						}
					}
				}
				want := c.run(t, eng, op.CPU{}, values, nil)
				have := c.run(t, onDevice, target, values, d)
				compare(t, want, have, tolerances[typ])
			})
		}
	}
}

func engineOn(t *testing.T, d device.Device) *engine.Engine {
	eng, err := engine.New(&engine.Options{Device: d})
	require.NoError(t, err)
	return eng
}

// plan makes the operation's plan, with the values of those inputs that are no weights,
// and the size of its output; d is nil on the processor.
func (c deviceCase) plan(t *testing.T, target op.Target, values [][]float32, d device.Device) (plan *engine.Plan, inputs [][]float32, size int, err error) {
	g := G.NewGraph()
	var in, nodes []*G.Node
	for i, s := range c.shapes {
		n := G.NewTensor(g, tensor.Float32, len(s), G.WithShape(s...), G.WithName(fmt.Sprint("x", i)))
		if i >= c.weights {
			w := op.NewWeight(s)
			w.Set(weight(t, values[i], s, target, d), nil)
			require.NoError(t, G.Let(n, w))
		} else {
			in, inputs = append(in, n), append(inputs, values[i])
		}
		nodes = append(nodes, n)
	}
	out, err := c.make(nodes)
	require.NoError(t, err)
	plan, err = engine.NewPlanFor(target, in, []*G.Node{out})
	return plan, inputs, out.Shape().TotalSize(), err
}

// run computes the operation; d is nil on the processor.
func (c deviceCase) run(t *testing.T, eng *engine.Engine, target op.Target, values [][]float32, d device.Device) []float32 {
	plan, inputs, size, err := c.plan(t, target, values, d)
	require.NoError(t, err)
	y := make([]float32, size)
	require.NoError(t, eng.Run(t.Context(), plan, inputs, [][]float32{y}), fault())
	return y
}

// weight is a weight's value on the processor, or on a device: filters have their
// channels last there.
func weight(t *testing.T, x []float32, s tensor.Shape, target op.Target, d device.Device) op.Arg {
	if d == nil {
		return op.Arg{Data: x}
	}
	typ := target.(op.Device).Type
	if len(s) < 2 {
		typ = device.F32
	}
	y := x
	if len(s) == 4 {
		y = make([]float32, len(x))
		taps := s[2] * s[3]
		for i, v := range x {
			o, c, tap := i/taps/s[1], i/taps%s[1], i%taps
			y[(o*taps+tap)*s[1]+c] = v
		}
	}
	var b []byte
	for _, v := range y {
		switch typ {
		case device.F32:
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
		case device.F16:
			b = binary.LittleEndian.AppendUint16(b, kernel.Float16Bits(v))
		case device.BF16:
			b = binary.LittleEndian.AppendUint16(b, kernel.BFloat16Bits(v))
		}
	}
	p, err := d.Alloc(int64(len(b)))
	require.NoError(t, err)
	t.Cleanup(func() { d.Free(p) })
	require.NoError(t, d.Upload(p, b))
	return op.Arg{Device: p}
}

func compare(t *testing.T, want, have []float32, tolerance float64) {
	t.Helper()
	require.Len(t, have, len(want))
	var worst, most float64
	at := 0
	for i := range want {
		most = max(most, math.Abs(float64(want[i])))
		if diff := math.Abs(float64(want[i]) - float64(have[i])); !(diff <= worst) {
			worst, at = diff, i
		}
	}
	if !(worst <= tolerance*most) {
		t.Errorf("at %d of %d: have %v, want %v: %.2e of the largest, want at most %.1e", at, len(want), have[at], want[at], worst/most, tolerance)
	}
}
