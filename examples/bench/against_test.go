package main

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The runners take turns in the other order each time, and a ratio is that within a round.
func TestCompare(t *testing.T) {
	var order []string
	one := func(name string, seconds ...float64) runner {
		return runner{name, func(context.Context) (map[string]float64, error) {
			order = append(order, name)
			s := seconds[0]
			seconds = seconds[1:]
			parts := map[string]float64{"step": s}
			if name == "this" {
				parts["decode"] = 1
			}
			return parts, nil
		}}
	}
	c, err := compare(t.Context(), []runner{one("this", 1, 2, 4), one("old", 2, 2, 6)}, 3)
	require.NoError(t, err)
	assert.Equal(t, []string{"this", "old", "old", "this", "this", "old"}, order)
	assert.Equal(t, []comparedPart{
		{Name: "decode", Times: [][]float64{{1, 1, 1}, nil}, Ratios: []float64{1, 0}},
		{Name: "step", Times: [][]float64{{1, 2, 4}, {2, 2, 6}}, Ratios: []float64{1, 1.5}},
	}, c.Parts)
	assert.Len(t, c.Reply, 3)
	var out strings.Builder
	require.NoError(t, c.print(&out))
	assert.Regexp(t, `decode +1\.000 +-\n`, out.String())
	assert.Regexp(t, `step +2\.000 +2\.000 \(1\.500\)\n`, out.String())
}

// Of the flags those for the comparison are this program's alone.
func TestWithoutRivals(t *testing.T) {
	args := []string{"-model", "sd15", "-against", "old", "--rounds=2", "-json", "-python", "python", "-peers=x", "-size", "256"}
	assert.Equal(t, []string{"-model", "sd15", "-size", "256"}, withoutRivals(args))
}

// The script is asked for each part, and what it says of its failure is said.
func TestPeers(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("want a shell")
	}
	dir := t.TempDir()
	shell := filepath.Join(dir, "shell")
	write := func(script string) {
		require.NoError(t, os.WriteFile(shell, []byte("#!/bin/sh\n"+script), 0o755))
	}
	r := &rivals{peers: dir, python: shell}
	o := &options{precision: "bfloat16", size: 256, threads: 3}
	write(`echo "$@" >>"` + dir + `/calls"; echo '{"median_s": 1.5}'`)
	engines := r.engines(o)
	require.Len(t, engines, 2)
	times, err := engines[1].run(t.Context())
	require.NoError(t, err)
	assert.Equal(t, map[string]float64{"text encoder, two prompts": 1.5, "guided U-Net step, 32×32 latents": 1.5, "VAE decode to 256×256": 1.5}, times)
	calls, err := os.ReadFile(filepath.Join(dir, "calls"))
	require.NoError(t, err)
	assert.Contains(t, string(calls), "peers.py run --dir "+dir+" --engine openvino --part unet --size 32 --precision bfloat16 --threads 3\n")
	write("echo first >&2; echo 'no module named torch' >&2; exit 1")
	_, err = engines[0].run(t.Context())
	require.ErrorContains(t, err, "pytorch: text: "+shell+": exit status 1: no module named torch")
	assert.Len(t, r.engines(&options{precision: "float32"}), 3)

	err = run(t.Context(), []string{"-model", "turbo", "-peers", dir}, io.Discard, io.Discard)
	require.ErrorContains(t, err, "-peers: have model \"turbo\", want sd15")
	var out strings.Builder
	require.NoError(t, run(t.Context(), []string{"-model", "tinyscenes", "-size", "32", "-steps", "1", "-json"}, &out, io.Discard))
	var one report
	require.NoError(t, json.Unmarshal([]byte(out.String()), &one))
	assert.Positive(t, one.Sustained)
	assert.Equal(t, runtime.GOMAXPROCS(0) > 1, one.Reply > 0)
}
