package main

import (
	"encoding/json"
	"flag"
	"image"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/examples/internal/cli"
	"sdgo/examples/internal/clitest"
	"sdgo/examples/internal/commands"
)

// asCommand in the environment makes the test's program the command.
const asCommand = "SD_AS_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		main()
	}
	os.Exit(m.Run())
}

// sd runs the command.
func sd(t *testing.T, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	var out, errs strings.Builder
	err = run(t.Context(), args, &out, &errs)
	return out.String(), errs.String(), err
}

// A subcommand makes the picture that its own program makes.
func TestSubcommand(t *testing.T) {
	t.Chdir(t.TempDir())
	args := []string{"-steps", "2", "-width", "16", "-height", "24", "a red house"}
	_, stderr, err := sd(t, append([]string{"txt2img", "-o", "sd.png"}, args...)...)
	require.NoError(t, err)
	assert.Contains(t, stderr, "sd.png (seed 1): load ")
	status, _, stderr := clitest.Run(t.Context(), commands.TextToImage.Run, args...)
	require.Equal(t, 0, status, stderr)
	want, err := os.ReadFile("out.png")
	require.NoError(t, err)
	have, err := os.ReadFile("sd.png")
	require.NoError(t, err)
	assert.Equal(t, want, have)
}

// With -json standard output has what a program wants to know, and -grid adds a sheet.
func TestJSONAndGrid(t *testing.T) {
	t.Chdir(t.TempDir())
	stdout, _, err := sd(t, "txt2img", "-json", "-grid", "-n", "3", "-seed", "7", "-steps", "2", "-width", "16", "-height", "24", "-quiet", "a red house")
	require.NoError(t, err)
	var made struct {
		Command, Prompt, Model, Grid string
		Steps, Calls                 int
		Images                       []struct {
			File          string
			Seed          uint64
			Width, Height int
		}
		Seconds map[string]float64
	}
	require.NoError(t, json.Unmarshal([]byte(stdout), &made))
	assert.Equal(t, "sd txt2img", made.Command)
	assert.Equal(t, "a red house", made.Prompt)
	assert.Equal(t, "tinyscenes", made.Model)
	assert.Equal(t, 2, made.Steps)
	assert.Positive(t, made.Calls)
	require.Len(t, made.Images, 3)
	assert.Equal(t, "out-2.png", made.Images[2].File)
	assert.EqualValues(t, 9, made.Images[2].Seed)
	assert.Equal(t, image.Pt(16, 24), image.Pt(made.Images[2].Width, made.Images[2].Height))
	for _, part := range []string{"load", "text_encoder", "sampling", "vae_decoder", "total"} {
		assert.Positive(t, made.Seconds[part], part)
	}
	assert.Equal(t, "out-grid.png", made.Grid)
	sheet := clitest.ReadPNG(t, made.Grid)
	first := clitest.ReadPNG(t, "out-0.png")
	const gap = 6
	for y := range 24 {
		for x := range 16 {
			require.Equal(t, first.At(x, y), sheet.At(gap+x, gap+y))
		}
	}

	_, _, err = sd(t, "txt2img", "-json", "-o", "-", "a house")
	assert.ErrorContains(t, err, "-json: have it beside -o -")
}

func TestHelp(t *testing.T) {
	stdout, _, err := sd(t, "help")
	require.NoError(t, err)
	for _, c := range commands.All() {
		assert.Contains(t, stdout, "  "+c.Name+" ")
		require.NotEmpty(t, c.Examples, c.Name)
		one, _, err := sd(t, "help", c.Name)
		require.ErrorIs(t, err, flag.ErrHelp)
		assert.Contains(t, one, "Usage: sd "+c.Name+" [flags]")
		assert.Contains(t, one, "  sd "+c.Name+" "+c.Examples[0])
		for _, group := range []string{"Prompt", "Picture", "Sampling", "Model", "Speed and memory"} {
			assert.Contains(t, one, "\n"+group+":\n  -")
		}
		for _, name := range []string{"steps", "seed", "model", "json"} {
			assert.Equal(t, 1, strings.Count(one, "\n  -"+name+" ")+strings.Count(one, "\n  -"+name+"\n"), name)
		}
	}
	for _, args := range [][]string{{"-help"}, {"--help"}, {"-h"}, {"help", "completion"}} {
		again, _, err := sd(t, args...)
		require.NoError(t, err)
		assert.Equal(t, stdout, again)
	}
}

func TestMisuse(t *testing.T) {
	for want, args := range map[string][]string{
		"have no subcommand, want one such as txt2img":             nil,
		`have subcommand "txt2im", want one of txt2img, img2img, `: {"txt2im", "a house"},
		`completion: have "csh", want one of bash, fish, zsh`:      {"completion", "csh"},
		"completion: have 0 words":                                 {"completion"},
		`have subcommand "nosuch"`:                                 {"help", "nosuch"},
		"have no prompt, want one: sd txt2img [flags] prompt":      {"txt2img"},
	} {
		_, _, err := sd(t, args...)
		assert.ErrorContains(t, err, want)
	}
}

