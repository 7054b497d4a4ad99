package main

import (
	"context"
	"image"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/examples/internal/clitest"
	"sdgo/examples/internal/commands"
	"sdgo/sampler"
	"sdgo/scheduler"
)

var run = commands.TextToImage.Run

func TestPicture(t *testing.T) {
	t.Chdir(t.TempDir())
	quick := []string{"-steps", "2", "-sampler", "Euler", "-width", "64", "-height", "32"}
	status, stdout, stderr := clitest.Run(t.Context(), run, append([]string{"a", "red house", "-seed", "3", "-n", "2"}, quick...)...)
	require.Equal(t, 0, status, stderr)
	assert.Empty(t, stdout)
	assert.Contains(t, stderr, "step 1/2\nstep 2/2\nout-0.png (seed 3), out-1.png (seed 4): load ")
	first := clitest.ReadPNG(t, "out-0.png")
	assert.Equal(t, image.Pt(64, 32), first.Bounds().Size())
	assert.NotEqual(t, first, clitest.ReadPNG(t, "out-1.png"))

	// Flags stand before the prompt, too. Image 1 of a run is image 0 of the next
	// seed.
	status, _, stderr = clitest.Run(t.Context(), run, append(quick, "-seed", "4", "-o", "b.png", "--", "a red house")...)
	require.Equal(t, 0, status, stderr)
	assert.Equal(t, clitest.ReadPNG(t, "out-1.png"), clitest.ReadPNG(t, "b.png"))

	entries, err := os.ReadDir(".")
	require.NoError(t, err)
	assert.Len(t, entries, 3, "a temporary file was left")
}

func TestDemoDefaults(t *testing.T) {
	t.Chdir(t.TempDir())
	size := []string{"-width", "16", "-height", "24", "a red house"}
	for name, args := range map[string][]string{
		"default.png":  nil,
		"explicit.png": {"-steps", "25", "-guidance", "2.5", "-seed", "1", "-sampler", "plms", "-threads", "1"},
		"off.png":      {"-guidance", "0"},
		"one.png":      {"-guidance", "1"},
	} {
		status, _, stderr := clitest.Run(t.Context(), run, append(append(args, "-o", name), size...)...)
		require.Equal(t, 0, status, stderr)
	}
	assert.Equal(t, image.Pt(16, 24), clitest.ReadPNG(t, "default.png").Bounds().Size())
	assert.Equal(t, clitest.ReadPNG(t, "explicit.png"), clitest.ReadPNG(t, "default.png"))
	assert.Equal(t, clitest.ReadPNG(t, "one.png"), clitest.ReadPNG(t, "off.png"))
	assert.NotEqual(t, clitest.ReadPNG(t, "one.png"), clitest.ReadPNG(t, "default.png"))
}

// Tiles change the picture a little, and a tile as large as the picture not at all.
func TestTile(t *testing.T) {
	t.Chdir(t.TempDir())
	for name, args := range map[string][]string{"whole.png": nil, "one.png": {"-tile", "64"}, "tiles.png": {"-tile", "32"}} {
		status, _, stderr := clitest.Run(t.Context(), run, append(args, "-steps", "1", "-width", "64", "-height", "40", "-o", name, "a red house")...)
		require.Equal(t, 0, status, stderr)
	}
	whole := clitest.ReadPNG(t, "whole.png")
	assert.Equal(t, whole, clitest.ReadPNG(t, "one.png"))
	tiles := clitest.ReadPNG(t, "tiles.png")
	assert.NotEqual(t, whole, tiles)
	assert.Equal(t, whole.Bounds(), tiles.Bounds())
}

// A run that spares U-Net calls says how many.
func TestReuse(t *testing.T) {
	t.Chdir(t.TempDir())
	for want, args := range map[string][]string{
		" s (17 of 26 U-Net calls in part), decode ": {"-reuse", "3", "-reuse-branch", "1", "-merge", "0.5"},
		" s (0 of 26 U-Net calls in part), decode ":  {"-step-cache", "1e-9"},
		"25 steps [0-9.]+ s, decode ":                {"-reuse", "1"},
	} {
		status, _, stderr := clitest.Run(t.Context(), run, append(args, "-width", "16", "-height", "16", "a red house")...)
		require.Equal(t, 0, status, stderr)
		assert.Regexp(t, strings.NewReplacer("(", `\(`, ")", `\)`).Replace(want), stderr)
	}
}

func TestTruncatedPrompt(t *testing.T) {
	t.Chdir(t.TempDir())
	status, _, stderr := clitest.Run(t.Context(), run, "-steps", "1", "-width", "8", "-height", "8", strings.Repeat("house ", 80)+"boat")
	require.Equal(t, 0, status, stderr)
	assert.Regexp(t, `note: the prompt is too long for the text encoder; left out: ".*boat"\n`, stderr)
}

