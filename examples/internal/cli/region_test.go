package cli

import (
	"image"
	"io"
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
		"0,0,8,8;weight=0:a":     `have "weight=0", want more than 0`,
		"0,0,8,8;end=0.0:a":      `have "end=0.0", want more than 0`,
	} {
		_, err := parseRegion(in)
		assert.ErrorContains(t, err, want)
	}
}

// What is given stands in place of what the settings have.
func TestPlacesFrom(t *testing.T) {
	from := filepath.Join(t.TempDir(), "settings.json")
	require.NoError(t, os.WriteFile(from, []byte(`{"prompt": "a hill", "regions": [{"prompt": "a boat", "alone": true}], "boxes": [{"phrase": "a car", "right": 1}]}`), 0o600))
	parse := func(args ...string) *diffusion.Options {
		c := New("test", "tests", io.Discard, io.Discard)
		c.BoxFlags()
		require.NoError(t, c.Parse(t.Context(), append(args, "-from", from)))
		require.NoError(t, c.loadRegions(t.Context()))
		return &c.Options
	}
	kept := parse()
	assert.Equal(t, []diffusion.Region{{Prompt: "a boat", Alone: true}}, kept.Regions)
	assert.Equal(t, []diffusion.Box{{Phrase: "a car", Right: 1}}, kept.Boxes)
	given := parse("-region", "0,0,8,8:a sea", "-region", "8,0,8,8:a tree", "-box", "0,0,1,1:a house")
	assert.Equal(t, []diffusion.Region{{Prompt: "a sea", Box: image.Rect(0, 0, 8, 8)}, {Prompt: "a tree", Box: image.Rect(8, 0, 16, 8)}}, given.Regions)
	assert.Equal(t, []diffusion.Box{{Phrase: "a house", Right: 1, Bottom: 1}}, given.Boxes)
}

// Without a model that reads words the settings' regions are dropped, and not those that are given.
func TestDropRegions(t *testing.T) {
	from := filepath.Join(t.TempDir(), "settings.json")
	require.NoError(t, os.WriteFile(from, []byte(`{"prompt": "a hill", "base_weight": 1, "regions": [{"prompt": "a boat"}, {"prompt": "a dog"}]}`), 0o600))
	for region, want := range map[string][]diffusion.Region{
		"":               nil,
		"0,0,8,8:a tree": {{Prompt: "a tree", Box: image.Rect(0, 0, 8, 8)}},
	} {
		c := New("test", "tests", io.Discard, io.Discard)
		args := []string{"-from", from}
		if region != "" {
			args = append(args, "-region", region)
		}
		require.NoError(t, c.Parse(t.Context(), args))
		require.NoError(t, c.loadRegions(t.Context()))
		c.DropWords()
		assert.Empty(t, c.Prompt)
		assert.Equal(t, want, c.Options.Regions)
		assert.Equal(t, want == nil, c.Options.BaseWeight == 0)
	}
}
