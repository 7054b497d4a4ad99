package cli

import (
	"image"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/diffusion"
)

func TestParseRegion(t *testing.T) {
	mask := filepath.Join(t.TempDir(), "a:b.png")
	require.NoError(t, os.WriteFile(mask, nil, 0o600))
	for _, tt := range []struct {
		in   string
		want region
	}{
		{"0,0,64,128:a red house: large", region{diffusion.Region{Prompt: "a red house: large", Box: image.Rect(0, 0, 64, 128)}, ""}},
		{"64,0,64,128;weight=0.5;feather=16;alone:a boat", region{diffusion.Region{Prompt: "a boat", Box: image.Rect(64, 0, 128, 128), Weight: 0.5, Feather: 16, Alone: true}, ""}},
		{mask + ";start=0.25;end=1;negative=dark:a sea", region{diffusion.Region{Prompt: "a sea", NegativePrompt: "dark", Start: 0.25, End: 1}, mask}},
		{"none.png:a sea", region{diffusion.Region{Prompt: "a sea"}, "none.png"}},
	} {
		got, err := parseRegion(tt.in)
		require.NoError(t, err)
		assert.Equal(t, tt.want, got)
	}
	for in, want := range map[string]string{
		"a sea":                  "want a place",
		"0,0,8,8;wait=1:a":       `have "wait=1" behind the place, want weight=`,
		"0,0,8,8;weight=heavy:a": `have "weight=heavy", which is no number`,
		"0,0,8,8;feather=1.5:a":  `have "feather=1.5", which is no number`,
	} {
		_, err := parseRegion(in)
		assert.ErrorContains(t, err, want)
	}
}
