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
		PooledText: g.Input("text_embeds"), TimeIDs: g.Input("time_ids"), ClassLabels: g.Input("class_labels"), TimeCond: g.Input("timestep_cond"),
	}}
	by := map[string]*G.Node{
		"sample": in.Latents, "encoder_hidden_states": in.Cond.Tokens, "image_tokens": in.Cond.ImageTokens,
		"text_embeds": in.Cond.PooledText, "time_ids": in.Cond.TimeIDs, "class_labels": in.Cond.ClassLabels, "timestep_cond": in.Cond.TimeCond,
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

// A condition that is added to the times is differentiated, too.
func TestTimeCondGradients(t *testing.T) {
	assert.Equal(t, 3+209, loss(t, distilled(t), golden.Open(t, "modules/grad_time_cond")).Compare("loss", false))
}

// Channels beside the latents have their part of the derivative.
func TestChannelGradients(t *testing.T) {
	u, c := load(t, "tiny-inpaint", ""), golden.Open(t, "modules/grad_inpaint")
	g := gradient.New(t, c)
	x, shape := c.Float32s("sample"), c.Shape("sample")
	pixels := shape[2] * shape[3]
	cut := func(x []float32, from, to int) (part []float32) {
		for i := range shape[0] {
			part = append(part, x[(9*i+from)*pixels:(9*i+to)*pixels]...)
		}
		return part
	}
	latents, channels := g.Add("latents", cut(x, 0, 4), 2, 4, 8, 8), g.Add("channels", cut(x, 4, 9), 2, 5, 8, 8)
	out, err := u.Build(g.ExprGraph, Nodes{Latents: latents, Timesteps: g.Input("timesteps"), Cond: Conditioning[*G.Node]{
		Tokens: g.Input("encoder_hidden_states"), Channels: channels,
	}})
	require.NoError(t, err)
	g.Lose(out, "target")
	g.By(map[string]*G.Node{"latents": latents, "channels": channels})
	got, want := g.Derivatives("loss", false), c.Float32s("d_sample")
	golden.Close(t, cut(want, 0, 4), got["latents"], golden.GradientTolerance, "latents")
	golden.Close(t, cut(want, 4, 9), got["channels"], golden.GradientTolerance, "channels")
}

// Gorgonia's machine gives the same derivatives.
func TestGradientsOnTapeMachine(t *testing.T) {
	g := loss(t, load(t, "tiny-sd15", ""), golden.Open(t, "modules/grad_sd15"))
	assert.Equal(t, 2+208, g.Compare("loss", true))
}
