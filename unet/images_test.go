package unet

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"sdgo/internal/engine"
	"sdgo/internal/golden"
	"sdgo/internal/golden/gradient"
	"sdgo/internal/nn"
	"sdgo/safetensors"
)

// shownAs are image tokens [N T D] as keys and values, by the weights that the U-Net has for
// them, and times a scale.
func shownAs(t *testing.T, u *UNet, model string, tokens *tensor.Dense, scale float32) Shown[*tensor.Dense] {
	file, err := safetensors.OpenFS(golden.Model(t, model), "unet/diffusion_pytorch_model.safetensors")
	require.NoError(t, err)
	defer file.Close()
	n, length, d := tokens.Shape()[0], tokens.Shape()[1], tokens.Shape()[2]
	var s Shown[*tensor.Dense]
	for _, a := range u.CrossAttentions() {
		for kind, list := range map[string]*[]*tensor.Dense{"k": &s.Keys, "v": &s.Values} {
			x, ok := file.Tensor(a.Path + ".processor.to_" + kind + "_ip.0.weight")
			require.True(t, ok, a.Path)
			w := make([]float32, x.Len())
			require.NoError(t, x.Float32sInto(w))
			out := nn.Tensor(n, length, a.Width)
			for i := range n * length {
				for c := range a.Width {
					sum := 0.0
					for j := range d {
						sum += float64(tokens.Float32s()[i*d+j]) * float64(w[c*d+j])
					}
					if kind == "v" {
						sum *= float64(scale)
					}
					out.Float32s()[i*a.Width+c] = float32(sum)
				}
			}
			*list = append(*list, out)
		}
	}
	return s
}

// Keys and values that a caller brings give what image tokens give for which the U-Net has
// weights: whole, halved, with a mask that is white, and in parts; with one that is black
// they give what there is without them.
func TestImages(t *testing.T) {
	u := load(t, "tiny-image-tokens", "")
	c := golden.Open(t, "modules/grad_image_tokens")
	in := conditioned(u, c)
	tokens := in.Cond.ImageTokens
	in.Cond.ImageTokens = nil
	predict := func(shown ...Shown[*tensor.Dense]) []float32 {
		in.Cond.Images = &Images[*tensor.Dense]{Shown: shown}
		out, err := u.Predict(t.Context(), in)
		require.NoError(t, err)
		return out.Float32s()
	}
	plain := predict()
	in.Cond.Images = nil
	none, err := u.Predict(t.Context(), in)
	require.NoError(t, err)
	assert.Equal(t, none.Float32s(), plain)

	whole, half := shownAs(t, u, "tiny-image-tokens", tokens, 1), shownAs(t, u, "tiny-image-tokens", tokens, 0.5)
	masks := func(v float32) (list []*tensor.Dense) {
		for _, size := range u.LevelSizes(in.Latents.Shape()[2], in.Latents.Shape()[3]) {
			m := nn.Tensor(size[0] * size[1])
			for i := range m.Float32s() {
				m.Float32s()[i] = v
			}
			list = append(list, m)
		}
		return list
	}
	white, black := whole, whole
	white.Masks, black.Masks = masks(1), masks(0)
	golden.Close(t, c.Float32s("out"), predict(whole), tolerance, "whole")
	golden.Close(t, c.Float32s("out"), predict(half, half), tolerance, "in halves")
	assert.Equal(t, predict(whole), predict(white), "white")
	assert.Equal(t, plain, predict(black), "black")

	want := predict(white, half)
	counting, err := u.WithImages([]ImageForm{{Tokens: 3, Masked: true, Attentions: []int{0, 1, 2}}, {Tokens: 3, Attentions: []int{0, 1, 2}}})
	require.NoError(t, err)
	s, err := counting.Split(1, 2, 8, 8, in.Cond.Tokens.Shape()[1])
	require.NoError(t, err)
	defer s.Close()
	feature := make([]float32, tensor.Shape(s.FeatureShape()).TotalSize())
	require.NoError(t, s.Head(t.Context(), in))
	require.NoError(t, s.Deep(t.Context(), feature))
	parts, err := s.Tail(t.Context(), feature)
	require.NoError(t, err)
	assert.Equal(t, want, parts.Float32s())

	own, err := u.Values(2, 8, 8, 5)
	require.NoError(t, err)
	counted, err := counting.Values(2, 8, 8, 5)
	require.NoError(t, err)
	assert.Greater(t, counted, own)
}

