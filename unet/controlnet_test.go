package unet

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"sdgo/internal/engine"
	"sdgo/internal/golden"
)

// controlled returns the input of a golden case with its ControlNet's residuals.
func controlled(c *golden.Case, name string) Input {
	read := func(name string) *tensor.Dense { return engine.Tensor(c.Float32s(name), c.Shape(name)...) }
	in := Input{Latents: read("sample"), Cond: Text(read("encoder_hidden_states")), Timesteps: []float64{321}}
	in.Cond.Residuals = &Residuals[*tensor.Dense]{Mid: read(name + ".mid")}
	for i := 0; c.Has(fmt.Sprintf("%s.down%d", name, i)); i++ {
		in.Cond.Residuals.Down = append(in.Cond.Residuals.Down, read(fmt.Sprintf("%s.down%d", name, i)))
	}
	return in
}

// The prediction with residuals is the reference's, whole and in parts.
func TestResiduals(t *testing.T) {
	u := load(t, "tiny-sd15", "")
	c := golden.Open(t, "modules/controlnet")
	for _, name := range []string{"s1", "s0.6", "guess"} {
		in := controlled(c, name)
		require.Len(t, in.Cond.Residuals.Down, u.Branches())
		out, err := u.Predict(t.Context(), in)
		require.NoError(t, err)
		golden.Close(t, c.Float32s(name+".unet_out"), out.Float32s(), tolerance, name)
	}
	plain := controlled(c, "s1")
	plain.Cond.Residuals = nil
	out, err := u.Predict(t.Context(), plain)
	require.NoError(t, err)
	assert.NotEqual(t, c.Float32s("s1.unet_out"), out.Float32s())
}

func TestResidualErrors(t *testing.T) {
	u := load(t, "tiny-sd15", "")
	c := golden.Open(t, "modules/controlnet")
	for _, tt := range []struct {
		change func(r *Residuals[*tensor.Dense])
		want   string
	}{
		{func(r *Residuals[*tensor.Dense]) { r.Down = r.Down[:2] }, "unet: residuals: have 2 for the way down, want 4"},
		{func(r *Residuals[*tensor.Dense]) { r.Down[1] = r.Down[2] }, "unet: down residual 1: have shape [2 16 4 4], want [2 16 8 8]"},
		{func(r *Residuals[*tensor.Dense]) { r.Down[3] = nil }, "unet: down residual 3"},
		{func(r *Residuals[*tensor.Dense]) { r.Mid = nil }, "unet: mid residual"},
	} {
		in := controlled(c, "s1")
		tt.change(in.Cond.Residuals)
		_, err := u.Predict(t.Context(), in)
		assert.ErrorContains(t, err, tt.want)
	}
}
