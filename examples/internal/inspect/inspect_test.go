package inspect

import (
	"context"
	"encoding/json"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/diffusion"
	"sdgo/examples/internal/cli"
	"sdgo/examples/internal/clitest"
	"sdgo/internal/golden"
)

// The size of a terminal that nobody made larger.
const lines, columns = 24, 80

func TestInspect(t *testing.T) {
	var out strings.Builder
	require.NoError(t, run(t.Context(), []string{"-precision", "bf16"}, &out, &out))
	assert.Regexp(t, `(?m)^clip: weights .*, values .*, \d+ operations, about `, out.String())
	assert.Regexp(t, `(?m)^unet: `, out.String())
	assert.Regexp(t, `(?m)^vae: `, out.String())
	assert.Regexp(t, `(?m)^total: weights .*, values up to .*, \d+ operations, about `, out.String())
	// Which layers are the slowest depends on rates that are measured on the way.
	assert.Regexp(t, `(?m)^[0-9.]+ +(unet|vae) +(float16|float32|bfloat16) +[a-z_]+\.[0-9a-z_.]+ +(conv|winograd|linear) `, out.String())
	rows := 0
	for line := range strings.Lines(out.String()) {
		rows += (utf8.RuneCountInString(line)-1)/columns + 1
	}
	assert.Less(t, rows, lines)

	out.Reset()
	require.NoError(t, run(t.Context(), []string{"-precision", "bf16", "-layers"}, &out, &out))
	assert.Greater(t, strings.Count(out.String(), "\n"), 100)
	assert.Regexp(t, `down_blocks\.0\.resnets\.0\.conv1 +conv 3×3/1 .* float16 `, out.String())
	assert.Regexp(t, `ff\.net\.2 +linear .* bfloat16 `, out.String())

	// Adapters are told in a line.
	out.Reset()
	lora := filepath.Join(t.TempDir(), "a.safetensors")
	require.NoError(t, os.WriteFile(lora, golden.File(t, "models/lora/tiny-sd15-kohya.safetensors"), 0o666))
	require.NoError(t, run(t.Context(), []string{"-model", golden.ModelDir(t, "tiny-sd15"), "-lora", lora + ":0.5"}, &out, &out))
	assert.Regexp(t, `(?m)^unet: .*; adapters beside the weights: \d+ layers by low rank, 0 by whole matrices, 0 biases and norms, `, out.String())

	out.Reset()
	require.ErrorIs(t, run(t.Context(), []string{"-help"}, &out, &out), flag.ErrHelp)
	assert.Contains(t, out.String(), "Usage: inspect [flags] [file or folder]\n")
	assert.Contains(t, out.String(), "-max-memory")
}

// run runs the command once.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	return New("inspect").Run(ctx, args, stdout, stderr)
}

// misused is the command as clitest runs it.
func misused(ctx context.Context, _ *cli.Command, args []string) error {
	return run(ctx, args, io.Discard, io.Discard)
}

func TestBadFlags(t *testing.T) {
	for _, tt := range []struct{ args, want string }{
		{"-model=", "-model: have an empty name, want a folder"},
		{"-threads -1", "have -1 threads, want 0 (all) to 1024"},
		{"-guidance NaN", "guidance: have NaN, want 0 to 1000"},
		{"-precision int3", `have "int3", want float32, float16, bfloat16 or int8`},
		{"-width 100", "size: have 100"},
		{"a b", "have 2 files, want one"},
		{"-device a100 -lora a.safetensors", "-lora: have it beside -device, want one of them"},
		{"-device gtx", `-device: have "gtx", want cpu, cuda for all cards, or one of rtx3090, rtx4090, a100, h100`},
		{"-layers a", "-layers: have it beside a file, want it with -model"},
		{"-layer", "not defined: -layer; want one of -layers, "},
	} {
		t.Run(tt.args, func(t *testing.T) { clitest.Misused(t, misused, tt.want, strings.Fields(tt.args)...) })
	}
	clitest.Fails(t, misused, "want sd15, sd21, sdxl, ssd-1b, lcm, turbo, sdxl-turbo, tinyscenes or a folder", "-model", "nosuch")
	clitest.Fails(t, misused, "more than the limit of", "-max-memory", "1MB")
}

// A report fits on a screen; -all has every tensor, and -json what programs read.
func TestReport(t *testing.T) {
	files := golden.SingleFile(t, "tiny-sd15")
	golden.Tokenizer(t, files, "tiny-sd15")
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, files))
	path := filepath.Join(dir, "tiny-sd15.safetensors")
	var out strings.Builder
	require.NoError(t, run(t.Context(), []string{path}, &out, &out))
	assert.Contains(t, out.String(), path+": Stable Diffusion 1\nfamily sd1, safetensors, ")
	assert.Contains(t, out.String(), "predicts epsilon, by what published models of Stable Diffusion 1 predict\n")
	assert.Contains(t, out.String(), "50 steps and guidance 7.5 by default\n")
	assert.Regexp(t, `(?m)^part +tensors +numbers +bytes +types +file$`, out.String())
	assert.Regexp(t, `(?m)^unet +\d+ +[0-9.]+[kM] +\d+ bytes +F16 \d+ *$`, out.String())
	assert.Contains(t, out.String(), "Load takes it.\n")
	assert.Less(t, strings.Count(out.String(), "\n"), lines)

	out.Reset()
	require.NoError(t, run(t.Context(), []string{"-json", path}, &out, &out))
	var r diffusion.Report
	require.NoError(t, json.Unmarshal([]byte(out.String()), &r))
	assert.Equal(t, "sd1", r.Family)
	tensors := len(r.Tensors)
	assert.Greater(t, tensors, 100)

	out.Reset()
	require.NoError(t, run(t.Context(), []string{"-all", path}, &out, &out))
	assert.Greater(t, strings.Count(out.String(), "\n"), tensors)
	assert.Regexp(t, `(?m)^model\.diffusion_model\.out\.2\.bias +F16 +\[4\] +used +unet: conv_out\.bias$`, out.String())

	out.Reset()
	require.NoError(t, run(t.Context(), []string{"-vae", golden.ModelDir(t, "tiny-sdxl"), path}, &out, &out))
	assert.Contains(t, out.String(), "problems:\n  diffusion: load: vae: ")
	assert.NotContains(t, out.String(), "Load takes it.")
	assert.Error(t, run(t.Context(), []string{"-json", filepath.Join(dir, "nosuch")}, &out, &out))
}
