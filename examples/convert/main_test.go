package main

import (
	"context"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/diffusion"
	"sdgo/examples/internal/cli"
	"sdgo/examples/internal/clitest"
	"sdgo/examples/tinyscenes"
	"sdgo/safetensors"
)

// The demo model as a file of each kind and as a folder again.
func TestConvert(t *testing.T) {
	t.Chdir(t.TempDir())
	require.NoError(t, os.CopyFS("demo", tinyscenes.FS))
	for _, args := range []string{"demo a.safetensors", "-dtype bf16 demo b.safetensors", "-dtype=q8_0 demo c.gguf", "a.safetensors folder", "-force -dtype f16 a.safetensors folder"} {
		var stdout, stderr strings.Builder
		require.NoError(t, run(t.Context(), strings.Fields(args), &stdout, &stderr), args)
		assert.Empty(t, stdout.String())
		assert.True(t, strings.HasSuffix(stderr.String(), "90%\n100%\n"), stderr.String())
	}
	b, err := safetensors.Open("b.safetensors")
	require.NoError(t, err)
	defer b.Close()
	for _, name := range b.Names() {
		x, _ := b.Tensor(name)
		assert.Equal(t, safetensors.BF16, x.DType, name)
	}
	for _, path := range []string{"a.safetensors", "b.safetensors", "c.gguf", "folder"} {
		pipe, err := diffusion.Load(path, nil)
		require.NoError(t, err, path)
		assert.NoError(t, pipe.Close())
	}
}

// command is the command as clitest runs it.
func command(ctx context.Context, _ *cli.Command, args []string) error {
	return run(ctx, args, io.Discard, io.Discard)
}

func TestMisuse(t *testing.T) {
	t.Chdir(t.TempDir())
	require.NoError(t, os.CopyFS("demo", tinyscenes.FS))
	require.NoError(t, os.Mkdir("full", 0o777))
	require.NoError(t, os.WriteFile(filepath.Join("full", "x"), nil, 0o666))
	for args, want := range map[string]string{
		"":                        "have 0 arguments, want two",
		"a b c":                   "have 3 arguments, want two",
		"-dtyp f16 a b":           "not defined: -dtyp; want one of -dtype",
		"-prediction x demo b":    `have "x", want epsilon or v_prediction`,
		"-dtype f17 demo b":       `dtype: have "f17", want f32, f16 or bf16, or for GGUF `,
		"-dtype q8_0 demo b":      `dtype: have "q8_0", which GGUF files alone have`,
		"-tokenizer none demo b":  "neither vocab.json nor",
		"-vae none demo b":        "none",
		"no b":                    "no such file",
		"demo a.ckpt":             "have the ending .ckpt",
		"demo full":               "not a model's",
		"-force demo full":        "not a model's",
		"demo none/b.safetensors": "no such file",
		"full b":                  "model_index.json",
		"demo/model_index.json b": "model_index.json",
	} {
		status, _, stderr := clitest.Run(t.Context(), command, strings.Fields(args)...)
		assert.Contains(t, []int{1, 2}, status, args)
		assert.Contains(t, stderr, want, args)
		assert.Equal(t, 1, strings.Count(stderr, "\n"), stderr)
	}
	entries, err := os.ReadDir(".")
	require.NoError(t, err)
	assert.Len(t, entries, 2, "nothing is left")

	var out strings.Builder
	require.ErrorIs(t, run(t.Context(), []string{"-help"}, &out, io.Discard), flag.ErrHelp)
	assert.Contains(t, out.String(), "Usage: convert [flags] IN OUT\n")
}
