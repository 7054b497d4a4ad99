package main

import (
	"context"
	"encoding/json"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/examples/internal/cli"
	"sdgo/examples/internal/clitest"
	"sdgo/internal/golden"
)

func TestBench(t *testing.T) {
	var out strings.Builder
	require.NoError(t, run(t.Context(), []string{"-model", "tinyscenes", "-size", "32", "-steps", "2", "-json"}, &out, io.Discard))
	var r report
	require.NoError(t, json.Unmarshal([]byte(out.String()), &r))
	require.Len(t, r.Parts, 3)
	for _, p := range r.Parts {
		assert.Positive(t, p.Median, p.Name)
		assert.LessOrEqual(t, p.Min, p.Median, p.Name)
		assert.NotEmpty(t, p.Kinds, p.Name)
	}
	assert.Positive(t, r.Peak)
	out.Reset()
	require.NoError(t, run(t.Context(), []string{"-model", "tinyscenes", "-size", "32", "-steps", "1"}, &out, io.Discard))
	assert.Contains(t, out.String(), "guided U-Net step, 4×4 latents: median")
	out.Reset()
	require.NoError(t, run(t.Context(), []string{"-model", "tinyscenes", "-size", "32", "-steps", "1", "-layers"}, &out, io.Discard))
	assert.Regexp(t, `\d+ × linear \d+×\d+→\d+`, out.String())
	out.Reset()
	require.NoError(t, run(t.Context(), []string{"-model", "tinyscenes", "-size", "32", "-steps", "1", "-branch", "2", "-merge", "0.5"}, &out, io.Discard))
	assert.NotContains(t, out.String(), " × linear ")
	assert.Contains(t, out.String(), "4×4 latents, 0.5 of the tokens merged, deep part reused at branch 2: median")
}

// Of Stable Diffusion XL both text encoders are measured, and the U-Net with what it
// reads beside them; one that reads the guidance scale, or without guidance, takes one
// sample.
func TestParts(t *testing.T) {
	parts := func(args ...string) (names []string) {
		var out strings.Builder
		require.NoError(t, run(t.Context(), append(args, "-size", "64", "-steps", "1", "-branch", "1", "-json"), &out, io.Discard))
		var r report
		require.NoError(t, json.Unmarshal([]byte(out.String()), &r))
		for _, p := range r.Parts {
			names = append(names, p.Name)
		}
		return names
	}
	const texts, decode = "text encoder, two prompts", "VAE decode to 64×64"
	step := func(kind string) []string {
		return []string{kind + ", 8×8 latents", kind + ", 8×8 latents, deep part reused at branch 1"}
	}
	xl := golden.ModelDir(t, "tiny-sdxl")
	want := append([]string{texts, "text encoder 2, two prompts"}, append(step("guided U-Net step"), decode)...)
	assert.Equal(t, want, parts("-model", xl))
	lcm := t.TempDir()
	require.NoError(t, os.CopyFS(lcm, golden.Folder(t, "lcm-time-cond")))
	want = append([]string{texts}, append(step("U-Net step without guidance"), decode)...)
	assert.Equal(t, want, parts("-model", lcm))
	assert.Equal(t, want, parts("-model", golden.ModelDir(t, "tiny-sd15"), "-guidance", "1"))
	var out strings.Builder
	require.NoError(t, run(t.Context(), []string{"-model", xl, "-sizes", "64", "-steps", "1"}, &out, io.Discard))
	assert.Regexp(t, "U-Net +64×64 +1 +[0-9.]+ ", out.String())
}

func TestTable(t *testing.T) {
	var out strings.Builder
	require.NoError(t, run(t.Context(), []string{"-model", "tinyscenes", "-sizes", "64,72x88", "-batches", "1,2", "-steps", "1", "-json"}, &out, io.Discard))
	var rows []row
	require.NoError(t, json.Unmarshal([]byte(out.String()), &rows))
	require.Len(t, rows, 5*4, "five parts of each size and batch")
	bytes := map[row]int64{}
	for _, r := range rows {
		assert.Positive(t, r.Seconds)
		assert.Positive(t, r.Memory)
		bytes[row{Part: r.Part, Width: r.Width, Height: r.Height, Batch: r.Batch}] = r.Memory
	}
	for _, part := range []string{"VAE decode", "VAE encode"} { // one image at a time
		assert.Equal(t, bytes[row{Part: part, Width: 72, Height: 88, Batch: 1}], bytes[row{Part: part, Width: 72, Height: 88, Batch: 2}])
	}
	out.Reset()
	require.NoError(t, run(t.Context(), []string{"-model", "tinyscenes", "-sizes", "64", "-steps", "1"}, &out, io.Discard))
	assert.Regexp(t, "U-Net +64×64 +1 +[0-9.]+ ", out.String())
	out.Reset()
	require.NoError(t, run(t.Context(), []string{"-model", "tinyscenes", "-sizes", "128", "-steps", "1", "-rows", "exact", "-tile", "32"}, &out, io.Discard))
	assert.Regexp(t, "VAE decode, exact tiles of 32 +128×128 +1 +[0-9.]+ ", out.String())
	assert.NotContains(t, out.String(), "U-Net")
}

