package cli

import (
	"flag"
	"io"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/diffusion"
)

// Flags are those of the network before them.
func TestControlFlags(t *testing.T) {
	var l controls
	f := flag.NewFlagSet("x", flag.ContinueOnError)
	l.flags(f)
	words, err := ParseFlags(f, []string{
		"-control", "canny.safetensors", "-control-image", "edges.png", "-control-scale", "0.8", "-control-end=0.5",
		"-control", "pose", "-guess", "-control-start", "0.25", "a cat",
	})
	require.NoError(t, err)
	assert.Equal(t, []string{"a cat"}, words)
	assert.Equal(t, controls{
		{"canny.safetensors", "edges.png", diffusion.Control{Scale: 0.8, End: 0.5}},
		{"pose", "", diffusion.Control{Start: 0.25, Guess: true}},
	}, l)
}

func TestControlFlagErrors(t *testing.T) {
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"-control-image", "x.png"}, "have no -control before it"},
		{[]string{"-guess"}, "have no -control before it"},
		{[]string{"-control", ""}, "have an empty name, want a folder or file"},
		{[]string{"-control", "x", "-control-scale", "0"}, "want another number than 0"},
		{[]string{"-control", "x", "-control-end", "0"}, "want another number than 0"},
		{[]string{"-control", "x", "-control-scale", "much"}, "much"},
	} {
		var l controls
		f := flag.NewFlagSet("x", flag.ContinueOnError)
		f.SetOutput(io.Discard)
		l.flags(f)
		_, err := ParseFlags(f, tt.args)
		assert.ErrorContains(t, err, tt.want)
	}
}
