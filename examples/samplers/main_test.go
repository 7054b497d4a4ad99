package main

import (
	"bytes"
	"context"
	"image"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/examples/internal/cli"
	"sdgo/examples/internal/clitest"
	"sdgo/sampler"
)

func TestPictures(t *testing.T) {
	t.Chdir(t.TempDir())
	var progress bytes.Buffer
	args := []string{"-samplers", "Euler,euler_a", "-steps", "1,2", "-plot-steps", "2,4", "-cell", "64", "-reference-steps", "8"}
	require.NoError(t, run(t.Context(), args, io.Discard, &progress))
	assert.Contains(t, progress.String(), "sheet 2/2: euler_ancestral")
	assert.Contains(t, progress.String(), "plot: reference of 8 calls")
	assert.Contains(t, progress.String(), "plot: euler, 2 calls")
	assert.NotContains(t, progress.String(), "plot: euler_ancestral", "it adds noise")
	entries, err := os.ReadDir(".")
	require.NoError(t, err)
	require.Len(t, entries, 2, "a temporary file was left")

	measure, err := newCanvas(1, 1)
	require.NoError(t, err)
	// The last two cells: both have a picture, and not the same one.
	sheet := clitest.ReadPNG(t, "out-sheet.png").(*image.RGBA)
	left := int(measure.width("euler_ancestral")) + labelRoom + 64 + gap
	bottom := sheet.Rect.Max.Y - gap - textLine
	lower := sheet.SubImage(image.Rect(left, bottom-64, left+64, bottom))
	upper := sheet.SubImage(lower.Bounds().Sub(image.Pt(0, 64+textLine+gap)))
	assert.Greater(t, colors(lower), 200)
	assert.Greater(t, colors(upper), 200)
	assert.NotEqual(t, pixels(lower), pixels(upper))
	assert.Greater(t, colors(clitest.ReadPNG(t, "out-plot.png")), 10)
}

func pixels(img image.Image) (out []uint32) {
	for y := img.Bounds().Min.Y; y < img.Bounds().Max.Y; y++ {
		for x := img.Bounds().Min.X; x < img.Bounds().Max.X; x++ {
			r, g, b, _ := img.At(x, y).RGBA()
			out = append(out, r>>8<<16|g>>8<<8|b>>8)
		}
	}
	return out
}

func colors(img image.Image) int {
	all := pixels(img)
	slices.Sort(all)
	return len(slices.Compact(all))
}

// command is the command as clitest runs it.
func command(ctx context.Context, _ *cli.Command, args []string) error {
	return run(ctx, args, io.Discard, io.Discard)
}

func TestMisuse(t *testing.T) {
	t.Chdir(t.TempDir())
	for message, args := range map[string]string{
		"-foo":                             "-foo",
		`have argument "house"`:            "house",
		`"eulr", want one of euler`:        "-samplers eulr",
		"-samplers: have euler twice":      "-samplers euler,k_euler",
		"-samplers: all of them add noise": "-samplers ddpm",
		`-steps: have "many"`:              "-steps 5,many",
		`-steps: have "0"`:                 "-steps 0",
		`-steps: have "1000"`:              "-steps 1000",
		"-steps: have 5 after 10":          "-steps 10,5",
		"-plot-steps: have 5 after 5":      "-plot-steps 5,5",
		`-reference-steps: have 0`:         "-reference-steps 0",
		`-schedule: scheduler: schedule: have "karas", want one of karras, `: "-schedule karas",
		`schedule: have ""`:                                "-schedule=",
		"-schedule: leading goes from":                     "-schedule leading",
		"-guidance: have NaN":                              "-guidance NaN",
		"-guidance: have -1":                               "-guidance -1",
		"-cell: have 0":                                    "-cell 0",
		"-threads: have -1":                                "-threads -1",
		`-seed: have "-1", want a whole number, 0 or more`: "-seed -1",
		"-o-sheet, -o-plot: have a.png for both":           "-o-sheet a.png -o-plot a.png",
		"-o-sheet, -o-plot: both are empty":                "-o-sheet= -o-plot=",
		"-o-sheet, -o-plot: have - for":                    "-o-plot -",
		"-o-sheet: have a.jpg, want a name":                "-o-sheet a.jpg",
		"-o-plot: have a.svg, want a name":                 "-o-plot a.svg",
	} {
		t.Run(args, func(t *testing.T) { clitest.Misused(t, command, message, strings.Fields(args)...) })
	}
}

