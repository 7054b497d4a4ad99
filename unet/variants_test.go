package unet

import (
	"math"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"sdgo/internal/engine"
	"sdgo/internal/golden"
	"sdgo/safetensors"
	"sdgo/safetensors/checkpoint"
)

// variantsFile reads testdata/variants.safetensors, which variants.py made with diffusers.
func variantsFile(t *testing.T) func(name string) *tensor.Dense {
	file, err := safetensors.OpenFS(os.DirFS("testdata"), "variants.safetensors")
	require.NoError(t, err)
	t.Cleanup(func() { file.Close() })
	return func(name string) *tensor.Dense {
		x, ok := file.Tensor(name)
		if !ok {
			return nil
		}
		v, err := x.Float32s()
		require.NoError(t, err)
		return engine.Tensor(v, x.Shape...)
	}
}

// variantInput is the input of the golden predictions of a model.
func variantInput(read func(string) *tensor.Dense, name string) Input {
	return Input{Latents: read(name + ".sample"), Timesteps: []float64{321}, Cond: Conditioning[*tensor.Dense]{
		Tokens: read(name + ".tokens"), PooledText: read(name + ".pooled"), TimeIDs: read(name + ".ids"),
	}}
}

// change makes a variant of a U-Net.
type change func(u *UNet) (*UNet, error)

func freed(f FreeU) change { return func(u *UNet) (*UNet, error) { return u.WithFreeU(f) } }
func around(x, y bool) change {
	return func(u *UNet) (*UNet, error) { return u.WithSeamless(Seamless{x, y}) }
}
func perturb(p Perturbation) change {
	return func(u *UNet) (*UNet, error) { return u.WithPerturbation(p) }
}

// The variants predict what diffusers does, whole and in parts.
func TestVariants(t *testing.T) {
	read := variantsFile(t)
	free := FreeU{B1: 1.5, B2: 1.6, S1: 0.9, S2: 0.2}
	inf := math.Inf(1)
	for _, tt := range []struct {
		model, input, want string
		change             change
	}{
		{"tiny-sd15", "sd15", "plain", freed(FreeU{B1: 1})},
		{"tiny-sd15", "sd15", "plain", around(false, false)},
		{"tiny-sd15", "sd15", "pag.mid", perturb(Perturbation{})},
		{"tiny-sd15", "sd15", "pag.mid", perturb(Perturbation{Layers: []string{"mid.block_0"}})},
		{"tiny-sd15", "sd15", "pag.down", perturb(Perturbation{Layers: []string{"down.block_0.attentions_0"}})},
		{"tiny-sd15", "sd15", "pag.some", perturb(Perturbation{Layers: []string{"up_blocks.(0|1).attentions.1", "mid"}})},
		{"tiny-sd15", "sd15", "seg.mid.inf", perturb(Perturbation{Blur: inf})},
		{"tiny-sd15", "sd15", "seg.mid.inf", perturb(Perturbation{Blur: 1e4})},
		{"tiny-sd15", "sd15", "seg.down.1", perturb(Perturbation{Layers: []string{"down"}, Blur: 1})},
		{"tiny-sd15", "sd15", "seg.all.50", perturb(Perturbation{Layers: []string{"."}, Blur: 50})},
		{"tiny-sd15", "sd15", "freeu", freed(free)},
		{"tiny-sd15", "sd15odd", "freeu", freed(free)},
		{"tiny-sd15", "sd15odd", "around.x", around(true, false)},
		{"tiny-sd15", "sd15odd", "around.y", around(false, true)},
		{"tiny-sd15", "sd15odd", "around.xy", around(true, true)},
		{"tiny-sd15-4blk", "4blk", "around.x", around(true, false)},
		{"tiny-sd15-4blk", "4blk", "around.y", around(false, true)},
		{"tiny-sd15-4blk", "4blk", "around.xy", around(true, true)},
		{"tiny-sd15-4blk", "4blk", "freeu", freed(free)},
		{"tiny-sdxl", "sdxl", "pag.mid", perturb(Perturbation{})},
		{"tiny-sdxl", "sdxl", "freeu", freed(FreeU{B1: 1.3, B2: 1.4, S1: 0.9, S2: 0.2})},
	} {
		t.Run(tt.input+" "+tt.want, func(t *testing.T) {
			in, want := variantInput(read, tt.input), read(tt.input+"."+tt.want).Float32s()
			u, err := tt.change(load(t, tt.model, ""))
			require.NoError(t, err)
			out, err := u.Predict(t.Context(), in)
			require.NoError(t, err)
			golden.Close(t, want, out.Float32s(), tolerance, tt.want)

			shape := in.Latents.Shape()
			s, err := u.Split(2, shape[0], shape[2], shape[3], in.Cond.Tokens.Shape()[1])
			require.NoError(t, err)
			defer s.Close()
			require.NoError(t, s.Head(t.Context(), in))
			feature := make([]float32, tensor.Shape(s.FeatureShape()).TotalSize())
			require.NoError(t, s.Deep(t.Context(), feature))
			parts, err := s.Tail(t.Context(), feature)
			require.NoError(t, err)
			assert.Equal(t, out.Float32s(), parts.Float32s(), "in parts")
		})
	}
}