func TestPicture(t *testing.T) {
	var out strings.Builder
	require.NoError(t, run(t.Context(), []string{"-model", "tinyscenes", "-picture", "-size", "32", "-steps", "2", "-precision", "bfloat16", "-json"}, &out, io.Discard))
	var r pictureReport
	require.NoError(t, json.Unmarshal([]byte(out.String()), &r))
	assert.Equal(t, 32, r.Width)
	assert.Positive(t, r.Sampling)
	out.Reset()
	require.NoError(t, run(t.Context(), []string{"-model", "tinyscenes", "-picture", "-size", "32", "-steps", "1", "-max-memory", "100MB"}, &out, io.Discard))
	assert.Contains(t, out.String(), "tinyscenes, float32, 32×32, 1 steps: load")
	assert.Regexp(t, `load [0-9.]+ s, first step after [0-9.]+ s in [0-9.]+ s, .*PNG [0-9.]+ s: a picture in [0-9.]+ s; peak`, out.String())
	assert.GreaterOrEqual(t, r.Picture, r.Text+r.Sampling+r.Decode+r.PNG)
	assert.ErrorContains(t, run(t.Context(), []string{"-model", "tinyscenes", "-picture", "-max-memory", "1MB"}, &out, io.Discard), "more than the limit of")
}

func TestHelp(t *testing.T) {
	var out strings.Builder
	require.ErrorIs(t, run(t.Context(), []string{"-help"}, &out, io.Discard), flag.ErrHelp)
	assert.Contains(t, out.String(), "Usage: bench [flags]\n")
	assert.Contains(t, out.String(), "-sizes")
}

// command is the command as clitest runs it.
func command(ctx context.Context, _ *cli.Command, args []string) error {
	return run(ctx, args, io.Discard, io.Discard)
}

func TestBadFlags(t *testing.T) {
	for _, tt := range []struct{ args, want string }{
		{"-model=", "-model: have an empty name, want a folder"},
		{"-size 100", "-size: have 100"},
		{"-steps 0", "-steps: have 0"},
		{"-max-memory lots", `have "lots", want bytes such as 3GB`},
		{"-guidance -1", "-guidance: have -1, want 0 to 1000"},
		{"-taesd -model tinyscenes", `-taesd: have "tinyscenes", want a model with random weights`},
		{"-threads -1", "-threads: have -1"},
		{"-precision int3", `-precision: have "int3", want float32, float16, bfloat16 or int8`},
		{"-model tinyscenes -branch 6", "have skip branch 6, want 1 to 5"},
		{"-model tinyscenes -merge 0.8", "token merging: have ratio 0.8"},
		{"-sizes 100", `-sizes: have "100", want sides such as 512 or 512x768, multiples of 8`},
		{"-sizes 64x", `-sizes: have "64x"`},
		{"-sizes 64x0", `-sizes: have "64x0"`},
		{"-sizes 64 -batches 0", `-batches: have "0", want numbers from 1 to 64`},
		{"-batches 2", "-batches: want -sizes, too"},
		{"-nosuch", "flag provided but not defined: -nosuch"},
		{"extra", `have argument "extra"`},
	} {
		t.Run(tt.args, func(t *testing.T) { clitest.Misused(t, command, tt.want, strings.Fields(tt.args)...) })
	}
	clitest.Fails(t, command, `-model: have "nosuch", want sd15, sd21, sdxl, ssd-1b, lcm, turbo, sdxl-turbo, tinyscenes or a folder`, "-model", "nosuch")
}

// Parts without the variant are measured with their plain files.
func TestVariant(t *testing.T) {
	dir := golden.ModelDir(t, "tiny-sd15")
	require.NoError(t, os.Rename(filepath.Join(dir, "vae/diffusion_pytorch_model.safetensors"), filepath.Join(dir, "vae/diffusion_pytorch_model.fp16.safetensors")))
	assert.Equal(t, "fp16", (&options{variant: "fp16"}).variantOf(os.DirFS(dir), "vae", "diffusion_pytorch_model"))
	assert.Empty(t, (&options{variant: "fp16"}).variantOf(os.DirFS(dir), "text_encoder", "model"))
	assert.Empty(t, (&options{}).variantOf(os.DirFS(dir), "vae", "diffusion_pytorch_model"))

	var out strings.Builder
	require.NoError(t, run(t.Context(), []string{"-model", dir, "-variant", "fp16", "-picture", "-size", "32", "-steps", "1"}, &out, io.Discard))
	assert.Contains(t, out.String(), "32×32")
}
