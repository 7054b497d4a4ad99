package unet

import (
	"context"
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
)

// controlNet loads a ControlNet for as long as the test runs.
func controlNet(t testing.TB, fsys fs.FS, name string) *ControlNet {
	t.Helper()
	src, err := OpenControlNet(t.Context(), fsys, name, "")
	require.NoError(t, err)
	c, err := LoadControlNet(t.Context(), src, nil)
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	return c
}

// t2iAdapter loads a T2I-Adapter for as long as the test runs.
func t2iAdapter(t testing.TB, fsys fs.FS, name string) *T2IAdapter {
	t.Helper()
	src, err := OpenT2IAdapter(t.Context(), fsys, name, "")
	require.NoError(t, err)
	a, err := LoadT2IAdapter(t.Context(), src, nil)
	require.NoError(t, err)
	t.Cleanup(func() { a.Close() })
	return a
}

// scaled are residuals with their scales, as the reference returns them.
func scaled(r *Residuals[*tensor.Dense], scales []float32) (all [][]float32) {
	for i, x := range append(slices.Clone(r.Down), r.Mid) {
		y := slices.Clone(x.Float32s())
		for j := range y {
			y[j] *= scales[i]
		}
		all = append(all, y)
	}
	return all
}

// The residuals are the reference's, for three ways of scaling them.
func TestControlNet(t *testing.T) {
	net := controlNet(t, golden.ControlNet(t), ".")
	c := golden.Open(t, "modules/controlnet")
	image := tensor.New(tensor.WithShape(c.Shape("controlnet_cond")...), tensor.WithBacking(c.Float32s("controlnet_cond")))
	hint, err := net.Embed(t.Context(), image)
	require.NoError(t, err)
	in := controlled(c, "s1")
	in.Cond.Residuals = nil
	r, err := net.Predict(t.Context(), ControlInput{Input: in, Hint: hint})
	require.NoError(t, err)
	for name, scales := range map[string][]float32{"s1": net.Scales(1, false), "s0.6": net.Scales(0.6, false), "guess": net.Scales(0.8, true)} {
		for i, x := range scaled(r, scales) {
			key := fmt.Sprintf("%s.down%d", name, i)
			if i == len(r.Down) {
				key = name + ".mid"
			}
			golden.Close(t, c.Float32s(key), x, tolerance, key)
		}
	}
}

// controlInput is what gen.py of the golden networks gives one.
func controlInput(net *ControlNet) Input {
	in := Input{
		Latents: golden.Numbers("input.sample", 2, 4, 5, 3), Timesteps: []float64{321, 17},
		Cond: Text(golden.Numbers("input.tokens", 2, 7, net.Config.CrossAttentionDim.At(0))),
	}
	if net.Config.AdditionEmbedType != nil {
		in.Cond.PooledText, in.Cond.TimeIDs = golden.Numbers("input.pooled", 2, 40), golden.Numbers("input.ids", 2, 6)
		for i, v := range in.Cond.TimeIDs.Float32s() {
			in.Cond.TimeIDs.Float32s()[i] = 512 + 512*v
		}
	}
	return in
}

// predicted are the residuals of a ControlNet for that, and of a T2I-Adapter the features.
func predicted(t testing.TB, net *ControlNet, in Input) *Residuals[*tensor.Dense] {
	t.Helper()
	hint, err := net.Embed(t.Context(), golden.Fractions("input.image", 2, 3, 40, 24))
	require.NoError(t, err)
	r, err := net.Predict(t.Context(), ControlInput{Input: in, Hint: hint})
	require.NoError(t, err)
	return r
}

var adapterSizes = map[string][2]int{"t2i-full": {24, 40}, "t2i-gray": {40, 24}, "t2i-light": {40, 56}, "t2i-xl": {48, 32}, "t2i-xl2": {32, 32}}

