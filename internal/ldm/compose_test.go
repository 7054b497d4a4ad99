package ldm_test

import (
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"sdgo/internal/golden"
	"sdgo/internal/ldm"
	"sdgo/internal/loader"
	"sdgo/safetensors/checkpoint"
)

// folders opens the parts of a folder.
func folders(t *testing.T, model fs.FS, names ...string) map[string]ldm.Tensors {
	t.Helper()
	parts := make(map[string]ldm.Tensors)
	for _, name := range names {
		folder, err := loader.Open(t.Context(), kinds[name], model, name, "")
		require.NoError(t, err)
		t.Cleanup(func() { folder.Close() })
		parts[name] = folder
	}
	return parts
}

var (
	one = []string{ldm.TextEncoder, ldm.UNet, ldm.VAE}
	two = []string{ldm.TextEncoder, ldm.TextEncoder2, ldm.UNet, ldm.VAE}
)

// spare are tensors of the references' files that no part of a folder has.
func spare(name string) bool {
	for _, prefix := range []string{"model_ema.", "betas", "alphas_cumprod", "sqrt_alphas_cumprod"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return strings.HasSuffix(name, ".position_ids") || strings.HasSuffix(name, ".logit_scale")
}

// A folder in one file has the names, shapes and numbers of the references' file, and the
// parts of that file are again those of the folder.
func TestCompose(t *testing.T) {
	for _, tt := range []struct {
		name   string
		family ldm.Family
		parts  []string
		file   func(t testing.TB, name string) fstest.MapFS
	}{
		{"tiny-sd15", ldm.SD1, one, golden.SingleFile},
		{"tiny-sd15-4blk", ldm.SD1, one, golden.SingleFileOf},
		{"tiny-sdxl", ldm.SDXL, two, golden.SingleFile},
	} {
		t.Run(tt.name, func(t *testing.T) {
			parts := folders(t, golden.Model(t, tt.name), tt.parts...)
			c, err := ldm.Compose(tt.family, parts)
			require.NoError(t, err)
			want := open(t, tt.file(t, tt.name), tt.name)
			names := slices.DeleteFunc(want.Names(), spare)
			assert.ElementsMatch(t, names, c.Names())
			for _, name := range names {
				shape, x := values(t, want, name)
				got, y := values(t, c, name)
				require.Equal(t, shape, got, name)
				require.True(t, slices.Equal(x, y), name)
				_, dtype, _ := want.Tensor(name)
				_, have, _ := c.Tensor(name)
				require.Equal(t, dtype, have, name)
			}
			m, err := ldm.Open(c)
			require.NoError(t, err)
			assert.Empty(t, m.Unused)
			for name, part := range m.Parts {
				same(t, parts[name].(checkpoint.Source), part)
			}
		})
	}
}

// values is [numbers] of a tensor of a composed file or any other.
func values(t *testing.T, src ldm.Tensors, name string) ([]int, []float32) {
	t.Helper()
	shape, _, ok := src.Tensor(name)
	require.True(t, ok, name)
	n := 1
	for _, d := range shape {
		n *= d
	}
	x := make([]float32, n)
	for from := 0; from < n; from += 1000 {
		require.NoError(t, src.Float32s(name, from, x[from:min(from+1000, n)]), name)
	}
	return shape, x
}

// Of Stable Diffusion 2 a file has a last layer and a projection that are not read. They
// are zeros. A file that has neither is read whole.
func TestComposeSD2(t *testing.T) {
	parts := folders(t, golden.Model(t, "tiny-sd21-v"), one...)
	c, err := ldm.Compose(ldm.SD2, parts)
	require.NoError(t, err)
	want := open(t, golden.SingleFileOf(t, "tiny-sd21-v"), "tiny-sd21-v")
	assert.ElementsMatch(t, slices.DeleteFunc(want.Names(), spare), c.Names())
	const encoder = "cond_stage_model.model."
	zeros := 0
	for _, name := range c.Names() {
		shape, x := values(t, c, name)
		wantShape, y := values(t, want, name)
		assert.Equal(t, wantShape, shape, name)
		if strings.HasPrefix(name, encoder+"transformer.resblocks.3.") || name == encoder+"text_projection" {
			zeros++
			y = make([]float32, len(x))
		}
		require.True(t, slices.Equal(y, x), name)
	}
	assert.Equal(t, 13, zeros)

	m, err := ldm.Open(without{c, encoder + "text_projection", encoder + "transformer.resblocks.3."})
	require.NoError(t, err)
	same(t, parts[ldm.TextEncoder].(checkpoint.Source), m.Parts[ldm.TextEncoder])
}

// without is a file without the tensors that begin so.
type without struct {
	ldm.Tensors
	a, b string
}

func (w without) Names() []string {
	return slices.DeleteFunc(w.Tensors.Names(), func(name string) bool {
		return strings.HasPrefix(name, w.a) || strings.HasPrefix(name, w.b)
	})
}

func (w without) Tensor(name string) ([]int, string, bool) {
	if !slices.Contains(w.Names(), name) {
		return nil, "", false
	}
	return w.Tensors.Tensor(name)
}

// The names of the references' keymap, both ways.
func TestComposeKeymap(t *testing.T) {
	for _, name := range []string{"tiny-sd15", "tiny-sd15-4blk"} {
		c, err := ldm.Compose(ldm.SD1, folders(t, golden.Model(t, name), one...))
		require.NoError(t, err)
		unet, vae := golden.Keymap(t, name)
		names := slices.Sorted(maps.Values(unet))
		names = append(names, slices.Sorted(maps.Values(vae))...)
		have := slices.DeleteFunc(c.Names(), func(name string) bool { return strings.HasPrefix(name, "cond_stage_model.") })
		assert.ElementsMatch(t, names, have)
	}
}

// A tensor that has no place in the layout is an error, and so is a structure that would
// be taken for another.
func TestComposeNoPlace(t *testing.T) {
	parts := folders(t, golden.Model(t, "tiny-sd15"), one...)
	extra := checkpoint.NewOverlay(parts[ldm.UNet].(checkpoint.Source))
	require.NoError(t, extra.Set("down_blocks.0.resnets.0.gate", tensorOf(t)))
	_, err := ldm.Compose(ldm.SD1, map[string]ldm.Tensors{ldm.TextEncoder: parts[ldm.TextEncoder], ldm.VAE: parts[ldm.VAE], ldm.UNet: extra})
	assert.EqualError(t, err, "ldm: the layout of Stable Diffusion 1 in one file: unet: down_blocks.0.resnets.0.gate has no place in it")

	_, err = ldm.Compose(ldm.SDXL, parts)
	assert.ErrorContains(t, err, "ldm: the layout of Stable Diffusion XL in one file: ")
	_, err = ldm.Compose(ldm.SD1, map[string]ldm.Tensors{ldm.TextEncoder2: parts[ldm.TextEncoder]})
	assert.ErrorContains(t, err, "text_encoder_2 has no place in it")

	small, swapped := checkpoint.NewOverlay(parts[ldm.VAE].(checkpoint.Source)), maps.Clone(parts)
	for i := range 8 {
		require.NoError(t, small.Set(fmt.Sprintf("decoder.layers.%d.conv.0.weight", i), tensorOf(t)))
	}
	swapped[ldm.VAE] = small
	_, err = ldm.Compose(ldm.SD1, swapped)
	assert.EqualError(t, err, "ldm: the layout of Stable Diffusion 1 in one file: the VAE is an AutoencoderTiny, which has no place in it: want an AutoencoderKL, or a folder to write")
	swapped[ldm.VAE] = parts[ldm.TextEncoder]
	_, err = ldm.Compose(ldm.SD1, swapped)
	assert.Regexp(t, `: vae: text_model\.\S+ has no place in it, as have \d+ of the part's \d+ tensors$`, err.Error())
}

func tensorOf(t *testing.T) *tensor.Dense {
	t.Helper()
	return tensor.New(tensor.WithShape(2), tensor.WithBacking([]float32{1, 2}))
}