// A U-Net without a middle has FreeU as the reference has it, whose lowest skip shares its
// memory with what comes from below.
func TestFreeUWithoutMiddle(t *testing.T) {
	tiny := golden.Irregulars(t)["bk-sdm-tiny"]
	src, err := checkpoint.New(tiny.Config, tiny.Tensors())
	require.NoError(t, err)
	plain, err := LoadFrom(t.Context(), src, nil)
	require.NoError(t, err)
	defer plain.Close()
	u, err := plain.WithFreeU(FreeU{B1: 1.5, B2: 1.6, S1: 0.9, S2: 0.2})
	require.NoError(t, err)
	in := irregularInput(u)
	in.Timesteps = []float64{321}
	out, err := u.Predict(t.Context(), in)
	require.NoError(t, err)
	golden.Close(t, variantsFile(t)("tiny.freeu").Float32s(), out.Float32s(), tolerance, "FreeU")
}

// Variants share the plans of none of the others, and can be one on the other.
func TestVariantsTogether(t *testing.T) {
	read := variantsFile(t)
	in := variantInput(read, "sd15")
	plain := load(t, "tiny-sd15", "")
	changes := []change{
		freed(FreeU{B1: 1.4, S2: 0.3}), around(true, false), perturb(Perturbation{}),
		func(u *UNet) (*UNet, error) { return u.WithTokenMerging(TokenMerging{Ratio: 0.5}) },
	}
	seen := map[float32]int{}
	for some := range 1 << len(changes) {
		u, err := plain, error(nil)
		for i, change := range changes {
			if some>>i&1 == 1 {
				u, err = change(u)
				require.NoError(t, err)
			}
		}
		out, err := u.Predict(t.Context(), in)
		require.NoError(t, err)
		first := out.Float32s()[0]
		assert.NotContains(t, seen, first, "%b is as another", some)
		seen[first] = some
	}
}

// An image that goes around is the same wherever it begins.
func TestSeamlessShift(t *testing.T) {
	const shift = 8 // a multiple of what the levels halve
	read := variantsFile(t)
	u, err := load(t, "tiny-sd15-4blk", "").WithSeamless(Seamless{X: true})
	require.NoError(t, err)
	in := variantInput(read, "4blk")
	roll := func(x []float32) []float32 {
		y := make([]float32, len(x))
		for i, v := range x {
			y[i/16*16+(i+shift)%16] = v
		}
		return y
	}
	want, err := u.Predict(t.Context(), in)
	require.NoError(t, err)
	in.Latents = engine.Tensor(roll(in.Latents.Float32s()), in.Latents.Shape()...)
	got, err := u.Predict(t.Context(), in)
	require.NoError(t, err)
	golden.Close(t, roll(want.Float32s()), got.Float32s(), tolerance, "shifted")
}

func TestVariantErrors(t *testing.T) {
	u := load(t, "tiny-sd15", "")
	names := []string{
		"down_blocks.0.attentions.0.transformer_blocks.0.attn1", "mid_block.attentions.0.transformer_blocks.0.attn1",
		"up_blocks.1.attentions.0.transformer_blocks.0.attn1", "up_blocks.1.attentions.1.transformer_blocks.0.attn1",
	}
	assert.Equal(t, names, u.SelfAttentions())
	const there = "down_blocks.0.attentions.0, mid_block.attentions.0, up_blocks.1.attentions.0, up_blocks.1.attentions.1"
	for _, tt := range []struct {
		change change
		want   string
	}{
		{freed(FreeU{B1: -1}), "unet: FreeU: have B1 -1, want 0 to 100, 0 for 1"},
		{freed(FreeU{S2: math.NaN()}), "unet: FreeU: have S2 NaN"},
		{perturb(Perturbation{Blur: -1}), "unet: perturbation: have blur -1, want 0 or more"},
		{perturb(Perturbation{Layers: []string{}}), "unet: perturbation: have an empty list of layers, want patterns for some of " + there},
		{perturb(Perturbation{Layers: []string{"mid", "down.block_1"}}), `unet: perturbation: have layer "down.block_1", which matches no self-attention, want a pattern for some of ` + there},
		{perturb(Perturbation{Layers: []string{"mid.block_0.attentions_1"}}), "which matches no self-attention"},
		{perturb(Perturbation{Layers: []string{"("}}), `have layer "(", want a name or a pattern: error parsing regexp`},
		{perturb(Perturbation{Layers: []string{""}}), "it is empty"},
	} {
		_, err := tt.change(u)
		assert.ErrorContains(t, err, tt.want)
	}
	for _, c := range []change{freed(FreeU{}), around(true, true), perturb(Perturbation{})} {
		_, err := c(nil)
		assert.ErrorContains(t, err, "unet: have a U-Net that was not loaded")
	}
	assert.Nil(t, (*UNet)(nil).SelfAttentions())
}
