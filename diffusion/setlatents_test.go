package diffusion

import (
	"image"
	"image/draw"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"sdgo/internal/engine"
	"sdgo/sampler"
)

// halved makes the latents of each image half as large after a step.
func halved(t *testing.T, at int) func(Step) error {
	return func(s Step) error {
		if s.Step != at {
			return nil
		}
		x := s.Latents.Float32s()
		for i := range x {
			x[i] /= 2
		}
		return s.SetLatents(s.Latents)
	}
}

// A Step may change the latents: the picture is another, the same in any batch and from
// a run that was saved behind the change, and says that it was made so.
func TestSetLatents(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	o := quick(7)
	plain, err := p.TextToImage(t.Context(), prompt, o)
	require.NoError(t, err)
	o.OnStep = halved(t, 2)
	want, err := p.TextToImage(t.Context(), prompt, o)
	require.NoError(t, err)
	assert.NotEqual(t, plain.Images[0], want.Images[0])
	assert.Equal(t, []string{"OnStep"}, want.Parameters(0).LeftOut)
	assert.Empty(t, plain.Parameters(0).LeftOut)

	batch := quick(6)
	batch.Images, batch.OnStep = 2, halved(t, 2)
	r, err := p.TextToImage(t.Context(), prompt, batch)
	require.NoError(t, err)
	assert.Equal(t, want.Images[0], r.Images[1])

	var saved []byte
	change := halved(t, 2)
	o.OnStep = func(s Step) (err error) {
		if err := change(s); err != nil || s.Step != 2 {
			return err
		}
		saved, err = s.Save()
		return err
	}
	_, err = p.TextToImage(t.Context(), prompt, o)
	require.NoError(t, err)
	resumed := quick(7)
	resumed.Resume = saved
	r, err = p.TextToImage(t.Context(), prompt, resumed)
	require.NoError(t, err)
	assert.Equal(t, want.Images[0], r.Images[0])
}

// The last step's latents are what is decoded, and what is inpainted keeps its outside.
func TestSetLastLatents(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	o := quick(7)
	o.Sampler = sampler.DPMPP2M{}
	o.OnStep = func(s Step) error {
		if s.Step < s.Steps {
			return nil
		}
		return s.SetLatents(engine.Tensor(make([]float32, 4*8*8), 1, 4, 8, 8))
	}
	r, err := p.TextToImage(t.Context(), prompt, o)
	require.NoError(t, err)
	for _, x := range r.Latents.Float32s() {
		require.Zero(t, x)
	}

	img, mask := image.NewNRGBA(image.Rect(0, 0, 64, 64)), image.NewGray(image.Rect(0, 0, 64, 64))
	draw.Draw(mask, image.Rect(0, 0, 32, 64), image.White, image.Point{}, draw.Src)
	whole, err := p.Inpaint(t.Context(), prompt, img, mask, &Options{Steps: 2, Seed: 7})
	require.NoError(t, err)
	o.Width, o.Height, o.Steps = 0, 0, 2
	r, err = p.Inpaint(t.Context(), prompt, img, mask, o)
	require.NoError(t, err)
	have, want := r.Latents.Float32s(), whole.Latents.Float32s()
	for i := range have {
		if i%8 < 4 {
			require.Zero(t, have[i])
		} else {
			require.InDelta(t, want[i], have[i], 0, "outside the mask")
		}
	}
}

func TestSetLatentsWrong(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	o := quick(7)
	o.Steps = 1
	var kept Step
	o.OnStep = func(s Step) error {
		kept = s
		assert.ErrorContains(t, s.SetLatents(nil), "diffusion: step: latents")
		assert.ErrorContains(t, s.SetLatents(tensor.New(tensor.WithShape(1, 4, 8, 9), tensor.Of(tensor.Float32))), "[1 4 8 8]")
		x := s.Latents.Float32s()
		x[3] = x[3] / 0
		assert.ErrorContains(t, s.SetLatents(s.Latents), "diffusion: step: latents: element 3")
		return nil
	}
	_, err := p.TextToImage(t.Context(), prompt, o)
	require.NoError(t, err)
	assert.ErrorIs(t, kept.SetLatents(kept.Latents), errOver)
	assert.ErrorIs(t, Step{}.SetLatents(nil), errOver)
}
