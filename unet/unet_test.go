package unet

import (
	"fmt"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"sdgo/internal/engine"
	"sdgo/internal/golden"
	"sdgo/internal/nn"
)

// tolerance is ten times what float32 rounding makes of these models, relative
// to the largest value.
const tolerance = 1e-5

func load(t testing.TB, model, variant string) *UNet {
	u, err := LoadFS(golden.Model(t, model), "unet", &LoadOptions{Variant: variant})
	require.NoError(t, err)
	t.Cleanup(func() { u.Close() })
	return u
}

// input reads the inputs of one run of a golden case.
func input(c *golden.Case, run int) Input {
	name := func(s string) string { return fmt.Sprintf("%d.%s", run, s) }
	in := Input{
		Latents: engine.Tensor(c.Float32s(name("sample")), c.Shape(name("sample"))...),
		Cond:    Text(engine.Tensor(c.Float32s(name("encoder_hidden_states")), c.Shape(name("encoder_hidden_states"))...)),
	}
	if c.Has(name("class_labels")) {
		var labels []float32
		for _, l := range c.Int64s(name("class_labels")) {
			labels = append(labels, float32(l))
		}
		in.Cond.ClassLabels = engine.Tensor(labels, len(labels))
	}
	if c.Has(name("text_embeds")) {
		in.Cond.PooledText = engine.Tensor(c.Float32s(name("text_embeds")), c.Shape(name("text_embeds"))...)
		in.Cond.TimeIDs = engine.Tensor(c.Float32s(name("time_ids")), c.Shape(name("time_ids"))...)
	}
	return in
}

func TestGoldens(t *testing.T) {
	for _, tt := range []struct{ module, model string }{
		{"unet_sd15", "tiny-sd15"},
		{"unet_sd15_4blk", "tiny-sd15-4blk"},
		{"unet_sd21_v", "tiny-sd21-v"},
		{"unet_inpaint", "tiny-inpaint"},
		{"unet_depth", "tiny-depth"},
		{"unet_x4", "tiny-x4-upscaler"},
		{"unet_sdxl", "tiny-sdxl"},
	} {
		t.Run(tt.module, func(t *testing.T) {
			u := load(t, tt.model, "")
			c := golden.Open(t, "modules/"+tt.module)
			var info struct {
				Cases []struct {
					Timesteps []any // each a number, or one for each sample
					Outputs   []string
				}
			}
			c.Decode(&info)
			require.NotEmpty(t, info.Cases)
			for run, k := range info.Cases {
				in := input(c, run)
				for i, name := range k.Outputs {
					in.Timesteps = times(k.Timesteps[i])
					out, err := u.Predict(t.Context(), in)
					require.NoError(t, err)
					golden.Close(t, c.Float32s(name), out.Float32s(), tolerance, name)
				}
			}
		})
	}
}

func TestBF16File(t *testing.T) {
	u := load(t, "tiny-sd15", "bf16")
	c := golden.Open(t, "modules/unet_sd15_bf16_file")
	out, err := u.Predict(t.Context(), Input{
		Latents:   engine.Tensor(c.Float32s("sample"), c.Shape("sample")...),
		Cond:      Text(engine.Tensor(c.Float32s("encoder_hidden_states"), c.Shape("encoder_hidden_states")...)),
		Timesteps: []float64{500},
	})
	require.NoError(t, err)
	golden.Close(t, c.Float32s("out"), out.Float32s(), tolerance, "out")
}

func times(v any) []float64 {
	list, ok := v.([]any)
	if !ok {
		return []float64{v.(float64)}
	}
	var out []float64
	for _, v := range list {
		out = append(out, v.(float64))
	}
	return out
}

// Every submodule's output is checked by its path, where ours has that module:
// dropout is none, and a wrapper of one layer is that layer.
func TestBlocks(t *testing.T) {
	for _, tt := range []struct {
		module, model string
		outputs       int
	}{
		{"blocks_sd15", "tiny-sd15", 174},
		{"blocks_sdxl", "tiny-sdxl", 171},
	} {
		t.Run(tt.module, func(t *testing.T) {
			u, c := load(t, tt.model, ""), golden.Open(t, "modules/"+tt.module)
			in := blockInput(c)
			s, inputs, err := u.inputs(in)
			require.NoError(t, err)
			g := nn.NewGraph(G.NewGraph())
			g.Record()
			nodes := u.nodes(g, s)
			u.forward(g, nodes)
			require.NoError(t, g.Err())
			names, outputs := modules(t, c, g.Marks())
			assert.Equal(t, tt.outputs, len(names))

			plan, err := engine.NewPlan(append(u.conditions(nodes), nodes.Latents), outputs)
			require.NoError(t, err)
			var ordered [][]float32
			for _, name := range plan.Inputs() {
				ordered = append(ordered, inputs[name])
			}
			eng, err := engine.New(nil)
			require.NoError(t, err)
			got := make([][]float32, len(outputs))
			for i, n := range outputs {
				got[i] = make([]float32, n.Shape().TotalSize())
			}
			require.NoError(t, eng.Run(t.Context(), plan, ordered, got))
			for i, name := range names {
				x := got[i]
				if s := outputs[i].Shape(); len(s) == 4 && len(c.Shape(name)) == 4 {
					x = golden.ChannelsFirst(x, s)
				}
				golden.Close(t, c.Float32s(name), x, tolerance, name)
			}
		})
	}
}

