package diffusion

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/engine"
	"sdgo/internal/golden"
	"sdgo/scheduler"
)

// handover is a case of testdata/handover, with the latents that are passed on, and the
// final ones.
type handover struct {
	Name      string
	Steps     int
	At, End   float64
	Scheduler json.RawMessage

	passed, final []float32
}

func handovers(t *testing.T) []handover {
	data, err := os.ReadFile("testdata/handover/cases.json")
	require.NoError(t, err)
	var cases []handover
	require.NoError(t, json.Unmarshal(data, &cases))
	require.NotEmpty(t, cases)
	for i := range cases {
		data, err := os.ReadFile("testdata/handover/" + cases[i].Name + ".f32")
		require.NoError(t, err)
		x := make([]float32, len(data)/4)
		require.NoError(t, binary.Read(bytes.NewReader(data), binary.LittleEndian, x))
		cases[i].passed, cases[i].final = x[:len(x)/2], x[len(x)/2:]
	}
	return cases
}

// A run that is handed from one pipeline to another stops and goes on where it does in
// diffusers, whatever the scheduler, also where that is within a step.
func TestHandover(t *testing.T) {
	p := load(t, "tiny-sdxl", nil)
	for _, tt := range handovers(t) {
		t.Run(tt.Name, func(t *testing.T) {
			var err error
			p.Scheduler, err = scheduler.ParseConfig(tt.Scheduler)
			require.NoError(t, err)
			steps := 0
			o := Options{
				Width: 64, Height: 64, Steps: tt.Steps, Seed: 4242, Guidance: 5, DenoisingEnd: tt.At, Output: OutputLatent,
				OnStep: func(s Step) error {
					steps++
					assert.Equal(t, steps, s.Step)
					assert.LessOrEqual(t, steps, s.Steps)
					return nil
				},
			}
			base, err := p.TextToImage(t.Context(), cat, &o)
			require.NoError(t, err)
			assert.Empty(t, base.Images)
			golden.Close(t, tt.passed, base.Latents.Float32s(), tolerance, "latents that are passed on")

			o = Options{Steps: tt.Steps, Seed: 4242, Guidance: 5, DenoisingStart: tt.At, DenoisingEnd: tt.End, Output: OutputLatent}
			o.Latents = engine.Tensor(tt.passed, 1, 4, 8, 8)
			refined, err := p.TextToImage(t.Context(), cat, &o)
			require.NoError(t, err)
			golden.Close(t, tt.final, refined.Latents.Float32s(), tolerance, "final latents")
		})
	}
}

// The two parts of a run that remembers no step are the run, and so is each with steps
// that are saved.
func TestHandoverWhole(t *testing.T) {
	p := load(t, "tiny-sdxl", nil)
	whole, err := p.TextToImage(t.Context(), cat, xlOptions(func(o *Options) { o.Steps = 5 }))
	require.NoError(t, err)
	var totals []int
	var saved []byte
	first := xlOptions(func(o *Options) {
		o.Steps, o.DenoisingEnd, o.Output = 5, 0.5, OutputLatent
		o.OnStep = func(s Step) (err error) {
			if totals = append(totals, s.Step, s.Steps); s.Step == 1 {
				saved, err = s.Save()
			}
			return err
		}
	})
	base, err := p.TextToImage(t.Context(), cat, first)
	require.NoError(t, err)
	assert.Equal(t, []int{1, 2, 2, 2}, totals)
	assert.Equal(t, 2, base.Timings.Calls)
	first.OnStep, first.Resume = nil, saved
	resumed, err := p.TextToImage(t.Context(), cat, first)
	require.NoError(t, err)
	assert.Equal(t, base.Latents.Float32s(), resumed.Latents.Float32s())
	first.DenoisingEnd = 0.7
	_, err = p.TextToImage(t.Context(), cat, first)
	assert.ErrorContains(t, err, `have a run with another part of the run: "0 to 0.5", want "0 to 0.7"`)

	rest, err := p.TextToImage(t.Context(), cat, &Options{Steps: 5, NegativePrompt: "blur", DenoisingStart: 0.5, Latents: base.Latents})
	require.NoError(t, err)
	assert.Equal(t, 3, rest.Timings.Calls)
	assert.Equal(t, whole.Images, rest.Images)
}