// What is typed is completed: subcommands, flags, and the values that have names.
func TestComplete(t *testing.T) {
	for _, tt := range []struct {
		typed       string
		have, never []string
	}{
		{"", []string{"txt2img\tmakes pictures", "info\t", "completion\t"}, []string{"-steps"}},
		{"txt", []string{"txt2img\t"}, []string{"img2img"}},
		{"txt2img -ste", []string{"-steps\tsampling steps", "-step-cache\t"}, []string{"-seed"}},
		{"txt2img --ste", []string{"--steps\t"}, nil},
		{"inpaint -mask", []string{"-mask\t", "-mask-mode\t"}, []string{"-model"}},
		{"inpaint -mask-mode ", []string{"luminance\t", "alpha\t"}, nil},
		{"inpaint -mask-cells s", []string{"sample\t", "soft\t"}, []string{"any"}},
		{"outpaint -border-fill ", []string{"edge\t", "blur\t", "noise\t"}, nil},
		{"control -preprocess c", []string{"canny\t", "color\t"}, nil},
		{"txt2img -quiet -sampler dpmpp_2m", []string{"dpmpp_2m_sde\tstochastic"}, []string{"euler"}},
		{"txt2img -schedule ", []string{"karras\t"}, nil},
		{"txt2img -steps 3 -precision f", []string{"float16\t"}, []string{"int8"}},
		{"txt2img -model ", nil, []string{"\t"}},
		{"txt2img -- -ste", []string{"-steps"}, nil}, // a prompt may begin so; it does no harm
		{"info -la", []string{"-layers\t"}, nil},
		{"completion ", []string{"bash\t", "zsh\t", "fish\t"}, nil},
		{"help im", []string{"img2img\t"}, []string{"info"}},
		{"nosuch -", nil, []string{"\t"}},
	} {
		stdout, _, err := sd(t, append([]string{"__complete"}, strings.Split(tt.typed, " ")...)...)
		require.NoError(t, err)
		for _, want := range tt.have {
			assert.Contains(t, "\n"+stdout, "\n"+want, tt.typed)
		}
		for _, never := range tt.never {
			assert.NotContains(t, "\n"+stdout, "\n"+never, tt.typed)
		}
		if tt.have == nil {
			assert.Empty(t, stdout, tt.typed)
		}
	}
}

// The scripts are of the shells' languages, and that of bash finds what is typed.
func TestScripts(t *testing.T) {
	for _, shell := range shells() {
		script, _, err := sd(t, "completion", shell)
		require.NoError(t, err)
		program, err := exec.LookPath(shell)
		if err != nil {
			t.Logf("no %s here", shell)
			continue
		}
		path := filepath.Join(t.TempDir(), "script")
		require.NoError(t, os.WriteFile(path, []byte(script), 0o600))
		out, err := exec.CommandContext(t.Context(), program, "-n", path).CombinedOutput()
		require.NoError(t, err, "%s", out)
		if shell != "bash" {
			continue
		}
		self, err := os.Executable()
		require.NoError(t, err)
		c := exec.CommandContext(t.Context(), program, "-c", `sd() { "$SELF" "$@"; }; source "$1"; COMP_WORDS=(sd txt2img -ste); COMP_CWORD=2; _sd; echo "${COMPREPLY[@]}"`, "bash", path)
		c.Env = append(os.Environ(), asCommand+"=1", "SELF="+self)
		out, err = c.CombinedOutput()
		require.NoError(t, err, "%s", out)
		assert.Equal(t, "-step-cache -steps\n", string(out))
	}
}

