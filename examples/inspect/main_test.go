package main

import (
	"flag"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestInspect(t *testing.T) {
	var out strings.Builder
	require.NoError(t, run([]string{"-precision", "bf16"}, &out, &out))
	assert.Regexp(t, `(?m)^clip: weights .*, values .*, \d+ steps, about `, out.String())
	assert.Regexp(t, `(?m)^unet: `, out.String())
	assert.Regexp(t, `(?m)^vae: `, out.String())
	assert.Regexp(t, `down_blocks\.0\.resnets\.0\.conv1 +conv 3×3/1 .* float16 `, out.String())
	assert.Regexp(t, `ff\.net\.2 +linear .* bfloat16 `, out.String())
	out.Reset()
	require.ErrorIs(t, run([]string{"-help"}, &out, &out), flag.ErrHelp)
	assert.Contains(t, out.String(), "-max-memory")
}

func TestBadFlags(t *testing.T) {
	for _, tt := range []struct{ args, want string }{
		{"-model nosuch", "want sd15, sd21, sdxl, tinyscenes or a folder"},
		{"-precision int3", `have "int3", want float32, float16, bfloat16 or int8`},
		{"-width 100", "size: have 100"},
		{"-max-memory 1MB", "more than the limit of"},
		{"extra", `have argument "extra"`},
	} {
		assert.ErrorContains(t, run(strings.Fields(tt.args), io.Discard, io.Discard), tt.want)
	}
}
