package main

import (
	"context"
	"flag"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/examples/internal/cli"
	"sdgo/examples/internal/clitest"
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
	assert.Regexp(t, `(?m)^[0-9.]+ +(unet|vae) +float16 +[a-z_]+\.[0-9a-z_.]+ +conv 3×3/1 `, out.String())
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

	out.Reset()
	require.ErrorIs(t, run(t.Context(), []string{"-help"}, &out, &out), flag.ErrHelp)
	assert.Contains(t, out.String(), "Usage: inspect [flags]\n")
	assert.Contains(t, out.String(), "-max-memory")
}

// With -device it plans for cards that are not there: for all, or for one.
func TestCards(t *testing.T) {
	var out strings.Builder
	require.NoError(t, run(t.Context(), []string{"-device", "cuda"}, &out, &out))
	assert.Regexp(t, `(?m)^unet: weights .*, values .*, \d+ operations; ms on paper`, out.String())
	assert.Equal(t, 3, strings.Count(out.String(), "rtx3090  "), "a table for each part")
	assert.Regexp(t, `(?m)^ +conv 3×3 +\d+ .*MiB +[0-9.]+( +[0-9.]+ \([0-9.]+\)){4}$`, out.String())

	out.Reset()
	require.NoError(t, run(t.Context(), []string{"-device", "h100", "-precision", "float32", "-layers"}, &out, &out))
	assert.Regexp(t, `(?m)^down_blocks\.0\.resnets\.0\.conv1 +conv 3×3/1 .* 1 +[0-9.]+ (bytes|MiB) +[0-9.]+ +[0-9.]+ \([0-9.]+\)$`, out.String())
	assert.NotContains(t, out.String(), "a100")
}

// command is the command as clitest runs it.
func command(ctx context.Context, _ *cli.Command, args []string) error {
	return run(ctx, args, io.Discard, io.Discard)
}

func TestBadFlags(t *testing.T) {
	for _, tt := range []struct{ args, want string }{
		{"-model=", "-model: have an empty name, want a folder"},
		{"-threads -1", "have -1 threads, want 0 (all) to 1024"},
		{"-guidance NaN", "guidance: have NaN, want 0 to 1000"},
		{"-precision int3", `have "int3", want float32, float16, bfloat16 or int8`},
		{"-width 100", "size: have 100"},
		{"extra", `have argument "extra"`},
		{"-device gtx", `-device: have "gtx", want cpu, cuda for all cards, or one of rtx3090, rtx4090, a100, h100`},
		{"-layer", "not defined: -layer; want one of -layers, "},
	} {
		t.Run(tt.args, func(t *testing.T) { clitest.Misused(t, command, tt.want, strings.Fields(tt.args)...) })
	}
	clitest.Fails(t, command, "want sd15, sd21, sdxl, tinyscenes or a folder", "-model", "nosuch")
	clitest.Fails(t, command, "more than the limit of", "-max-memory", "1MB")
}
