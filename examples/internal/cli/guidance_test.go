package cli

import (
	"bytes"
	"flag"
	"io"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/diffusion"
	"sdgo/unet"
)

func TestGuidanceFlags(t *testing.T) {
	parse := func(args ...string) (*Command, error) {
		c := New("test", "tests", io.Discard, io.Discard)
		return c, c.Parse(t.Context(), append(args, "-o", t.TempDir()+"/x.png", "a house"))
	}
	c, err := parse("-guider", "cfg:scale=2+pag:layers=mid/up", "-guidance-interval", "0.5,9", "-freeu", "1.5, 1.6,0.9,0.2", "-seamless", "xy")
	require.NoError(t, err)
	assert.Equal(t, diffusion.PerturbedAttention{Guider: diffusion.ClassifierFree{Scale: 2}, Layers: []string{"mid", "up"}}, c.Options.Guider)
	assert.Zero(t, c.Options.Guidance)
	assert.NotZero(t, c.Options.Steps)
	assert.Equal(t, diffusion.Interval{Low: 0.5, High: 9}, c.Options.GuidanceInterval)
	assert.Equal(t, unet.FreeU{B1: 1.5, B2: 1.6, S1: 0.9, S2: 0.2}, c.Options.FreeU)
	assert.Equal(t, unet.Seamless{X: true, Y: true}, c.Options.Seamless)
	c, err = parse("-seamless", "y", "-guidance-interval", "1")
	require.NoError(t, err)
	assert.Equal(t, unet.Seamless{Y: true}, c.Options.Seamless)
	assert.Equal(t, diffusion.Interval{Low: 1}, c.Options.GuidanceInterval)
	assert.NotZero(t, c.Options.Guidance)

	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"-guider", "pag:scale=2"}, "cfg:scale=2.5+pag:scale=2"}, // the demo model's
		{[]string{"-guider", "pag", "-guidance", "4"}, "cfg:scale=4+pag"},
		{[]string{"-guider", "seg:blur=2", "-guidance", "0"}, "unguided+seg:blur=2"},
		{[]string{"-guider", " apg : norm=15+thresholded", "-guidance", "4"}, "apg:scale=4,norm=15+thresholded"},
		{[]string{"-guider", "zero-star+interval:low=1", "-guidance", "4"}, "zero-star:scale=4+interval:low=1"},
		{[]string{"-guider", "rescaled:share=0.5", "-guidance", "4"}, "rescaled:scale=4,share=0.5"},
		{[]string{"-guider", "cfg: scale =9"}, "cfg:scale=9"},
		{[]string{"-guider", "unguided+pag"}, "unguided+pag"},
		{[]string{"-guider", "scheduled:linear=1/5"}, "scheduled:linear=1/5"},
	} {
		c, err := parse(tt.args...)
		require.NoError(t, err)
		text, err := diffusion.FormatGuider(c.Options.Guider)
		require.NoError(t, err)
		assert.Equal(t, tt.want, text)
		assert.Zero(t, c.Options.Guidance)
	}
	c, err = parse("-guider", "cfg:scale=9", "-guidance", "4") // which the call refuses
	require.NoError(t, err)
	assert.Equal(t, 4.0, c.Options.Guidance)

	for _, tt := range [][]string{
		{"-seamless", "z", `have "z", want x, y or xy`},
		{"-freeu", "1,2", "have 2 numbers, want 4"},
		{"-guidance-interval", "1,2,3", "have 3 numbers, want 1 or 2"},
		{"-guidance-interval", "low", `have "low", want numbers between commas`},
		{"-guider", "best", `-guider: diffusion: guider: "best": have name "best", want one of cfg`},
	} {
		_, err := parse(tt[0], tt[1])
		assert.ErrorContains(t, err, tt[2])
	}
	var out bytes.Buffer
	c = New("test", "tests", &out, io.Discard)
	assert.ErrorIs(t, c.Parse(t.Context(), []string{"-guider", "help"}), flag.ErrHelp)
	assert.Contains(t, out.String(), "seg          smoothed-energy guidance: scale, layers, blur, low, high\n")
}
