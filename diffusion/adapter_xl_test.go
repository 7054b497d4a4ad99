package diffusion

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/golden"
	"sdgo/internal/ldm"
	"sdgo/internal/model"
	"sdgo/internal/weights"
	"sdgo/safetensors"
)

// forAll are low ranks for the layers of parts, by the prefixes of their names.
func forAll(t testing.TB, parts map[string]*model.Model, name func(prefix, module string) string) []safetensors.Tensor {
	var list []safetensors.Tensor
	const rank = 3
	for prefix, m := range parts {
		for i, w := range m.Params() {
			if w.Taps == 0 {
				continue
			}
			at := name(prefix, strings.TrimSuffix(w.Key, ".weight"))
			list = append(list,
				waves(t, at+".lora_down.weight", 0.05, i, append([]int{rank}, w.Shape[1:]...)...),
				waves(t, at+".lora_up.weight", 0.05, i+1, append([]int{w.Shape[0], rank}, onePixel(w)...)...))
		}
	}
	return list
}

func onePixel(w *weights.Param) []int { return []int{1, 1}[:len(w.Shape)-2] }

// waves is a tensor of numbers that look random.
func waves(t testing.TB, name string, size float32, seed int, shape ...int) safetensors.Tensor {
	n := 1
	for _, d := range shape {
		n *= d
	}
	x := make([]float32, n)
	for i := range x {
		x[i] = size * (float32((i*i*31+i*seed*7+seed)%101)/50 - 1)
	}
	w, err := safetensors.NewFloat32(name, shape, x)
	require.NoError(t, err)
	return w
}

func written(t testing.TB, tensors []safetensors.Tensor) []byte {
	var b bytes.Buffer
	require.NoError(t, safetensors.Write(io.Writer(&b), tensors, nil))
	return b.Bytes()
}

// underscored names modules as kohya's scripts do.
func underscored(prefix, module string) string {
	return prefix + strings.ReplaceAll(module, ".", "_")
}

// Adapters of both text encoders and the U-Net of Stable Diffusion XL, in the names of
// kohya's scripts with diffusers' modules and with those of the original code, and of
// diffusers, are those of weights into which they were merged.
func TestAdapterXL(t *testing.T) {
	dir := golden.ModelDir(t, "tiny-sdxl")
	p, err := Load(dir, nil)
	require.NoError(t, err)
	defer p.Close()
	u, first, second := model.Of(p.UNet), model.Of(p.TextEncoder), model.Of(p.TextEncoder2)
	var modules []string
	for _, w := range u.Params() {
		modules = append(modules, strings.TrimSuffix(w.Key, ".weight"))
	}
	original := ldm.Spelling(modules)
	o := func() *Options { return &Options{Width: 64, Height: 64, Steps: 2, Seed: 4} }
	plain, err := p.TextToImage(t.Context(), "a cat", o())
	require.NoError(t, err)
	var want *Result
	for name, file := range map[string][]byte{
		"diffusers": written(t, forAll(t, map[string]*model.Model{"unet.": u, "text_encoder.": first, "text_encoder_2.": second}, func(prefix, module string) string { return prefix + module })),
		"kohya":     written(t, forAll(t, map[string]*model.Model{"lora_unet_": u, "lora_te1_": first, "lora_te2_": second}, underscored)),
		"original": written(t, forAll(t, map[string]*model.Model{"lora_unet_": u, "lora_te1_": first, "lora_te2_": second}, func(prefix, module string) string {
			if to, ok := original[module]; ok && prefix == "lora_unet_" {
				module = to
			}
			return underscored(prefix, module)
		})),
	} {
		t.Run(name, func(t *testing.T) {
			a, err := p.LoadAdapterFS(fstest.MapFS{"a.safetensors": {Data: file}}, "a.safetensors")
			require.NoError(t, err)
			defer a.Close()
			assert.Empty(t, a.Warnings)
			with := o()
			with.Adapters = []Adapter{{a, 0.9}}
			have, err := p.TextToImage(t.Context(), "a cat", with)
			require.NoError(t, err)
			if want == nil {
				want = mergedResult(t, dir, file, 0.9, o())
				assert.NotEqual(t, plain.Latents.Float32s(), want.Latents.Float32s())
			}
			golden.Close(t, want.Latents.Float32s(), have.Latents.Float32s(), tolerance, "final latents")
		})
	}
}

// mergedResult is a picture of a model into which an adapter was merged.
func mergedResult(t testing.TB, dir string, file []byte, weight float64, o *Options) *Result {
	out, path := filepath.Join(t.TempDir(), "merged"), filepath.Join(t.TempDir(), "a.safetensors")
	require.NoError(t, os.WriteFile(path, file, 0o666))
	require.NoError(t, Convert(t.Context(), dir, out, nil, &SaveOptions{DType: "f32", Merge: []MergedAdapter{{path, weight}}}))
	p, err := Load(out, nil)
	require.NoError(t, err)
	defer p.Close()
	r, err := p.TextToImage(t.Context(), "a cat", o)
	require.NoError(t, err)
	return r
}

// With every precision, and weights that are kept in few bits, an adapter has the effect
// that it has in float32, up to what the precision itself changes.
func TestAdapterPrecisions(t *testing.T) {
	file := loraFile(t, "tiny-sd15-kohya")
	run := func(o *LoadOptions, weight float64) []float32 {
		p, err := LoadFS(golden.Model(t, "tiny-sd15"), o)
		require.NoError(t, err)
		defer p.Close()
		a, err := p.LoadAdapterFS(file, "lora.safetensors")
		require.NoError(t, err)
		r, err := p.TextToImage(t.Context(), "a cat", &Options{Width: 64, Height: 64, Steps: 2, Seed: 2, Adapters: []Adapter{{a, weight}}})
		require.NoError(t, err)
		return r.Latents.Float32s()
	}
	exact := run(nil, 1)
	for i, o := range []*LoadOptions{{Precision: Float16}, {Precision: BFloat16}, {Precision: Int8}, {Weights: "float16"}, {Weights: "bfloat16"}, {Weights: "float32"}} {
		have, without := run(o, 1), run(o, 0)
		name := fmt.Sprint(i)
		assert.Less(t, distance(exact, have), distance(exact, without)/2, name)
	}
}

// distance is the sum of squares of differences.
func distance(a, b []float32) (d float64) {
	for i, v := range a {
		d += float64(v-b[i]) * float64(v-b[i])
	}
	return d
}
