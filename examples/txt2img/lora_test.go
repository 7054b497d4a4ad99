package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/examples/internal/clitest"
	"sdgo/internal/golden"
)

// The flag -lora takes files with weights, several times.
func TestLoRA(t *testing.T) {
	t.Chdir(t.TempDir())
	dir := golden.ModelDir(t, "tiny-sd15")
	for _, name := range []string{"kohya", "peft"} {
		require.NoError(t, os.WriteFile(name+".safetensors", golden.File(t, "models/lora/tiny-sd15-"+name+".safetensors"), 0o666))
	}
	draw := func(out string, args ...string) any {
		status, _, stderr := clitest.Run(t.Context(), run, append(args, "-model", dir, "-steps", "2", "-width", "16", "-height", "16", "-o", out, "a cat")...)
		require.Equal(t, 0, status, stderr)
		return clitest.ReadPNG(t, out)
	}
	plain, one := draw("a.png"), draw("b.png", "-lora", "kohya.safetensors")
	assert.NotEqual(t, plain, one)
	assert.Equal(t, one, draw("c.png", "-lora", "kohya.safetensors:1"))
	assert.Equal(t, plain, draw("d.png", "-lora", "kohya.safetensors:0"))
	assert.NotEqual(t, one, draw("e.png", "-lora", "kohya.safetensors", "-lora", filepath.Join(".", "peft.safetensors:0.8")))

	for want, flag := range map[string]string{
		"-lora: have \":1\", want a file and a weight": ":1",
		"none.safetensors":   "none.safetensors:0.8",
		"weight: have 1e+09": "kohya.safetensors:1e9",
	} {
		status, _, stderr := clitest.Run(t.Context(), run, "-model", dir, "-lora", flag, "-steps", "1", "a cat")
		assert.NotZero(t, status)
		assert.Contains(t, stderr, want)
	}
}
