package diffusion

import (
	"context"
	"image"
	"runtime"
	"testing"
	"weak"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/golden"
	"sdgo/sampler"
	"sdgo/unet"
)

// windowed are the reference's: 12×12 cells, 4 apart; round the edge 16×16, 8 apart.
func windowed(o *Options) {
	o.NegativePrompt = "ugly"
	o.Windows = Windows{Width: 96, Height: 96, Overlap: 64}
}

func wrapped(o *Options) {
	o.NegativePrompt = "ugly"
	o.Windows = Windows{Width: 128, Overlap: 64, Wrap: true}
}

func TestWindowGoldens(t *testing.T) {
	c := openCompositions(t)
	golden.Close(t, c.values("windows"), c.latents("a photo of a cat", c.options(windowed)), tolerance, "windows")
	golden.Close(t, c.values("wrapped"), c.latents("a photo of a cat", c.options(wrapped)), tolerance, "wrapped")

	o := c.options(wrapped)
	o.Output = OutputImage
	r, err := c.TextToImage(t.Context(), "a photo of a cat", o)
	require.NoError(t, err)
	var got []float32
	for plane := range 3 {
		for y := range 128 {
			for x := 184; x < 200; x++ { // where both edges meet
				got = append(got, float32(r.Images[0].Pix[r.Images[0].PixOffset(x%192, y)+plane])/255)
			}
		}
	}
	golden.Close(t, c.values("wrapped.edges"), got, tolerance+0.51/255, "edges")
	assert.Equal(t, image.Rect(0, 0, 192, 128), r.Images[0].Bounds())
}

// Windows cover the whole, and those that go round meet.
func TestPositions(t *testing.T) {
	for _, tt := range []struct {
		length, size, stride int
		round                bool
		want                 []int
	}{
		{8, 8, 4, false, []int{0}},
		{8, 12, 4, true, []int{0}},
		{16, 8, 4, false, []int{0, 4, 8}},
		{17, 8, 4, false, []int{0, 4, 8, 9}},
		{16, 8, 4, true, []int{0, 4, 8, 12}},
		{17, 8, 4, true, []int{0, 4, 8, 12, 16}},
		{9, 8, 1, false, []int{0, 1}},
	} {
		assert.Equal(t, tt.want, positions(tt.length, tt.size, tt.stride, tt.round), tt)
	}
}

// A window as large as the picture is none. Windows, regions and masks go together with
// each sampler, and an image is the same in any batch.
func TestWindowsWith(t *testing.T) {
	c := openCompositions(t)
	assert.Equal(t, c.latents("a cat", c.options(func(*Options) {})), c.latents("a cat", c.options(func(o *Options) { o.Windows.Width = 192 })))

	for name, s := range map[string]sampler.Sampler{"heun": sampler.Heun{}, "dpm++": sampler.DPMPP2M{}, "ancestral": sampler.EulerAncestral{}} {
		change := func(o *Options) {
			windowed(o)
			regionCases()["areas"](o)
			o.Sampler, o.Latents, o.Steps, o.Seed = s, nil, 3, 5
		}
		want := c.latents("a cat", c.options(change))
		got := c.latents("a cat", c.options(func(o *Options) { change(o); o.Images, o.Seed = 2, 4 }))
		assert.Equal(t, want, got[len(want):], name)
	}
}

// What the U-Net makes of a window, also one that goes round, is what it makes of a picture
// of that size whose further channels are those of the window.
func TestWindowsCropChannels(t *testing.T) {
	p := load(t, "tiny-inpaint", nil) // whose U-Net reads a mask and another image
	mask := image.NewGray(image.Rect(0, 0, 192, 128))
	for i := range mask.Pix {
		mask.Pix[i] = uint8(255 * (i % 192 / 96))
	}
	begun := func(width, height int) *run {
		task := &inpaintTrained{painting: painting{given: []Painting{{sloped(), mask}}}}
		r, err := p.newRun(t.Context(), task, "a cat", &Options{Width: width, Height: height, Steps: 1})
		require.NoError(t, err)
		t.Cleanup(r.close)
		images, err := task.prepare(r)
		require.NoError(t, err)
		require.NoError(t, r.claimMemory(t.Context(), images...))
		require.NoError(t, r.encodeText(t.Context()))
		return r
	}
	extra := make([]float32, 5*16*24)
	for i := range extra {
		extra[i] = float32(i%101)/50 - 1
	}
	whole, part := begun(192, 128), begun(96, 64)
	of := whole.guideOf(extra)
	for _, v := range []window{{0, 0, 8, 12}, {3, 7, 8, 12}, {8, 20, 8, 12}} {
		x, small := make([]float32, 4*8*12), make([]float32, 5*8*12)
		for i := range x {
			x[i] = float32(i%37) / 20
		}
		v.crop(small, extra, 16, 24)
		q := &question{x: x, window: v, sigma: 2, of: []*reads{whole.said[Cond][0].texts[0]}}
		got, err := of.predict(t.Context(), q)
		require.NoError(t, err)
		got = append([]float32{}, got...)
		q.window = part.whole()
		want, err := part.guideOf(small).predict(t.Context(), q)
		require.NoError(t, err)
		assert.Equal(t, want, got, v)
	}

	o := &Options{Steps: 2, Windows: Windows{Width: 96}, Output: OutputLatent}
	_, err := p.Inpaint(t.Context(), "a cat", sloped(), mask, o)
	assert.NoError(t, err)
}

