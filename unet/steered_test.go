package unet

import (
	"fmt"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"sdgo/internal/golden"
	"sdgo/internal/golden/gradient"
)

// featured is the input of the golden predictions with as many features.
func featured(u *UNet, shapes [][]int, n int) Input {
	in := Input{
		Latents: golden.Numbers("input.sample", 1, 4, 8, 8), Timesteps: []float64{321},
		Cond: Text(golden.Numbers("input.tokens", 1, 7, u.Config.CrossAttentionDim.At(0))),
	}
	if u.Config.AdditionEmbedType != nil {
		in.Cond.PooledText, in.Cond.TimeIDs = golden.Numbers("input.pooled", 1, 40), golden.Numbers("input.ids", 1, 6)
		for i, v := range in.Cond.TimeIDs.Float32s() {
			in.Cond.TimeIDs.Float32s()[i] = 512 + 512*v
		}
	}
	in.Cond.Features = &Features[*tensor.Dense]{}
	for i, shape := range shapes[:n] {
		f := golden.Numbers(fmt.Sprint("input.feature", i), shape...)
		if i < len(u.Config.BlockOutChannels) {
			in.Cond.Features.Levels = append(in.Cond.Features.Levels, f)
		} else {
			in.Cond.Features.Mid = f
		}
	}
	return in
}

var featureShapes = map[string][][]int{
	"tiny-sd15": {{1, 16, 8, 8}, {1, 32, 4, 4}},
	"tiny-sdxl": {{1, 16, 4, 4}, {1, 32, 4, 4}, {1, 32, 4, 4}},
}

// The prediction with features is the reference's, with one, for all levels, and for the
// middle block too.
func TestFeatures(t *testing.T) {
	c := golden.Open(t, "controls")
	for model, shapes := range featureShapes {
		u := load(t, model, "")
		for n := 1; n <= len(shapes); n++ {
			out, err := u.Predict(t.Context(), featured(u, shapes, n))
			require.NoError(t, err)
			key := fmt.Sprintf("%s.features%d", model, n)
			golden.Close(t, c.Float32s(key), out.Float32s(), tolerance, key)
		}
	}
}

func TestFeatureErrors(t *testing.T) {
	u := load(t, "tiny-sd15", "")
	for want, change := range map[string]func(f *Features[*tensor.Dense]){
		"unet: features: have 3 for the way down, want at most 2":   func(f *Features[*tensor.Dense]) { f.Levels = append(f.Levels, f.Levels[0]) },
		"unet: feature 0: have shape [1 32 4 4], want [1 16 8 8]":   func(f *Features[*tensor.Dense]) { f.Levels[0] = f.Levels[1] },
		"unet: feature 1: have none, want a tensor [1 32 4 4]":      func(f *Features[*tensor.Dense]) { f.Levels[1] = nil },
		"unet: mid feature: have shape [1 16 8 8], want [1 32 4 4]": func(f *Features[*tensor.Dense]) { f.Mid = f.Levels[0] },
	} {
		in := featured(u, featureShapes["tiny-sd15"], 2)
		change(in.Cond.Features)
		_, err := u.Predict(t.Context(), in)
		assert.ErrorContains(t, err, want)
	}
}

// A Split gives the bytes that Predict gives with what controls add, at every branch, and
// has counted its memory before.
func TestSplitSteered(t *testing.T) {
	u, c := load(t, "tiny-sd15", ""), golden.Open(t, "modules/controlnet")
	in := controlled(c, "s1")
	in.Cond.Features = &Features[*tensor.Dense]{Levels: []*tensor.Dense{golden.Numbers("input.a", 2, 16, 8, 8), golden.Numbers("input.b", 2, 32, 4, 4)}, Mid: golden.Numbers("input.c", 2, 32, 4, 4)}
	want, err := u.Predict(t.Context(), in)
	require.NoError(t, err)
	plain := in
	plain.Cond.Residuals, plain.Cond.Features = nil, nil
	for branch := 1; branch < u.Branches(); branch++ {
		s, err := u.Expecting(true, 3).Split(branch, 2, 8, 8, 9)
		require.NoError(t, err)
		held := s.Held()
		feature := make([]float32, tensor.Shape(s.FeatureShape()).TotalSize())
		require.NoError(t, s.Head(t.Context(), in))
		assert.Equal(t, held, s.Held(), "counted before")
		require.NoError(t, s.Deep(t.Context(), feature))
		out, err := s.Tail(t.Context(), feature)
		require.NoError(t, err)
		assert.Equal(t, want.Float32s(), out.Float32s(), "branch %d", branch)
		assert.ErrorContains(t, s.Head(t.Context(), plain), "other conditions")
		s.Close()
	}
}

// What a U-Net is said to expect counts.
func TestExpecting(t *testing.T) {
	u := load(t, "tiny-sd15", "")
	values := func(u *UNet) int64 {
		n, err := u.Values(2, 8, 8, 9)
		require.NoError(t, err)
		return n
	}
	assert.Greater(t, values(u.Expecting(true, 0)), values(u))
	assert.Greater(t, values(u.Expecting(false, 2)), values(u))
	assert.Equal(t, values(u), values(u.Expecting(false, 0)))
	assert.Nil(t, (*UNet)(nil).Expecting(true, 2))
}