// Images begin without noise, and a mask keeps what is outside.
func TestHandoverFromImage(t *testing.T) {
	p := load(t, "tiny-sdxl", nil)
	img, mask := picture(t, "input.png"), picture(t, "mask.png")
	o := Options{Steps: 5, Seed: 3, DenoisingStart: 0.5, Output: OutputLatent}
	a, err := p.ImageToImage(t.Context(), cat, img, &o)
	require.NoError(t, err)
	assert.Equal(t, 3, a.Timings.Calls)
	for _, latents := range []bool{false, true} {
		if latents {
			o.Latents = a.Latents
		}
		b, err := p.Inpaint(t.Context(), cat, img, mask, &o)
		require.NoError(t, err)
		assert.NotEqual(t, a.Latents.Float32s(), b.Latents.Float32s())
	}
	o.Latents = a.Latents
	_, err = p.ImageToImage(t.Context(), cat, img, &o)
	assert.EqualError(t, err, "diffusion: latents: have some beside a denoising start, want none: the run begins with the image (or give them to TextToImage)")
}

func TestHandoverErrors(t *testing.T) {
	p := load(t, "tiny-sdxl", nil)
	img, mask := picture(t, "input.png"), picture(t, "mask.png")
	latents := engine.Tensor(make([]float32, 256), 1, 4, 8, 8)
	for _, tt := range []struct {
		option, want string
		o            Options
	}{
		{"DenoisingEnd", "denoising end: have 1.5, want above 0, to 1, or 0 for the whole run", Options{DenoisingEnd: 1.5}},
		{"DenoisingEnd", "denoising end: have NaN, want above 0", Options{DenoisingEnd: math.NaN()}},
		{"DenoisingStart", "denoising start: have 1, want above 0 and below 1", Options{DenoisingStart: 1, Latents: latents}},
		{"DenoisingStart", "denoising start: have 0.6, want less than the end, which is at 0.5", Options{DenoisingStart: 0.6, DenoisingEnd: 0.5}},
		{"DenoisingStart", "denoising start: have 0.5 without latents, want those", Options{DenoisingStart: 0.5}},
		{"DenoisingStart", "have timesteps from 981 to 1, want one below 1", Options{DenoisingStart: 0.999, Latents: latents}},
		{"Latents", "latents: have [1 4 8 8] of float32, want contiguous [2 4 8 8]", Options{DenoisingStart: 0.5, Latents: latents, Images: 2}},
		{"Output", "output: have Output(7), want image or latent", Options{Output: 7}},
	} {
		_, err := p.TextToImage(t.Context(), cat, &tt.o)
		var wrong *OptionError
		if assert.ErrorAs(t, err, &wrong) {
			assert.Equal(t, tt.option, wrong.Option)
			assert.ErrorContains(t, err, tt.want)
		}
	}
	_, err := p.ImageToImage(t.Context(), cat, img, &Options{DenoisingStart: 0.5, Strength: 0.5})
	assert.ErrorContains(t, err, "diffusion: strength: have 0.5 beside a denoising start")
	_, err = p.Inpaint(t.Context(), cat, img, mask, &Options{KeepOutside: true, Output: OutputLatent})
	assert.EqualError(t, err, "diffusion: keep outside: have true, want false: the output is latents, and no picture")
	p.Scheduler = &scheduler.Config{}
	p.Scheduler, err = scheduler.ParseConfig([]byte(`{"_class_name": "EulerDiscreteScheduler", "timestep_type": "continuous", "prediction_type": "v_prediction", "sigma_min": 0.1, "sigma_max": 10}`))
	require.NoError(t, err)
	_, err = p.TextToImage(t.Context(), cat, &Options{DenoisingEnd: 0.5})
	assert.EqualError(t, err, "diffusion: denoising end: have 0.5, want 0: the model's time is no timestep of training")
}
