package diffusion

import (
	"bytes"
	"io/fs"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
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
		{name: "dpm-infinity", steps: 6},
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

// Python's words for floats that are not numbers may stand in any JSON file.
func TestPythonWords(t *testing.T) {
	model := golden.Folder(t, "class-name")
	for name, value := range map[string]string{
		"model_index.json":                  `{"_note": NaN,`,
		"scheduler/scheduler_config.json":   `{"lambda_min_clipped": -Infinity, "_note": [Infinity, "-Infinity"],`,
		"text_encoder/config.json":          `{"initializer_factor": NaN,`,
		"tokenizer/tokenizer_config.json":   `{"_note": "\"NaN", "_more": -Infinity,`,
		"tokenizer/special_tokens_map.json": `{"_note": NaN,`,
		"unet/config.json":                  `{"_note": {"a": -Infinity},`,
		"vae/config.json":                   `{"_note": Infinity,`,
	} {
		data, ok := bytes.CutPrefix(bytes.TrimSpace(model[name].Data), []byte("{"))
		require.True(t, ok)
		model[name] = &fstest.MapFile{Data: append([]byte(value), data...)}
	}
	result, err := loadFolder(t, model, nil).TextToImage(t.Context(), "a red house", &Options{Steps: 4, Seed: 1})
	require.NoError(t, err)
	golden.Close(t, golden.FolderLatents(t, "class-name"), result.Latents.Float32s(), tolerance, "final latents")

	config := model["tokenizer/tokenizer_config.json"]
	config.Data = bytes.Replace(config.Data, []byte(`"model_max_length": 77`), []byte(`"model_max_length": Infinity`), 1)
	assert.Contains(t, string(config.Data), `"model_max_length": Infinity`)
	assert.Equal(t, 77, loadFolder(t, model, nil).Tokenizer.MaxLength)
}