// The derivatives of a ControlNet by what it reads and by all weights are the reference's.
func TestControlNetGradients(t *testing.T) {
	net, c := controlNet(t, golden.Networks(t)["sd15"].Folder(t), "."), golden.Open(t, "controls/grad")
	g := gradient.New(t, c)
	in := Nodes{Latents: g.Input("sample"), Timesteps: g.Input("timesteps"), Cond: Text(g.Input("encoder_hidden_states"))}
	image := g.Input("image")
	hint, err := net.BuildHint(g.ExprGraph, image)
	require.NoError(t, err)
	r, err := net.Build(g.ExprGraph, in, hint)
	require.NoError(t, err)
	for i, x := range append(r.Down, r.Mid) {
		g.Lose(x, fmt.Sprint("target", i))
	}
	g.By(map[string]*G.Node{"sample": in.Latents, "image": image, "encoder_hidden_states": in.Cond.Tokens})
	g.By(net.WeightNodes(g.ExprGraph))
	assert.Equal(t, 3+128, g.Compare("loss", false))
}

// Networks that are for another U-Net say why.
func TestFits(t *testing.T) {
	networks := golden.Networks(t)
	for model, all := range map[string]map[string]string{
		"tiny-sd15": {
			"sd15": "", "pooled": "", "sdxl": "reads text of 80 numbers a token, the U-Net of 32", "sdxl-small": "reads a pooled text and time ids, which the U-Net does not",
			"t2i-full": "", "t2i-xl": "makes a feature [16 H/16 W/16] of level 0, the U-Net wants [16 H/8 W/8]", "t2i-gray": "makes 4 features, the U-Net takes 3",
		},
		"tiny-sd15-4blk": {"sd15": "makes residuals for 4 skips, the U-Net has 12", "t2i-gray": "", "t2i-full": "of level 0"},
		"tiny-sdxl":      {"sd15": "reads text of 32 numbers a token", "sdxl": "", "sdxl-small": "", "t2i-xl2": "", "t2i-full": "makes a feature [16 H/8 W/8] of level 0, the U-Net wants [16 H/16 W/16]"},
	} {
		u := load(t, model, "")
		for name, want := range all {
			var err error
			if _, ok := adapterSizes[name]; ok {
				err = u.FitsT2I(t2iAdapter(t, networks[name].Folder(t), "."), 8)
			} else {
				err = u.Fits(controlNet(t, networks[name].Folder(t), "."))
			}
			if want == "" {
				assert.NoError(t, err, "%s %s", model, name)
			} else {
				assert.ErrorContains(t, err, want, "%s %s", model, name)
			}
		}
	}
}

func TestControlNetErrors(t *testing.T) {
	net := controlNet(t, golden.Networks(t)["sd15"].Folder(t), ".")
	_, err := net.Embed(t.Context(), golden.Numbers("input.x", 1, 3, 40, 20))
	assert.EqualError(t, err, "unet: controlnet: image: have 20×40 pixels, want multiples of 8")
	_, err = net.Embed(t.Context(), golden.Numbers("input.x", 1, 1, 40, 24))
	assert.EqualError(t, err, "unet: controlnet: image: have shape [1 1 40 24], want [-1 3 -1 -1]")
	in := controlInput(net)
	_, err = net.Predict(t.Context(), ControlInput{Input: in, Hint: golden.Numbers("input.x", 2, 16, 5, 4)})
	assert.EqualError(t, err, "unet: controlnet: hint: have shape [2 16 5 4], want [2 16 5 3]")
	hint := golden.Numbers("input.x", 2, 16, 5, 3)
	_, err = net.Predict(t.Context(), ControlInput{Input: in, Hint: hint, Into: &Residuals[*tensor.Dense]{}})
	assert.EqualError(t, err, "unet: controlnet: residuals: have 0 for the way down, want 4")
	in.Cond.Residuals = &Residuals[*tensor.Dense]{}
	_, err = net.Predict(t.Context(), ControlInput{Input: in, Hint: hint})
	assert.ErrorContains(t, err, "unet: controlnet: have residuals or features, want none")
	in.Cond.Residuals, in.Cond.ClassLabels = nil, golden.Numbers("input.x", 2)
	_, err = net.Predict(t.Context(), ControlInput{Input: in, Hint: hint})
	assert.ErrorContains(t, err, "class labels: have them, want none: the ControlNet takes tokens")
	for config, want := range map[string]string{
		`{"controlnet_conditioning_channel_order": "gbr"}`: "unet: controlnet: config: controlnet_conditioning_channel_order: have gbr, want rgb or bgr",
		`{"conditioning_embedding_out_channels": []}`:      "conditioning_embedding_out_channels: have [], want 1 to 8 positive numbers",
		`{"conditioning_channels": 0}`:                     "conditioning_channels: have 0, want 1 or more",
		`{"mid_block_type": null}`:                         "mid_block_type: have <nil>",
		`{"num_control_type": 6}`:                          "num_control_type: have a key of a ControlNetUnionModel",
		`{"_class_name": "UNet2DConditionModel"}`:          "have a UNet2DConditionModel, want a ControlNetModel",
	} {
		_, err := ParseControlNetConfig([]byte(config))
		assert.ErrorContains(t, err, want)
	}
	for config, want := range map[string]string{
		`{"adapter_type": "xl"}`:                             "unet: t2i adapter: config: adapter_type: have xl, want full_adapter, full_adapter_xl or light_adapter",
		`{"channels": [2], "adapter_type": "light_adapter"}`: "channels: have [2], want 4 or more each in a light adapter",
		`{"downscale_factor": 0}`:                            "downscale_factor: have 0, want 1 to 64",
	} {
		_, err := ParseT2IAdapterConfig([]byte(config))
		assert.ErrorContains(t, err, want)
	}
	require.NoError(t, net.Close())
	_, err = net.Embed(t.Context(), golden.Numbers("input.x", 1, 3, 40, 24))
	assert.ErrorContains(t, err, "closed")
	_, err = OpenControlNet(t.Context(), fstest.MapFS{}, "x.safetensors", "")
	assert.ErrorContains(t, err, "x.safetensors")
}