// blockInput reads the input of a golden case of blocks.
func blockInput(c *golden.Case) Input {
	read := func(name string) *tensor.Dense {
		if !c.Has("input." + name) {
			return nil
		}
		return engine.Tensor(c.Float32s("input."+name), c.Shape("input."+name)...)
	}
	return Input{Latents: read("sample"), Timesteps: []float64{500}, Cond: Conditioning[*tensor.Dense]{
		Tokens: read("encoder_hidden_states"), PooledText: read("text_embeds"), TimeIDs: read("time_ids"),
	}}
}

// modules returns the outputs of a golden case and the nodes that compute them.
func modules(t *testing.T, c *golden.Case, marks map[string]*G.Node) (names []string, outputs []*G.Node) {
	same := regexp.MustCompile(`(.*)\.(to_out\.1|ff\.net\.1|ff\.net\.0|ff)$`)
	alias := map[string]string{"to_out.1": "to_out.0", "ff.net.1": "ff.net.0", "ff": "ff.net.2", "ff.net.0": "ff.net.0"}
	for _, name := range c.Names() {
		path := name
		if m := same.FindStringSubmatch(name); m != nil {
			path = m[1] + "." + alias[m[2]]
		}
		if strings.HasPrefix(name, "input.") {
			continue
		}
		if n := marks[path]; assert.NotNil(t, n, "module %s", name) {
			names, outputs = append(names, name), append(outputs, n)
		}
	}
	return names, outputs
}

// The same graph gives the same bytes on gorgonia's TapeMachine, which fuses
// nothing and allocates every value, and on ours.
func TestTapeMachine(t *testing.T) {
	u := load(t, "tiny-sd15", "")
	c := golden.Open(t, "modules/unet_sd15")
	in := input(c, 1)
	in.Timesteps = []float64{321}
	want, err := u.Predict(t.Context(), in)
	require.NoError(t, err)

	g := G.NewGraph()
	nodes := u.nodes(nn.NewGraph(g), usual(t, u, 2, 8, 8, in.Cond.Tokens.Shape()[1]))
	out, err := u.Build(g, nodes)
	require.NoError(t, err)
	require.NoError(t, G.Let(nodes.Latents, in.Latents))
	require.NoError(t, G.Let(nodes.Timesteps, tensor.New(tensor.WithBacking([]float32{321, 321}))))
	require.NoError(t, G.Let(nodes.Cond.Tokens, in.Cond.Tokens))
	var result G.Value
	G.Read(out, &result)
	vm := G.NewTapeMachine(g)
	defer vm.Close()
	require.NoError(t, vm.RunAll())
	assert.Equal(t, want.Float32s(), result.Data().([]float32))
}

// The bytes depend neither on the number of threads nor on the place in a batch.
func TestDeterministic(t *testing.T) {
	u := load(t, "tiny-sd15", "")
	c := golden.Open(t, "modules/unet_sd15")
	in := input(c, 3)
	in.Timesteps = []float64{450}
	want, err := u.Predict(t.Context(), in)
	require.NoError(t, err)

	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for _, threads := range []int{1, 2, 7} {
		runtime.GOMAXPROCS(threads)
		got, err := u.Predict(t.Context(), in)
		require.NoError(t, err)
		assert.Equal(t, want.Float32s(), got.Float32s(), "%d threads", threads)
	}

	batch := Input{Latents: repeat(in.Latents, 3), Cond: Text(repeat(in.Cond.Tokens, 3)), Timesteps: []float64{900, 450, 1}}
	got, err := u.Predict(t.Context(), batch)
	require.NoError(t, err)
	size := len(want.Float32s())
	assert.Equal(t, want.Float32s(), got.Float32s()[size:2*size], "second of three")
}

func repeat(x *tensor.Dense, n int) *tensor.Dense {
	var data []float32
	for range n {
		data = append(data, x.Float32s()...)
	}
	s := x.Shape().Clone()
	s[0] *= n
	return engine.Tensor(data, s...)
}
