package main

import (
	"context"
	"fmt"
	"image/png"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/diffusion"
	"sdgo/examples/tinyscenes"
	"sdgo/sampler"
)

// over runs a sampler over levels of the test's choice, from the same unit noise.
// The pipeline gives a sampler that it does not know, as this is, the levels of
// diffusers' EulerDiscreteScheduler, and DPMPP2M those of another class: without
// this the two could not be compared.
type over struct {
	inner  sampler.Sampler // not embedded, by which the pipeline would know it
	sigmas []float64       // nil for the pipeline's
}

func (o over) Sample(ctx context.Context, denoise sampler.Denoiser, x []float32, sigmas []float64, noise sampler.Noise) error {
	if o.sigmas != nil {
		ratio := float32(o.sigmas[0] / sigmas[0])
		for i := range x {
			x[i] *= ratio
		}
		sigmas = o.sigmas
	}
	return o.inner.Sample(ctx, denoise, x, sigmas, noise)
}

func TestSameBits(t *testing.T) {
	pipe, err := diffusion.LoadFS(tinyscenes.FS, nil)
	require.NoError(t, err)
	defer pipe.Close()
	config, err := pipe.Scheduler.As("EulerDiscreteScheduler")
	require.NoError(t, err)
	tests := []struct {
		schedule string
		steps    int
		seed     uint64
		noZero   bool // leave out the last level
	}{
		{"", 10, 1, false},
		{"", 1, 2, false},
		{"karras", 5, 1, false},
		{"karras", 12, 3, true},
		{"exponential", 7, 4, false},
		{"trailing", 8, 5, false},
		{"ays", 10, 6, false},
		{"kl_optimal", 2, 7, true},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%s %d %d", tt.schedule, tt.steps, tt.seed), func(t *testing.T) {
			var sigmas []float64
			if tt.schedule != "" {
				schedule, err := config.ScheduleNamed(tt.schedule, tt.steps)
				require.NoError(t, err)
				sigmas = schedule.Sigmas
			}
			if tt.noZero {
				sigmas = sigmas[:len(sigmas)-1]
			}
			draw := func(s sampler.Sampler) *diffusion.Result {
				result, err := pipe.TextToImage(t.Context(), "a blue boat on the sea at sunset", &diffusion.Options{
					Steps: tt.steps, Guidance: tinyscenes.Guidance, Seed: tt.seed, Images: 2, Width: 32, Height: 32, Sampler: over{s, sigmas},
				})
				require.NoError(t, err)
				return result
			}
			want, have := draw(sampler.DPMPP2M{}), draw(multistep{})
			assert.Equal(t, bits(want), bits(have), "the latents differ")
			require.Len(t, have.Images, 2)
			for i := range want.Images {
				assert.Equal(t, want.Images[i].Pix, have.Images[i].Pix, "image %d differs", i)
			}
			assert.NotEqual(t, have.Images[0].Pix, have.Images[1].Pix)
			if tt.steps > 2 { // the comparison would notice another sampler
				assert.NotEqual(t, bits(draw(sampler.Euler{})), bits(have))
			}
		})
	}
}

func bits(r *diffusion.Result) (out []uint32) {
	for _, v := range r.Latents.Float32s() {
		out = append(out, math.Float32bits(v))
	}
	return out
}

func TestCommand(t *testing.T) {
	t.Chdir(t.TempDir())
	require.NoError(t, run(t.Context(), []string{"-steps", "2", "a red house", "-o", "house.png"}))
	f, err := os.Open("house.png")
	require.NoError(t, err)
	defer f.Close()
	img, err := png.Decode(f)
	require.NoError(t, err)
	assert.Equal(t, 128, img.Bounds().Dx())

	for message, args := range map[string]string{
		"-steps: have 0":   "-steps 0",
		"not defined: -x":  "-x",
		`argument "house"`: "red house",
		"steps: have 2000": "-steps 2000",
		"missing":          "-steps 1 -o missing/out.png",
	} {
		assert.ErrorContains(t, run(t.Context(), strings.Fields(args)), message)
	}
}

// The sampler fits into forty lines, from its type to the end of Sample.
func TestFortyLines(t *testing.T) {
	source, err := os.ReadFile("sampler.go")
	require.NoError(t, err)
	_, code, found := strings.Cut(string(source), "\ntype multistep")
	require.True(t, found)
	assert.LessOrEqual(t, strings.Count(code, "\n"), 40)
}