// A picture is drawn again of its file, with flags on top, and its settings are shown.
func TestFrom(t *testing.T) {
	t.Chdir(t.TempDir())
	_, _, err := sd(t, "txt2img", "-seed", "5", "-n", "2", "-steps", "2", "-width", "16", "-height", "24", "-sampler", "Euler a Karras", "-negative", "a boat", "-watermark=", "x")
	require.ErrorContains(t, err, "-watermark")
	_, _, err = sd(t, "txt2img", "-seed", "5", "-n", "2", "-steps", "2", "-width", "16", "-height", "24", "-sampler", "Euler a Karras", "-negative", "a boat", "a red house")
	require.NoError(t, err)
	want := clitest.ReadPNG(t, "out-1.png")
	bytes, err := os.ReadFile("out-1.png")
	require.NoError(t, err)
	_, stderr, err := sd(t, "txt2img", "-from", "out-1.png", "-o", "again.png")
	require.NoError(t, err, stderr)
	again, err := os.ReadFile("again.png")
	require.NoError(t, err)
	assert.Equal(t, bytes, again)

	stdout, _, err := sd(t, "txt2img", "-from=out-1.png", "-o", "blue.png", "-seed", "5", "-json", "a blue house")
	require.NoError(t, err)
	var made struct {
		Prompt   string
		Settings json.RawMessage
	}
	require.NoError(t, json.Unmarshal([]byte(stdout), &made))
	assert.Equal(t, "a blue house", made.Prompt)
	require.NoError(t, os.WriteFile("settings.json", made.Settings, 0o600))
	_, _, err = sd(t, "txt2img", "-from", "settings.json", "-o", "json.png", "-no-metadata")
	require.NoError(t, err)
	assert.Equal(t, clitest.ReadPNG(t, "blue.png"), clitest.ReadPNG(t, "json.png"))
	assert.NotEqual(t, want, clitest.ReadPNG(t, "blue.png"))

	stdout, _, err = sd(t, "info", "out-1.png")
	require.NoError(t, err)
	for _, line := range []string{`out-1.png: a picture that was made by sdgo`, `prompt +a red house`, `negative prompt +a boat`, `seed +6`, `steps +2`, `sampler +euler_ancestral`, `schedule +karras_full`, `model +tinyscenes`} {
		assert.Regexp(t, "(?m)^"+line+"$", stdout)
	}
	stdout, _, err = sd(t, "info", "-json", "out-1.png")
	require.NoError(t, err)
	assert.Contains(t, stdout, `"seed": 6`)

	_, _, err = sd(t, "txt2img", "-from", "out-1.png", "-guider", "apg:scale=3", "-o", "guided.png")
	require.NoError(t, err, "in place of the guidance scale")
	_, _, err = sd(t, "txt2img", "-from", "guided.png", "-guidance", "3", "-o", "plain.png")
	require.NoError(t, err, "and the other way around")
	assert.NotEqual(t, clitest.ReadPNG(t, "guided.png"), clitest.ReadPNG(t, "plain.png"))

	for want, args := range map[string][]string{
		"-from: open nosuch.png": {"-from", "nosuch.png"},
		"-from: json.png: diffusion: parameters: have a picture without parameters": {"-from", "json.png", "x"},
		`key "stpes", want one of steps, `:                                          {"-from", "wrong.json", "x"},
		`-from: have settings for the model "other", want its path in -model`:       {"-from", "other.json", "x"},
		"have no prompt":              {"-from", "empty.json"},
		"-n: have -2, want 1 to 1024": {"-from", "few.json", "x"},
	} {
		require.NoError(t, os.WriteFile("few.json", []byte(`{"images": -2}`), 0o600))
		require.NoError(t, os.WriteFile("wrong.json", []byte(`{"stpes": 3}`), 0o600))
		require.NoError(t, os.WriteFile("other.json", []byte(`{"model": "other"}`), 0o600))
		require.NoError(t, os.WriteFile("empty.json", []byte(`{}`), 0o600))
		_, _, err := sd(t, append([]string{"txt2img"}, args...)...)
		assert.ErrorContains(t, err, want)
	}
}

// Variations have the picture's own settings, and the seeds behind its own.
func TestVary(t *testing.T) {
	t.Chdir(t.TempDir())
	_, _, err := sd(t, "txt2img", "-seed", "5", "-steps", "4", "-width", "32", "-height", "24", "a red house")
	require.NoError(t, err)
	_, stderr, err := sd(t, "vary", "-image", "out.png", "-n", "2", "-o", "like.png")
	require.NoError(t, err)
	assert.Contains(t, stderr, "like-0.png (seed 6), like-1.png (seed 7)")
	_, _, err = sd(t, "img2img", "-image", "out.png", "-strength", "0.5", "-seed", "7", "-steps", "4", "-o", "want.png", "a red house")
	require.NoError(t, err)
	assert.Equal(t, clitest.ReadPNG(t, "want.png"), clitest.ReadPNG(t, "like-1.png"))
	stdout, _, err := sd(t, "info", "like-1.png")
	require.NoError(t, err)
	assert.Regexp(t, `(?m)^strength +0.5$`, stdout)
	assert.Regexp(t, `(?m)^task +image-to-image$`, stdout)

	_, _, err = sd(t, "txt2img", "-from", "like-0.png", "-o", "plain.png")
	require.NoError(t, err, "what is for an image is left out")
	_, _, err = sd(t, "txt2img", "-no-metadata", "-steps", "1", "-width", "16", "-height", "16", "x")
	require.NoError(t, err)
	_, _, err = sd(t, "vary", "-image", "out.png")
	assert.ErrorContains(t, err, "have no prompt, and -image does not say how it was made")
	_, _, err = sd(t, "vary")
	assert.ErrorContains(t, err, "-image: have no file")
}

// Info tells what a file is.
func TestInfo(t *testing.T) {
	t.Chdir(t.TempDir())
	_, _, err := sd(t, "info", "nosuch.png")
	assert.ErrorContains(t, err, "nosuch.png")
	_, _, err = sd(t, "info", "-layer")
	assert.ErrorContains(t, err, "not defined: -layer; want one of -layers")
	assert.IsType(t, cli.Misuse(err), err)
}