// guideOf is a guide with further channels.
func (r *run) guideOf(extra []float32) *guide { return newGuide(r, [][]float32{extra}) }

// denoise asks a run, which it changes, once for the latents of a picture.
func (c *compositions) denoise(o *Options, change func(r *run)) {
	c.t.Helper()
	r, err := c.newRun(c.t.Context(), &textToImage{}, "a cat", o)
	require.NoError(c.t, err)
	c.t.Cleanup(r.close)
	change(r)
	require.NoError(c.t, r.prepare(192, 128))
	require.NoError(c.t, r.claimMemory(c.t.Context()))
	require.NoError(c.t, r.encodeText(c.t.Context()))
	denoise, err := r.denoiser(nil)
	require.NoError(c.t, err)
	_, err = denoise(c.t.Context(), c.values("noise"), 1)
	require.NoError(c.t, err)
}

// A region that has nothing in a window is not asked about there.
func TestWindowsSkipRegions(t *testing.T) {
	c := openCompositions(t)
	far := func(o *Options) {
		windowed(o)
		o.Regions = []Region{{Prompt: "a boat", Box: image.Rect(0, 0, 8, 8)}}
	}
	texts := 0
	c.denoise(c.options(far), func(r *run) {
		r.around = append(r.around, func(inner predictor) predictor {
			return func(ctx context.Context, q *question) ([]float32, error) {
				texts += len(q.of)
				return inner(ctx, q)
			}
		})
	})
	assert.Equal(t, 2*8+1, texts, "eight windows, and the region in the first")
}

// Of windows that show different regions only what the last one reads is kept.
func TestWindowsKeepOne(t *testing.T) {
	c := openCompositions(t)
	striped := func(o *Options) {
		windowed(o)
		for x := range 6 {
			o.Regions = append(o.Regions, Region{Prompt: "a boat", Box: image.Rect(32*x, 0, 32*x+8, 8*(x+1))})
		}
	}
	latents, tokens := map[weak.Pointer[float32]]bool{}, map[weak.Pointer[float32]]bool{}
	c.denoise(c.options(striped), func(r *run) {
		r.steers = append(r.steers, func(_ context.Context, _ *question, _ []*reads, in *unet.Input) error {
			latents[weak.Make(&in.Latents.Float32s()[0])] = true
			tokens[weak.Make(&in.Cond.Tokens.Float32s()[0])] = true
			return nil
		})
	})
	kept := func(made map[weak.Pointer[float32]]bool) (n int) {
		runtime.GC()
		for x := range made {
			if x.Value() != nil {
				n++
			}
		}
		return n
	}
	assert.Greater(t, len(latents), 3)
	assert.Greater(t, len(tokens), 3)
	assert.Equal(t, 1, kept(latents))
	assert.Equal(t, 1, kept(tokens))
}

// The memory of the U-Net is that of a window.
func TestWindowsMemory(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	turn := func(o *Options) int64 {
		o.Steps, o.Output = 1, OutputLatent
		r, err := p.newRun(t.Context(), &textToImage{}, "a cat", o)
		require.NoError(t, err)
		defer r.close()
		require.NoError(t, r.prepare(64, 64))
		n, err := r.need(nil)
		require.NoError(t, err)
		return n.Turn
	}
	small := turn(&Options{Width: 256, Height: 256})
	assert.Equal(t, small, turn(&Options{Width: 1024, Height: 256, Windows: Windows{Width: 256}}))
	assert.Greater(t, turn(&Options{Width: 1024, Height: 256}), 3*small)
	plan, err := p.Plan(&Options{Width: 1024, Height: 256, Windows: Windows{Width: 256}})
	require.NoError(t, err)
	one, err := p.Plan(&Options{Width: 256, Height: 256})
	require.NoError(t, err)
	assert.Equal(t, one.Parts[1].Values, plan.Parts[1].Values)
}

func TestWindowsErrors(t *testing.T) {
	c := openCompositions(t)
	for _, tt := range []struct {
		change func(o *Options)
		want   string
	}{
		{func(o *Options) { o.Windows = Windows{Width: 100} }, "diffusion: windows: have windows of 100×0 pixels, want multiples of 8 to 65536"},
		{func(o *Options) { o.Windows = Windows{Width: -8} }, "have windows of -8×0 pixels"},
		{func(o *Options) { o.Windows = Windows{Wrap: true} }, "have windows of 0×0 pixels"},
		{func(o *Options) { o.Windows = Windows{Width: 64, Overlap: 64} }, "diffusion: windows: have an overlap of 64 pixels, want a multiple of 8, less than the 64 of a side"},
		{func(o *Options) { o.Windows = Windows{Width: 64, Overlap: 9} }, "have an overlap of 9 pixels"},
		{func(o *Options) { o.Windows = Windows{Width: 64, Overlap: -8} }, "have an overlap of -8 pixels"},
		{func(o *Options) { o.Windows.Width, o.Reuse.Interval = 64, 2 }, "diffusion: windows: have windows beside Reuse, want one of the two"},
	} {
		_, err := c.TextToImage(t.Context(), "a cat", c.options(tt.change))
		assert.ErrorContains(t, err, tt.want)
		assert.ErrorIs(t, err, ErrOptions)
	}
}
