package diffusion

import (
	"io/fs"
	"testing"

	"github.com/stretchr/testify/require"

	"sdgo/internal/golden"
)

// Folders as people have them give the reference's latents.
func TestFolders(t *testing.T) {
	tests := []struct {
		name    string // in testdata/cases of package golden
		steps   int
		prompt  string // "a red house" if empty
		options Options
		load    *LoadOptions
	}{
		{name: "class-name", steps: 4},
		{name: "lcm-time-cond", steps: 4, options: Options{Guidance: 8}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := loadFolder(t, golden.Folder(t, tt.name), tt.load)
			o := tt.options
			o.Steps = tt.steps
			o.Seed = 1
			prompt := tt.prompt
			if prompt == "" {
				prompt = "a red house"
			}
			result, err := p.TextToImage(t.Context(), prompt, &o)
			require.NoError(t, err)
			golden.Close(t, golden.FolderLatents(t, tt.name), result.Latents.Float32s(), tolerance, "final latents")
		})
	}
}

// loadFolder loads a model for as long as the test runs.
func loadFolder(t testing.TB, fsys fs.FS, o *LoadOptions) *Pipeline {
	t.Helper()
	p, err := LoadFS(fsys, o)
	require.NoError(t, err)
	t.Cleanup(func() { p.Close() })
	return p
}
