package vae

import (
	"fmt"
	"io/fs"
	"math"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"

	"sdgo/internal/engine"
	"sdgo/internal/golden"
	"sdgo/internal/nn"
	"sdgo/safetensors"
)

// tolerance is ten times what float32 rounding makes of these models, relative
// to the largest value.
const tolerance = 1e-5

func load(t testing.TB, fsys fs.FS, dir string) *VAE {
	v, err := LoadFS(fsys, dir, nil)
	require.NoError(t, err)
	t.Cleanup(func() { v.Close() })
	return v
}

func TestGoldens(t *testing.T) {
	for _, tt := range []struct{ module, model, dir string }{
		{"vae_sd15", "tiny-sd15", "vae"},
		{"vae_sd15", "tiny-sd15-vae-oldkeys", "."},
		{"vae_sd15_4blk", "tiny-sd15-4blk", "vae"},
		{"vae_sdxl", "tiny-sdxl", "vae"},
		{"vae_x4", "tiny-x4-upscaler", "vae"},
	} {
		t.Run(tt.module+"/"+tt.model, func(t *testing.T) {
			v := load(t, golden.Model(t, tt.model), tt.dir)
			c := golden.Open(t, "modules/"+tt.module)
			for i := 0; c.Has(fmt.Sprintf("%d.image", i)); i++ {
				name := func(s string) string { return fmt.Sprintf("%d.%s", i, s) }
				image := engine.Tensor(c.Float32s(name("image")), c.Shape(name("image"))...)
				p, err := v.Encode(t.Context(), image)
				require.NoError(t, err)
				assert.Equal(t, c.Shape(name("mean")), []int(p.Mean.Shape()))
				golden.Close(t, c.Float32s(name("mean")), p.Mean.Float32s(), tolerance, name("mean"))
				golden.Close(t, c.Float32s(name("logvar")), p.LogVar.Float32s(), tolerance, name("logvar"))
				sample, err := p.Sample(c.Float32s(name("posterior_noise")))
				require.NoError(t, err)
				golden.Close(t, scaled(c.Float32s(name("posterior_sample")), v), sample.Float32s(), tolerance, name("posterior_sample"))

				latent := engine.Tensor(scaled(c.Float32s(name("latent")), v), c.Shape(name("latent"))...)
				out, err := v.Decode(t.Context(), latent)
				require.NoError(t, err)
				assert.Equal(t, c.Shape(name("decoded")), []int(out.Shape()))
				golden.Close(t, c.Float32s(name("decoded")), out.Float32s(), tolerance, name("decoded"))
			}
			assert.True(t, c.Has("0.decoded"))
		})
	}
}

// scaled turns the reference's latents into those of unit variance.
func scaled(z []float32, v *VAE) []float32 {
	for i := range z {
		z[i] *= float32(v.Config.ScalingFactor)
	}
	return z
}

// Every submodule's output is checked by its path. Dropout is none.
func TestBlocks(t *testing.T) {
	v := load(t, golden.Model(t, "tiny-sd15"), "vae")
	c := golden.Open(t, "modules/blocks_sd15_vae")
	g := nn.NewGraph(G.NewGraph())
	g.Record()
	image, latent := g.Input("image", c.Shape("input.image")...), g.Input("latent", c.Shape("input.latent")...)
	v.encoder.forward(g, image)
	v.decoder.forward(g, latent)
	require.NoError(t, g.Err())

	var names []string
	var outputs []*G.Node
	for _, name := range c.Names() {
		if strings.HasPrefix(name, "input.") {
			continue
		}
		n := g.Marks()[strings.Replace(name, "to_out.1", "to_out.0", 1)]
		if assert.NotNil(t, n, "module %s", name) {
			names, outputs = append(names, name), append(outputs, n)
		}
	}
	require.Greater(t, len(names), 120)
	plan, err := engine.NewPlan([]*G.Node{image, latent}, outputs)
	require.NoError(t, err)
	eng, err := engine.New(nil)
	require.NoError(t, err)
	got := make([][]float32, len(outputs))
	for i, n := range outputs {
		got[i] = make([]float32, n.Shape().TotalSize())
	}
	require.NoError(t, eng.Run(t.Context(), plan, [][]float32{c.Float32s("input.image"), c.Float32s("input.latent")}, got))
	for i, name := range names {
		x := got[i]
		if s := outputs[i].Shape(); len(s) == 4 && len(c.Shape(name)) == 4 {
			x = golden.ChannelsFirst(x, s)
		} else if strings.HasSuffix(name, "attentions.0.group_norm") { // [N C HW] there
			x = golden.ChannelsFirst(x, []int{s[0], s[1], 1, s[2]})
		}
		golden.Close(t, c.Float32s(name), x, tolerance, name)
	}
}

// expTolerance is the rounding of e to the half of a float32, log 9.
const expTolerance = 1e-6

