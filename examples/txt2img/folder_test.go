package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/examples/internal/clitest"
	"sdgo/examples/tinyscenes"
)

// edit replaces a text in a file of a model's folder.
func edit(t *testing.T, name, from, to string) {
	t.Helper()
	data, err := os.ReadFile(name)
	require.NoError(t, err)
	require.Contains(t, string(data), from)
	require.NoError(t, os.WriteFile(name, []byte(strings.ReplaceAll(string(data), from, to)), 0o600))
}

// The scheduler is the one that model_index.json names, whatever the config says of
// itself.
func TestSchedulerOfIndex(t *testing.T) {
	t.Chdir(t.TempDir())
	quick := []string{"-no-metadata", "-steps", "8", "-guidance", "2.5", "-seed", "5", "-width", "64", "-height", "64", "a red house"}
	picture := func(args ...string) string {
		t.Helper()
		status, _, stderr := clitest.Run(t.Context(), run, append(append(args, "-o", "x.png"), quick...)...)
		require.Equal(t, 0, status, stderr)
		data, err := os.ReadFile("x.png")
		require.NoError(t, err)
		return string(data)
	}
	require.NoError(t, os.CopyFS("index", tinyscenes.FS))
	edit(t, "index/model_index.json", "PNDMScheduler", "EulerDiscreteScheduler")
	assert.Equal(t, picture("-sampler", "euler"), picture("-model", "index"))
	require.NoError(t, os.CopyFS("config", tinyscenes.FS))
	edit(t, "config/scheduler/scheduler_config.json", "PNDMScheduler", "DDIMScheduler")
	assert.Equal(t, picture(), picture("-model", "config"))
}

// -variant takes what there is of it, and what was left out is told.
func TestVariant(t *testing.T) {
	t.Chdir(t.TempDir())
	require.NoError(t, os.CopyFS("model", tinyscenes.FS))
	require.NoError(t, os.Rename("model/unet/diffusion_pytorch_model.safetensors", "model/unet/diffusion_pytorch_model.fp16.safetensors"))
	require.NoError(t, os.WriteFile("model/unet/diffusion_pytorch_model.safetensors", []byte("another"), 0o600))
	edit(t, filepath.FromSlash("model/unet/config.json"), `"act_fn"`, `"new_key": 3, "act_fn"`)
	quick := []string{"-model", "model", "-steps", "1", "-width", "16", "-height", "16", "a red house"}
	status, _, stderr := clitest.Run(t.Context(), run, append(quick, "-variant", "fp16")...)
	require.Equal(t, 0, status, stderr)
	assert.Contains(t, stderr, `: warning: unet/config.json: the key "new_key" is not known and was left out: have 3`+"\n")
	clitest.Fails(t, run, `variant: have "bf16", which no part has: there are fp16`, append(quick, "-variant", "bf16")...)
}