func TestHelp(t *testing.T) {
	status, stdout, stderr := clitest.Run(t.Context(), run, "-help")
	assert.Equal(t, 0, status)
	assert.Empty(t, stderr)
	for _, name := range []string{"model", "o", "negative", "steps", "guidance", "guidance-rescale", "seed", "width", "height", "n", "sampler", "schedule", "eta", "clip-skip", "tile", "reuse", "step-cache", "reuse-branch", "merge", "merge-levels", "threads"} {
		assert.Contains(t, stdout, "  -"+name+" ")
	}

	for kind, names := range map[string]int{"-sampler": len(sampler.Names()), "-schedule": len(scheduler.Names())} {
		status, stdout, stderr = clitest.Run(t.Context(), run, kind, "help")
		assert.Equal(t, 0, status)
		assert.Empty(t, stderr)
		assert.Equal(t, names, strings.Count(stdout, "\n"))
		column := regexp.MustCompile(`  [^ ]`) // where the descriptions begin
		want := column.FindStringIndex(stdout)
		for line := range strings.Lines(stdout) {
			assert.Equal(t, want, column.FindStringIndex(line), line)
		}
	}
}

func TestMisuse(t *testing.T) {
	t.Chdir(t.TempDir())
	tests := []struct {
		name, message string
		args          []string
	}{
		{"no prompt", "have no prompt, want one: test [flags] prompt", nil},
		{"no prompt after --", "have no prompt", []string{"-steps", "2", "--"}},
		{"unknown flag", "not defined: -stpes; want one of -steps, ", []string{"x", "-stpes", "3"}},
		{"unknown flag with its value", "not defined: -sampeler; want one of -sampler, ", []string{"x", "--sampeler=euler"}},
		{"flag without a value", "flag needs an argument: -steps", []string{"x", "-steps"}},
		{"flag of another kind", `-steps: have "many", want a whole number`, []string{"x", "-steps", "many"}},
		{"flag of another kind behind =", `-guidance: have "a=b", want a number`, []string{"x", "-guidance=a=b"}},
		{"too large for a flag", `-steps: have "99999999999999999999"`, []string{"x", "-steps", "99999999999999999999"}},
		{"switch of another kind", `-quiet: have "maybe", want true or false`, []string{"x", "-quiet=maybe"}},
		{"unknown sampler", `-sampler: sampler: name: have "eulr", want one of euler, euler_ancestral, heun (-sampler help lists all)`, []string{"x", "-sampler", "eulr"}},
		{"empty sampler", `-sampler: sampler: name: have ""`, []string{"x", "-sampler", ""}},
		{"unknown schedule", `-schedule: scheduler: schedule: have "karas", want one of karras, `, []string{"x", "-schedule", "karas"}},
		{"empty schedule", `-schedule: scheduler: schedule: have ""`, []string{"x", "-schedule", ""}},
		{"no steps", "-steps: have 0", []string{"x", "-steps", "0"}},
		{"no pictures", "-n: have 0", []string{"x", "-n", "0"}},
		{"negative number of pictures", "-n: have -1", []string{"x", "-n", "-1"}},
		{"very many pictures", "-n: have 1000000000, want 1 to 1024", []string{"x", "-n", "1000000000"}},
		{"no tile", "-tile: have 0, want more than 0", []string{"x", "-tile", "0"}},
		{"negative threads", "-threads: have -1", []string{"x", "-threads", "-1"}},
		{"negative seed", `invalid value "-2" for flag -seed: want a whole number below 2^64, or -1`, []string{"x", "-seed", "-2"}},
		{"seed above all", "-seed", []string{"x", "-seed", "18446744073709551616"}},
		{"no width", "-width: have 0", []string{"x", "-width", "0"}},
		{"memory in words", `want bytes such as 3GB`, []string{"x", "-max-memory", "lots"}},
		{"output of another kind", "out.jpg", []string{"x", "-o", "out.jpg"}},
		{"empty output", "-o: have an empty name", []string{"x", "-o", ""}},
		{"many pictures to standard output", "-o: have - for standard output, which takes one picture, and -n 2", []string{"x", "-o", "-", "-n", "2"}},
		{"empty model", "-model", []string{"x", "-model", ""}},
		{"empty standard input", "prompt: standard input is empty", []string{"-"}},
		{"many steps", "steps: have 10000", []string{"x", "-steps", "10000"}},
		{"odd tile", "tile: have 100 pixels, want a positive multiple of 32", []string{"x", "-tile", "100"}},
		{"guidance NaN", "guidance: have NaN", []string{"x", "-guidance", "NaN"}},
		{"guidance infinite", "guidance: have +Inf", []string{"x", "-guidance", "Inf"}},
		{"guidance rescale above 1", "guidance rescale: have 1.5", []string{"x", "-guidance-rescale", "1.5"}},
		{"eta above 1", "eta: have 2", []string{"x", "-eta", "2", "-sampler", "ddim"}},
		{"clip skip of all layers", "clip skip: have 2", []string{"x", "-clip-skip", "2"}},
		{"negative interval", "reuse: have an interval of -1 calls", []string{"x", "-reuse", "-1"}},
		{"step cache NaN", "reuse: have threshold NaN", []string{"x", "-step-cache", "NaN"}},
		{"no such branch", "reuse: unet: have skip branch 6, want 1 to 5", []string{"x", "-reuse", "2", "-reuse-branch", "6"}},
		{"merge all", "token merging: have ratio 0.8, want 0 to 0.75", []string{"x", "-merge", "0.8"}},
		{"merge at many levels", "token merging: have 4 levels, want 1 to 3", []string{"x", "-merge", "0.5", "-merge-levels", "4"}},
		{"size no multiple of 8", "100×100", []string{"x", "-width", "100", "-height", "100"}},
		{"unknown precision", `-precision: have "int3", want float32, float16, bfloat16 or int8`, []string{"x", "-precision", "int3"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { clitest.Misused(t, run, tt.message, tt.args...) })
	}
}

func TestFails(t *testing.T) {
	t.Chdir(t.TempDir())
	require.NoError(t, os.Mkdir("folder", 0o755))
	require.NoError(t, os.Mkdir("way-1.png", 0o755))
	require.NoError(t, os.WriteFile("file", nil, 0o644))
	long := strings.Repeat("a", 251) + ".png" // as long as names may be
	tests := []struct {
		name, message string
		args          []string
	}{
		{"size too large", "GiB", []string{"x", "-width", "65536", "-height", "65536"}},
		{"no such folder for the output", "-o: " + filepath.Join("missing", "out.png") + ": no such file", []string{"x", "-o", filepath.Join("missing", "out.png")}},
		{"output in a file", "file", []string{"x", "-o", filepath.Join("file", "out.png")}},
		{"output is a folder", "-o: folder is not a regular file", []string{"x", "-o", "folder"}},
		{"folder in the way of one output", "-o: way-1.png is not a regular file", []string{"x", "-n", "3", "-o", "way.png"}},
		{"number makes the name too long", "too long", []string{"x", "-n", "2", "-o", long}},
		{"no such model", "missing", []string{"x", "-model", "missing"}},
		{"model is a file", "file", []string{"x", "-model", "file"}},
		{"folder is no model", "model_index.json", []string{"x", "-model", "folder"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { clitest.Fails(t, run, tt.message, tt.args...) })
	}
}

// A message has a bound, whatever it is about.
func TestLongArguments(t *testing.T) {
	t.Chdir(t.TempDir())
	long := strings.Repeat("long \x1b[31m\"é ", 1<<16)
	for _, args := range [][]string{
		{"x", "-sampler", long}, {"x", "-schedule=" + long}, {"x", "-steps", long}, {"x", "-model", long}, {"x", "-o", long + ".png"}, {"-" + long},
	} {
		status, _, stderr := clitest.Run(t.Context(), run, args...)
		assert.NotZero(t, status)
		assert.Less(t, len(stderr), 1000, "%.300s", stderr)
		assert.Contains(t, stderr, "…", "%.300s", stderr)
		assert.NotContains(t, stderr, "\x1b", "it would reach the terminal")
	}
}

// A failed run leaves the file that it would have replaced.
func TestInterrupted(t *testing.T) {
	t.Chdir(t.TempDir())
	require.NoError(t, os.WriteFile("out.png", []byte("old"), 0o644))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	status, _, stderr := clitest.Run(ctx, run, "x")
	assert.Equal(t, 130, status)
	assert.Equal(t, "test: interrupted\n", stderr)
	old, err := os.ReadFile("out.png")
	require.NoError(t, err)
	assert.Equal(t, "old", string(old))
	entries, err := os.ReadDir(".")
	require.NoError(t, err)
	assert.Len(t, entries, 1)
}

// The syntax of prompts decides what brackets mean, and whether anything is cut.
func TestSyntax(t *testing.T) {
	t.Chdir(t.TempDir())
	draw := func(prompt string, flags ...string) (picture any, stderr string) {
		status, _, stderr := clitest.Run(t.Context(), run, append(flags, "-steps", "2", "-width", "16", "-height", "16", prompt)...)
		require.Equal(t, 0, status, stderr)
		return clitest.ReadPNG(t, "out.png"), stderr
	}
	plain, _ := draw("a red house")
	brackets, _ := draw("a (red:1) house", "-syntax", "webui")
	assert.Equal(t, plain, brackets)
	red, _ := draw("a (red:1.5) house", "-syntax", "webui")
	comfy, _ := draw("a (red:1.5) house", "-syntax=comfyui")
	assert.NotEqual(t, plain, red)
	assert.NotEqual(t, red, comfy)
	_, stderr := draw(strings.Repeat("house ", 80)+"boat", "-syntax", "webui")
	assert.NotContains(t, stderr, "left out")
	status, _, stderr := clitest.Run(t.Context(), run, "-syntax", "latex", "a")
	assert.Equal(t, 2, status)
	assert.Contains(t, stderr, `have "latex", want one of plain, webui, comfyui`)
}
