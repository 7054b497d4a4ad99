package unet

import (
	"fmt"
	"maps"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"

	"sdgo/internal/golden"
	"sdgo/internal/golden/gradient"
)

// loss returns mean((U-Net − target)²) of a golden case, and differentiates it by all
// weights and the inputs whose derivatives the case has.
func loss(t *testing.T, u *UNet, c *golden.Case) *gradient.Graph {
	g := gradient.New(t, c)
	in := Nodes{Latents: g.Input("sample"), Timesteps: g.Input("timesteps"), Cond: Conditioning[*G.Node]{
		Tokens: g.Input("encoder_hidden_states"), TokenMask: g.Input("mask"), ImageTokens: g.Input("image_tokens"),
		PooledText: g.Input("text_embeds"), TimeIDs: g.Input("time_ids"), ClassLabels: g.Input("class_labels"),
	}}
	by := map[string]*G.Node{
		"sample": in.Latents, "encoder_hidden_states": in.Cond.Tokens, "image_tokens": in.Cond.ImageTokens,
		"text_embeds": in.Cond.PooledText, "time_ids": in.Cond.TimeIDs, "class_labels": in.Cond.ClassLabels,
	}
	if c.Has("mid") {
		r := &Residuals[*G.Node]{Mid: g.Input("mid")}
		for i := range u.Branches() {
			name := fmt.Sprintf("down%d", i)
			r.Down = append(r.Down, g.Input(name))
			by[name] = r.Down[i]
		}
		in.Cond.Residuals, by["mid"] = r, r.Mid
	}
	maps.DeleteFunc(by, func(name string, _ *G.Node) bool { return !c.Has("d_" + name) })
	out, err := u.Build(g.ExprGraph, in)
	require.NoError(t, err)
	g.Lose(out, "target")
	g.By(by)
	g.By(u.WeightNodes(g.ExprGraph))
	return g
}

func TestGradients(t *testing.T) {
	for _, tt := range []struct {
		module, model string
		compared      int // inputs and weights
	}{
		{"grad_sd15", "tiny-sd15", 2 + 208},
		{"grad_sd21_v", "tiny-sd21-v", 2 + 208},
		{"grad_sdxl", "tiny-sdxl", 2 + 292},
		{"grad_sdxl_conditions", "tiny-sdxl", 4 + 292},
		{"grad_x4", "tiny-x4-upscaler", 2 + 325},
		{"grad_depth", "tiny-depth", 2 + 208},
		{"grad_inpaint", "tiny-inpaint", 2 + 208},
		{"grad_residuals", "tiny-sd15", 7 + 208},
		{"grad_mask", "tiny-sd15", 2 + 208},
		{"grad_image_tokens", "tiny-image-tokens", 3 + 128},
		{"grad_class_timestep", "tiny-class-timestep", 2 + 48},
		{"grad_class_identity", "tiny-class-identity", 2 + 44},
		{"grad_class_projection", "tiny-class-projection", 2 + 48},
		{"grad_class_simple_projection", "tiny-class-simple_projection", 2 + 46},
	} {
		t.Run(tt.module, func(t *testing.T) {
			g := loss(t, load(t, tt.model, ""), golden.Open(t, "modules/"+tt.module))
			assert.Equal(t, tt.compared, g.Compare("loss", false))
		})
	}
}

// Gorgonia's machine gives the same derivatives.
func TestGradientsOnTapeMachine(t *testing.T) {
	g := loss(t, load(t, "tiny-sd15", ""), golden.Open(t, "modules/grad_sd15"))
	assert.Equal(t, 2+208, g.Compare("loss", true))
}
