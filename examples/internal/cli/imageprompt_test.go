package cli

import (
	"flag"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Flags behind an -ip-adapter are for it.
func TestImagePromptFlags(t *testing.T) {
	var list []imagePrompt
	f := flag.NewFlagSet("", flag.ContinueOnError)
	imagePromptFlags(f, &list)
	words, err := ParseFlags(f, []string{"-ip-adapter", "a.safetensors:0.5", "-image-prompt", "1.png", "a cat", "-image-prompt", "2.png", "-image-encoder", "h",
		"-ip-adapter", "b.bin", "-image-prompt", "3.png", "-ip-mask", "m.png", "-ip-blocks", "up_blocks.0=1, mid_block=0.5"})
	require.NoError(t, err)
	assert.Equal(t, []string{"a cat"}, words)
	assert.Equal(t, []imagePrompt{
		{adapter: "a.safetensors", scale: 0.5, encoder: "h", images: []string{"1.png", "2.png"}},
		{adapter: "b.bin", scale: 1, images: []string{"3.png"}, mask: "m.png", blocks: map[string]float64{"up_blocks.0": 1, "mid_block": 0.5}},
	}, list)
	for want, args := range map[string][]string{
		"before any -ip-adapter":     {"-image-prompt", "1.png"},
		"want a scale that is not 0": {"-ip-adapter", "a:0"},
		"want a block and a scale":   {"-ip-adapter", "a", "-ip-blocks", "up_blocks.0"},
		"want a file and a weight":   {"-ip-adapter", ""},
	} {
		var none []imagePrompt
		f := flag.NewFlagSet("", flag.ContinueOnError)
		imagePromptFlags(f, &none)
		_, err := ParseFlags(f, args)
		assert.ErrorContains(t, err, want)
	}
}
