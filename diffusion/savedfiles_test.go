package diffusion_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/golden"
	"sdgo/internal/pyjson"
	"sdgo/safetensors"
)

// singleFile writes the references' file of a model, with its tokenizers beside it.
func singleFile(t *testing.T, name string) string {
	t.Helper()
	m := golden.SingleFileOf
	if name == "tiny-sdxl" {
		m = golden.SingleFile
	}
	files := m(t, name)
	golden.Tokenizer(t, files, name)
	if name == "tiny-sdxl" {
		second, err := fs.Sub(golden.Model(t, name), "tokenizer_2")
		require.NoError(t, err)
		for _, file := range []string{"vocab.json", "merges.txt", "tokenizer_config.json", "special_tokens_map.json"} {
			data, err := fs.ReadFile(second, file)
			require.NoError(t, err)
			files["tokenizer_2/"+file] = &fstest.MapFile{Data: data, Mode: 0o644}
		}
	}
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, files))
	return filepath.Join(dir, name+".safetensors")
}

// tensorsOf are the tensors of a file, but for those that no model has: their types,
// shapes and bytes.
func tensorsOf(t *testing.T, path string) map[string]safetensors.Tensor {
	t.Helper()
	f, err := safetensors.Open(path)
	require.NoError(t, err)
	t.Cleanup(func() { f.Close() })
	tensors := make(map[string]safetensors.Tensor)
	for _, name := range f.Names() {
		if x, _ := f.Tensor(name); !leftOut(name) {
			tensors[name] = x
		}
	}
	return tensors
}

// leftOut says whether a tensor is none of a model that runs.
func leftOut(name string) bool {
	for _, prefix := range []string{"model_ema.", "betas", "alphas_cumprod", "sqrt_alphas_cumprod"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return strings.HasSuffix(name, ".position_ids") || strings.HasSuffix(name, ".logit_scale")
}

// sameTensors wants two files to have the same tensors.
func sameTensors(t *testing.T, want, have string, but ...string) {
	t.Helper()
	a, b := tensorsOf(t, want), tensorsOf(t, have)
	for name, x := range a {
		y, ok := b[name]
		require.True(t, ok, "%s: no %s", have, name)
		assert.Equal(t, x.DType, y.DType, name)
		assert.Equal(t, x.Shape, y.Shape, name)
		if !slices.ContainsFunc(but, func(prefix string) bool { return strings.HasPrefix(name, prefix) }) {
			require.True(t, slices.Equal(x.Bytes(), y.Bytes()), name)
		}
	}
	assert.Len(t, b, len(a))
}

// weightFiles are those of a folder.
func weightFiles(t *testing.T, dir string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*", "*.safetensors"))
	require.NoError(t, err)
	for i, name := range names {
		names[i], err = filepath.Rel(dir, name)
		require.NoError(t, err)
	}
	return slices.DeleteFunc(names, func(name string) bool { return strings.Contains(name, "16.safetensors") })
}

// sameJSON wants the configurations of two folders to be those that diffusers would write
// of the first.
func sameJSON(t *testing.T, want, have string) {
	t.Helper()
	for _, pattern := range []string{"model_index.json", "*/config.json", "scheduler/*.json"} {
		names, err := filepath.Glob(filepath.Join(want, pattern))
		require.NoError(t, err)
		require.NotEmpty(t, names)
		for _, name := range names {
			rel, err := filepath.Rel(want, name)
			require.NoError(t, err)
			a, b := jsonOf(t, name), jsonOf(t, filepath.Join(have, rel))
			delete(a, "torch_dtype") // not that of its tensors in all of the references
			delete(b, "torch_dtype")
			if rel == "model_index.json" { // parts that a pipeline may have and the references left out
				delete(b, "feature_extractor")
				delete(a, "feature_extractor")
				delete(b, "image_encoder")
				delete(a, "image_encoder")
			}
			assert.Equal(t, a, b, rel)
		}
	}
}

func jsonOf(t *testing.T, name string) (v map[string]any) {
	t.Helper()
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	require.NoError(t, pyjson.Unmarshal(text, &v))
	return v
}