func TestPosterior(t *testing.T) {
	p := &Posterior{Mean: nn.Tensor(1, 1, 1, 2), LogVar: nn.Tensor(1, 1, 1, 2), scaling: scaling{scale: 0.5, shift: 1}}
	copy(p.Mean.Float32s(), []float32{3, -1})
	copy(p.LogVar.Float32s(), []float32{0, float32(2 * math.Log(3))})
	mean, err := p.Sample(nil)
	require.NoError(t, err)
	assert.Equal(t, []float32{1, -1}, mean.Float32s())
	x, err := p.Sample([]float32{1, -2})
	require.NoError(t, err)
	assert.InDeltaSlice(t, []float32{1.5, -4}, x.Float32s(), expTolerance)
	_, err = p.Sample(make([]float32, 3))
	assert.EqualError(t, err, "vae: noise: have 3 elements, want 2")
}

func TestBadInput(t *testing.T) {
	v := load(t, golden.Model(t, "tiny-sd15"), "vae")
	_, err := v.Decode(t.Context(), nn.Tensor(1, 3, 8, 8))
	assert.EqualError(t, err, "vae: latents: have shape [1 3 8 8], want [-1 4 -1 -1]")
	_, err = v.Decode(t.Context(), nil)
	assert.ErrorContains(t, err, "have none")
	_, err = v.Encode(t.Context(), nn.Tensor(1, 3, 4, 8))
	assert.EqualError(t, err, "vae: image: have 8×4 pixels, want at least 8×8")
	assert.Error(t, v.Check(Work{Height: 8 << 20, Width: 8 << 20}))
	assert.EqualError(t, v.Check(Work{Height: 64, Width: 60}), "vae: image: have 60×64 pixels to decode to, want multiples of 8")
	assert.EqualError(t, v.Check(Work{Encode: true, Height: 64, Width: 7}), "vae: image: have 7×64 pixels, want at least 8×8")
	assert.NoError(t, v.Check(Work{Encode: true, Height: 64, Width: 60}))
	_, err = v.Decode(t.Context(), nn.Tensor(1, 4, 2, 2), Options{Into: make([]float32, 5)})
	assert.EqualError(t, err, "vae: images: have room for 5 numbers, want 768")
	_, err = v.Encode(t.Context(), nn.Tensor(1, 3, 64, 64), Options{}, Options{Tile: 64})
	assert.EqualError(t, err, "vae: options: have 2, want one at most")

	small, err := LoadFS(golden.Model(t, "tiny-sd15"), "vae", &LoadOptions{MaxMemory: 4 << 20})
	require.NoError(t, err)
	defer small.Close()
	assert.ErrorContains(t, small.Check(Work{Height: 512, Width: 512}), "decoding to 512×512 pixels needs")
	assert.ErrorContains(t, small.Check(Work{Encode: true, Height: 512, Width: 512}), "encoding 512×512 pixels needs")
}

func TestBadConfig(t *testing.T) {
	for _, tt := range []struct{ config, want string }{
		{`{"act_fn": "mish"}`, "vae: config: act_fn: have mish, want silu"},
		{`{"latents_mean": [1]}`, "latents_mean: have [1], want null"},
		{`{"block_out_channels": [63]}`, "block_out_channels: have [63]"},
		{`{"down_block_types": ["DownBlock2D"]}`, "down_block_types"},
		{`{"_class_name": "AutoencoderKL", "num_vq_embeddings": 256}`, "vae: config: num_vq_embeddings: have a key of a VQModel"},
		{`{"norm_num_groups": 0}`, "block_out_channels: have [64], want 1 to 8 multiples of norm_num_groups (0)"},
		{`{"layers_per_block": 1000000000}`, "layers_per_block: have 1000000000, want 1 to 64"},
		{`{"layers_per_block": 64, "block_out_channels": [32, 32, 32, 32, 32]}`, "layers_per_block: have 64, want at most 256 in all 5 levels"},
		{`{"latent_channels": 9223372036854775807}`, "latent_channels: have 9223372036854775807, want 1 to 1024"},
		{`{"scaling_factor": 1e-300}`, "scaling_factor: have 1e-300, want a positive number, 1e-6 to 1e6"},
		{`{"shift_factor": 1e300}`, "shift_factor: have 1e+300, want -1e6 to 1e6"},
		{`{"scaling_factor": 0}`, "scaling_factor: have 0, want a positive number"},
	} {
		_, err := ParseConfig([]byte(tt.config))
		assert.ErrorContains(t, err, tt.want)
	}
}

func TestNoEncoder(t *testing.T) {
	fsys := golden.Model(t, "tiny-sd15")
	file, err := safetensors.OpenFS(fsys, "vae/diffusion_pytorch_model.safetensors")
	require.NoError(t, err)
	defer file.Close()
	var tensors []safetensors.Tensor
	for _, name := range file.Names() {
		if x, _ := file.Tensor(name); !strings.HasPrefix(name, "encoder.") {
			tensors = append(tensors, x)
		}
	}
	var buf strings.Builder
	require.NoError(t, safetensors.Write(&buf, tensors, nil))
	config, err := fs.ReadFile(fsys, "vae/config.json")
	require.NoError(t, err)
	v := load(t, fstest.MapFS{
		"config.json":                         {Data: config},
		"diffusion_pytorch_model.safetensors": {Data: []byte(buf.String())},
	}, ".")
	assert.False(t, v.HasEncoder())
	_, err = v.Encode(t.Context(), nn.Tensor(1, 3, 64, 64))
	assert.ErrorIs(t, err, ErrNoEncoder)
	_, err = v.Decode(t.Context(), nn.Tensor(1, 4, 2, 2))
	assert.NoError(t, err)
}
