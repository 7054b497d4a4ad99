package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestBench(t *testing.T) {
	var out strings.Builder
	require.NoError(t, run(t.Context(), []string{"-model", "tinyscenes", "-size", "32", "-steps", "2", "-json"}, &out))
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
	require.NoError(t, run(t.Context(), []string{"-model", "tinyscenes", "-size", "32", "-steps", "1"}, &out))
	assert.Contains(t, out.String(), "guided U-Net step, 4×4 latents: median")
	out.Reset()
	require.NoError(t, run(t.Context(), []string{"-model", "tinyscenes", "-size", "32", "-steps", "1", "-branch", "2", "-merge", "0.5"}, &out))
	assert.Contains(t, out.String(), "4×4 latents, 0.5 of the tokens merged, deep part reused at branch 2: median")
}

func TestBadFlags(t *testing.T) {
	for _, tt := range []struct{ args, want string }{
		{"-model nosuch", `-model: have "nosuch", want sd15, sd21, tinyscenes or a folder`},
		{"-size 100", "-size: have 100"},
		{"-steps 0", "-steps: have 0"},
		{"-threads -1", "-threads: have -1"},
		{"-precision int3", `-precision: have "int3", want float32, float16, bfloat16 or int8`},
		{"-model tinyscenes -branch 6", "have skip branch 6, want 1 to 5"},
		{"-model tinyscenes -merge 0.8", "token merging: have ratio 0.8"},
		{"-nosuch", "flag provided but not defined: -nosuch"},
		{"extra", `have argument "extra"`},
	} {
		assert.ErrorContains(t, run(t.Context(), strings.Fields(tt.args), &strings.Builder{}), tt.want)
	}
}