// Networks of all structures give what the reference does, from the folder that diffusers
// writes and from files in its names and in those of the original code.
func TestNetworks(t *testing.T) {
	c := golden.Open(t, "controls")
	networks := golden.Networks(t)
	for _, name := range slices.Sorted(maps.Keys(networks)) {
		n := networks[name]
		t.Run(name, func(t *testing.T) {
			files := fstest.MapFS{"diffusers.safetensors": {Data: n.File(t, func(name, _ string) string { return name })}}
			if name != "t2i-gray" { // whose levels the original code's names do not tell
				files["original.safetensors"] = &fstest.MapFile{Data: n.File(t, func(_, original string) string { return original })}
			}
			if size, ok := adapterSizes[name]; ok {
				check := func(fsys fs.FS, file string) {
					a := t2iAdapter(t, fsys, file)
					features, err := a.Predict(t.Context(), golden.Fractions("input.image", 1, a.Config.InChannels, size[0], size[1]))
					require.NoError(t, err)
					require.Len(t, features, a.Features())
					for i, f := range features {
						key := fmt.Sprintf("%s.%d", name, i)
						assert.Equal(t, c.Shape(key), []int(f.Shape()), key)
						golden.Close(t, c.Float32s(key), f.Float32s(), tolerance, file+" "+key)
					}
				}
				check(n.Folder(t), ".")
				for file := range files {
					check(files, file)
				}
				return
			}
			files["wrapped.safetensors"] = &fstest.MapFile{Data: n.File(t, func(_, original string) string { return "control_model." + original })}
			folder := controlNet(t, n.Folder(t), ".")
			r := predicted(t, folder, controlInput(folder))
			for kind, scales := range map[string][]float32{"plain": folder.Scales(1, false), "guess": folder.Scales(0.7, true)} {
				for i, x := range scaled(r, scales) {
					key := fmt.Sprintf("%s.%s.%d", name, kind, i)
					want := c.Float32s(key)
					if folder.Config.GlobalPool { // the reference leaves one pixel, which is added to all
						want = spread(want, len(x)/len(want))
					}
					golden.Close(t, want, x, tolerance, key)
				}
			}
			if name == "pooled" { // which no tensor tells
				return
			}
			for file := range files {
				net := controlNet(t, files, file)
				again := predicted(t, net, controlInput(folder))
				for i, x := range append(r.Down, r.Mid) {
					assert.Equal(t, x.Float32s(), append(again.Down, again.Mid)[i].Float32s(), file)
				}
			}
		})
	}
}

// spread repeats each number.
func spread(x []float32, n int) (y []float32) {
	for _, v := range x {
		y = append(y, slices.Repeat([]float32{v}, n)...)
	}
	return y
}

// What a file is called tells a ControlNet of the whole picture.
func TestShuffle(t *testing.T) {
	data := golden.Networks(t)["sd15"].File(t, func(_, original string) string { return original })
	files := fstest.MapFS{"control_v11e_sd15_Shuffle.safetensors": {Data: data}, "canny.safetensors": {Data: data}}
	assert.True(t, controlNet(t, files, "control_v11e_sd15_Shuffle.safetensors").Config.GlobalPool)
	assert.False(t, controlNet(t, files, "canny.safetensors").Config.GlobalPool)
}

// Networks of other kinds are told by name.
func TestOtherControls(t *testing.T) {
	n := golden.Networks(t)["sd15"]
	for more, want := range map[string]string{
		"lora_controlnet":                   "this is a ControlLoRA",
		"task_embedding":                    "this is a ControlNet Union",
		"control_add_embedding.linear_1":    "this is a ControlNet Union",
		"down_blocks.0.base_to_ctrl.0.bias": "this is a ControlNet-XS",
		"down_blocks.0.motion_modules.0.x":  "this is a motion module",
		"difference":                        "stored as the difference from a model",
		"x.lora_down.weight":                "this is a LoRA",
		"some_new_layer.weight":             "",
	} {
		renamed := false
		files := fstest.MapFS{"x.safetensors": {Data: n.File(t, func(name, original string) string {
			if !renamed && name == "controlnet_mid_block.bias" {
				renamed = true
				return more
			}
			if want == "" {
				return name
			}
			return original
		})}}
		src, err := OpenControlNet(context.Background(), files, "x.safetensors", "")
		if want == "" { // a tensor is missing then
			require.NoError(t, err)
			_, err = LoadControlNet(t.Context(), src, nil)
			want = "controlnet_mid_block.bias: missing, want [32]"
			assert.Contains(t, strings.Join(src.Warnings(), ""), more)
		}
		assert.ErrorContains(t, err, want)
	}
	for class, want := range map[string]string{
		"ControlNetUnionModel": "have a ControlNetUnionModel (a network that steers a U-Net), want a ControlNetModel",
		"T2IAdapter":           "have a T2IAdapter", "UNet2DConditionModel": "have a UNet2DConditionModel",
	} {
		_, err := OpenControlNet(t.Context(), fstest.MapFS{"config.json": {Data: []byte(`{"_class_name": "` + class + `"}`)}}, ".", "")
		assert.ErrorContains(t, err, want)
	}
}