func TestFails(t *testing.T) {
	t.Chdir(t.TempDir())
	require.NoError(t, os.Mkdir("folder", 0o755))
	for message, args := range map[string]string{
		"-o-sheet: missing":                                                "-o-sheet " + filepath.Join("missing", "a.png"),
		"-o-plot: folder is not a regular file":                            "-o-sheet= -o-plot folder",
		"pndm: have 2 steps, want at least 4":                              "-samplers pndm -steps 2 -o-plot=",
		"dpm_fast, 1 steps: diffusion: sampler: dpm_fast: sigmas are 14.6": "-samplers dpm_fast -steps 1 -o-plot=",
	} {
		t.Run(args, func(t *testing.T) { clitest.Fails(t, command, message, strings.Fields(args)...) })
	}
}

// An interrupted run leaves the files that it would have replaced.
func TestInterrupted(t *testing.T) {
	t.Chdir(t.TempDir())
	require.NoError(t, os.WriteFile("out-sheet.png", []byte("old"), 0o644))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	assert.ErrorIs(t, run(ctx, nil, io.Discard, io.Discard), context.Canceled)
	old, err := os.ReadFile("out-sheet.png")
	require.NoError(t, err)
	assert.Equal(t, "old", string(old))
	entries, err := os.ReadDir(".")
	require.NoError(t, err)
	assert.Len(t, entries, 1)
}

func TestHelp(t *testing.T) {
	var b bytes.Buffer
	assert.Error(t, run(t.Context(), []string{"-help"}, &b, io.Discard))
	for _, name := range []string{"o-sheet", "o-plot", "samplers", "steps", "plot-steps", "seed", "prompt", "guidance", "schedule", "threads"} {
		assert.Contains(t, b.String(), "  -"+name+" ")
	}
}

func TestDeterministic(t *testing.T) {
	for name, want := range map[string]bool{"euler": true, "dpm_adaptive": true, "plms": true, "pndm": true, "euler_ancestral": false, "dpmpp_sde": false, "ddpm": false, "lcm": false} {
		info, err := sampler.Lookup(name)
		require.NoError(t, err)
		assert.Equal(t, want, deterministic(info), name)
	}
}

func TestMeasures(t *testing.T) {
	const rounding = 1e-12 // of a few operations on float64s
	assert.InDelta(t, 2, order([]point{{3, 7}, {10, 0.5}, {20, 0.125}}), rounding)
	assert.True(t, math.IsNaN(order([]point{{10, 0.5}})))
	assert.InDelta(t, math.Sqrt(12.5), distance([]float32{1, 2}, []float32{4, 6}), rounding)

	sigmas := karras(16, 0.5, 10)
	assert.Equal(t, []float64{16, 0.5}, []float64{sigmas[0], sigmas[10]})
	assert.InDelta(t, math.Pow((math.Pow(16, 1./7)+math.Pow(0.5, 1./7))/2, 7), sigmas[5], rounding)
}

// Axes must be drawn whatever the distances are.
func TestAxes(t *testing.T) {
	for _, points := range [][]point{nil, {{1, 0}}, {{1, 1}}, {{1, 1e-30}, {1_000_000, 1e30}}} {
		_, err := drawPlot([]curve{{"x", points}}, "title", "subtitle", "below")
		assert.NoError(t, err)
	}
}
