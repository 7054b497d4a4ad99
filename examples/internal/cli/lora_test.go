package cli

import (
	"flag"
	"io"
	"testing"

	"github.com/stretchr/testify/assert"

	"sdgo/diffusion"
)

func TestWeighted(t *testing.T) {
	for s, want := range map[string]diffusion.MergedAdapter{
		"a.safetensors": {Path: "a.safetensors", Weight: 1}, "a.safetensors:0.8": {Path: "a.safetensors", Weight: 0.8},
		`C:\a.pt`: {Path: `C:\a.pt`, Weight: 1}, `C:\a.pt:-2`: {Path: `C:\a.pt`, Weight: -2}, "dir/:1.5": {Path: "dir/", Weight: 1.5},
	} {
		have, err := weighted(s)
		assert.NoError(t, err, s)
		assert.Equal(t, want, have, s)
	}
	for _, s := range []string{"", ":1", "a:NaN"} {
		_, err := weighted(s)
		assert.ErrorContains(t, err, "want a file and a weight", s)
	}
	f := flag.NewFlagSet("", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	MergeFlag(f, new([]diffusion.MergedAdapter))
	assert.ErrorContains(t, f.Parse([]string{"-lora", "a:0"}), "want a weight that is not 0")
}