func TestImageErrors(t *testing.T) {
	u := load(t, "tiny-sd15", "")
	list := u.CrossAttentions()
	require.Len(t, list, 4)
	assert.Equal(t, CrossAttention{"down_blocks.0.attentions.0.transformer_blocks.0.attn2", 16, 0}, list[0])
	assert.Equal(t, CrossAttention{"mid_block.attentions.0.transformer_blocks.0.attn2", 32, 1}, list[3], "the middle is the last")
	fitting := func() Shown[*tensor.Dense] {
		var s Shown[*tensor.Dense]
		for _, a := range list {
			s.Keys, s.Values = append(s.Keys, nn.Tensor(1, 4, a.Width)), append(s.Values, nn.Tensor(1, 4, a.Width))
		}
		return s
	}
	for want, change := range map[string]func(s *Shown[*tensor.Dense]){
		"unet: images: number 0: have 3 keys and 4 values, want 4 each": func(s *Shown[*tensor.Dense]) { s.Keys = s.Keys[:3] },
		"have keys or values alone for " + list[1].Path:                 func(s *Shown[*tensor.Dense]) { s.Values[1] = nil },
		"unet: image 0 keys 0: have shape [2 4 16], want [1 -1 16]":     func(s *Shown[*tensor.Dense]) { s.Keys[0] = nn.Tensor(2, 4, 16) },
		"unet: image 0 values 0: have shape [1 5 16], want [1 4 16]":    func(s *Shown[*tensor.Dense]) { s.Values[0] = nn.Tensor(1, 5, 16) },
		"unet: images: number 0: have 1 masks, want 2":                  func(s *Shown[*tensor.Dense]) { s.Masks = []*tensor.Dense{nn.Tensor(64)} },
		"unet: image 0 mask 1: have shape [15], want [16]": func(s *Shown[*tensor.Dense]) {
			s.Masks = []*tensor.Dense{nn.Tensor(64), nn.Tensor(15)}
		},
		"unet: images: number 0: have no keys": func(s *Shown[*tensor.Dense]) {
			s.Keys, s.Values = make([]*tensor.Dense, 4), make([]*tensor.Dense, 4)
		},
	} {
		s := fitting()
		change(&s)
		in := Input{Latents: nn.Tensor(1, 4, 8, 8), Timesteps: []float64{1}, Cond: Text(nn.Tensor(1, 9, 32))}
		in.Cond.Images = &Images[*tensor.Dense]{Shown: []Shown[*tensor.Dense]{s}}
		_, err := u.Predict(t.Context(), in)
		assert.ErrorContains(t, err, want)
	}
	for _, f := range []ImageForm{{}, {Tokens: 1, Attentions: []int{4}}, {Tokens: 1, Attentions: []int{1, 1}}, {Tokens: 1 << 20}} {
		_, err := u.WithImages([]ImageForm{f})
		assert.ErrorContains(t, err, "unet: images: have")
	}
	assert.Nil(t, u.LevelSizes(0, 3))
}

// Pictures that are shown have their part of the derivatives by all else.
func TestImageGradients(t *testing.T) {
	u := load(t, "tiny-image-tokens", "")
	c := golden.Open(t, "modules/grad_image_tokens")
	g := gradient.New(t, c)
	in := Nodes{Latents: g.Input("sample"), Timesteps: g.Input("timesteps"), Cond: Text(g.Input("encoder_hidden_states"))}
	given := shownAs(t, u, "tiny-image-tokens", engine.Tensor(c.Float32s("image_tokens"), c.Shape("image_tokens")...), 1)
	var s Shown[*G.Node]
	for i := range given.Keys {
		add := func(kind string, x *tensor.Dense) *G.Node {
			return g.Add(fmt.Sprint(kind, i), x.Float32s(), x.Shape()...)
		}
		s.Keys, s.Values = append(s.Keys, add("keys", given.Keys[i])), append(s.Values, add("values", given.Values[i]))
	}
	for i, size := range u.LevelSizes(8, 8) {
		n := size[0] * size[1]
		s.Masks = append(s.Masks, g.Add(fmt.Sprint("mask", i), slices.Repeat([]float32{1}, n), n))
	}
	in.Cond.Images = &Images[*G.Node]{Shown: []Shown[*G.Node]{s}}
	out, err := u.Build(g.ExprGraph, in)
	require.NoError(t, err)
	g.Lose(out, "target")
	g.By(map[string]*G.Node{"sample": in.Latents, "encoder_hidden_states": in.Cond.Tokens})
	g.By(u.WeightNodes(g.ExprGraph))
	assert.Equal(t, 2+122, g.Compare("loss", false))
}
