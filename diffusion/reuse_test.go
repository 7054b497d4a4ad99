package diffusion

import (
	"errors"
	"image"
	"math"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/engine"
	"sdgo/internal/golden"
	"sdgo/sampler"
	"sdgo/unet"
)

// sparing are options that spare work, each in a run of 8 steps. The threshold is
// such that the images of a batch decide differently.
func sparing() map[string]*Options {
	o := map[string]*Options{
		"interval":  {Reuse: Reuse{Interval: 3}},
		"threshold": {Reuse: Reuse{Threshold: 0.3}},
		"both, at the top": {
			Reuse: Reuse{Interval: 4, Threshold: 0.5, Branch: 1}, TokenMerging: unet.TokenMerging{Ratio: 0.3, Levels: 2},
		},
		"two calls a step": {Reuse: Reuse{Interval: 3, Branch: 3}, Sampler: sampler.Heun{}},
		"guidance interval": {
			Reuse: Reuse{Interval: 3, Threshold: 0.4}, GuidanceInterval: Interval{Low: 1, High: 5},
		},
		"tokens":     {TokenMerging: unet.TokenMerging{Ratio: 0.5}},
		"not guided": {Reuse: Reuse{Threshold: 0.3, Branch: 1}, Guidance: 1},
		"CFG++":      {Reuse: Reuse{Interval: 2}, Sampler: sampler.DDIM{CFGPlusPlus: true}, Guidance: 1},
		"unipc":      {Reuse: Reuse{Interval: 2}, Sampler: sampler.UniPC{}},
	}
	for _, v := range o {
		v.Width, v.Height, v.Steps, v.Seed = 64, 64, 8, 7
		if v.Sampler == nil {
			v.Sampler = sampler.EulerAncestral{}
		}
	}
	return o
}

// A setting that spares nothing gives the bytes of the exact picture.
func TestReuseOff(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	want, err := p.TextToImage(t.Context(), prompt, quick(3))
	require.NoError(t, err)
	assert.Nil(t, want.Reused)
	for name, reuse := range map[string]Reuse{
		"every call":                      {Interval: 1},
		"every call, whatever it has":     {Interval: 1, Threshold: 100, Branch: 2},
		"a branch alone":                  {Branch: 2},
		"a threshold that all calls pass": {Threshold: math.SmallestNonzeroFloat64},
	} {
		var reused []int // nil where no call could be spared
		if reuse.Interval != 1 && reuse.Threshold > 0 {
			reused = []int{0}
		}
		o := quick(3)
		o.Reuse, o.TokenMerging.Levels = reuse, 2
		got, err := p.TextToImage(t.Context(), prompt, o)
		require.NoError(t, err)
		assert.Equal(t, want.Images, got.Images, name)
		assert.Equal(t, reused, got.Reused, name)
	}
}

// Calls are spared as the settings say.
func TestReused(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	exact := quick(3)
	exact.Steps = 8
	want, err := p.TextToImage(t.Context(), prompt, exact)
	require.NoError(t, err)
	for _, tt := range []struct {
		reuse   Reuse
		reused  int
		sampler sampler.Sampler
	}{
		{Reuse{Interval: 2}, 4, sampler.EulerAncestral{}},
		{Reuse{Interval: 3}, 5, sampler.EulerAncestral{}},
		{Reuse{Interval: 100, Branch: 1}, 7, sampler.EulerAncestral{}},
		{Reuse{Threshold: 1000}, 7, sampler.EulerAncestral{}},
		{Reuse{Interval: 4, Threshold: 1000}, 6, sampler.EulerAncestral{}},
		{Reuse{Interval: 3}, 10, sampler.Heun{}}, // 15 calls, the last step takes one
	} {
		o := *exact
		o.Reuse, o.Sampler = tt.reuse, tt.sampler
		var steps []int
		o.OnStep = func(s Step) error {
			steps = append(steps, s.Reused[0])
			assert.GreaterOrEqual(t, s.Calls, s.Step)
			return nil
		}
		r, err := p.TextToImage(t.Context(), prompt, &o)
		require.NoError(t, err)
		assert.Equal(t, []int{tt.reused}, r.Reused, "%+v", tt)
		assert.NotEqual(t, want.Images, r.Images, "%+v", tt)
		assert.Equal(t, tt.reused, steps[len(steps)-1])
	}

	// The first call after the guidance interval begins or ends is whole.
	var sigmas []float64
	o := *exact
	o.OnStep = func(s Step) error {
		sigmas = append(sigmas, s.Sigma)
		return nil
	}
	_, err = p.TextToImage(t.Context(), prompt, &o)
	require.NoError(t, err)
	o.OnStep = nil
	o.Reuse = Reuse{Interval: 100}
	o.GuidanceInterval = Interval{Low: sigmas[4], High: sigmas[1]} // calls 3 to 6 of 8
	r, err := p.TextToImage(t.Context(), prompt, &o)
	require.NoError(t, err)
	assert.Equal(t, []int{8 - 3}, r.Reused)
}

// The same seed gives the same bytes for any number of threads, alone, as any
// member of a batch, and in many calls at once.
func TestReuseSameBytes(t *testing.T) {
	skipInShort(t)
	p := load(t, "tiny-sd15", nil)
	differ := false
	for name, o := range sparing() {
		alone := map[uint64]*Result{}
		for seed := uint64(7); seed < 10; seed++ {
			one := *o
			one.Seed = seed
			r, err := p.TextToImage(t.Context(), prompt, &one)
			require.NoError(t, err, name)
			alone[seed] = r
		}
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
		for _, threads := range []int{1, 2, 7} {
			runtime.GOMAXPROCS(threads)
			r, err := p.TextToImage(t.Context(), prompt, o)
			require.NoError(t, err)
			assert.Equal(t, alone[7].Images, r.Images, "%s, %d threads", name, threads)
		}
		runtime.GOMAXPROCS(2)

		batch := *o
		batch.Images = 3
		r, err := p.TextToImage(t.Context(), prompt, &batch)
		require.NoError(t, err)
		for i, seed := range r.Seeds {
			assert.Equal(t, alone[seed].Images[0], r.Images[i], "%s, image %d of 3", name, i)
			if r.Reused != nil {
				assert.Equal(t, alone[seed].Reused[0], r.Reused[i], "%s, image %d of 3", name, i)
				differ = differ || r.Reused[i] != r.Reused[0]
			}
		}

		var wg sync.WaitGroup
		for i := range uint64(9) {
			wg.Go(func() {
				one := *o
				one.Seed = 7 + i%3
				r, err := p.TextToImage(t.Context(), prompt, &one)
				if assert.NoError(t, err) {
					assert.Equal(t, alone[one.Seed].Images, r.Images, name)
				}
			})
		}
		wg.Wait()
	}
	assert.True(t, differ, "no images of a batch decided differently")
}

func TestBadReuse(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	for _, tt := range []struct {
		reuse Reuse
		want  string
	}{
		{Reuse{Interval: -1}, "diffusion: reuse: have an interval of -1 calls, want 1 or more, or 0 for none"},
		{Reuse{Threshold: -1}, "diffusion: reuse: have threshold -1, want a positive number, or 0 for none"},
		{Reuse{Threshold: math.NaN()}, "diffusion: reuse: have threshold NaN"},
		{Reuse{Threshold: math.Inf(1)}, "diffusion: reuse: have threshold +Inf"},
		{Reuse{Interval: 2, Branch: 4}, "diffusion: reuse: unet: have skip branch 4, want 1 to 3"},
		{Reuse{Threshold: 1, Branch: -1}, "diffusion: reuse: unet: have skip branch -1, want 1 to 3"},
	} {
		o := quick(1)
		o.Reuse = tt.reuse
		_, err := p.TextToImage(t.Context(), prompt, o)
		assert.ErrorContains(t, err, tt.want)
	}
	o := quick(1)
	o.TokenMerging.Ratio = 0.9
	_, err := p.TextToImage(t.Context(), prompt, o)
	assert.EqualError(t, err, "diffusion: unet: token merging: have ratio 0.9, want 0 to 0.75")
}

// Inpainting of both kinds spares calls, too.
func TestReuseInpaint(t *testing.T) {
	img, mask := picture(t, "input.png"), picture(t, "mask.png")
	for _, model := range []string{"tiny-sd15", "tiny-inpaint"} {
		p := load(t, model, nil)
		o := quick(2)
		o.Reuse = Reuse{Interval: 1}
		exact, err := p.Inpaint(t.Context(), prompt, img, mask, o)
		require.NoError(t, err)
		o.Reuse.Interval = 2
		r, err := p.Inpaint(t.Context(), prompt, img, mask, o)
		require.NoError(t, err)
		assert.Equal(t, []int{1}, r.Reused)
		assert.NotEqual(t, exact.Images, r.Images)
	}
}

// What a run keeps counts, and goes back when it ends, however it ends.
func TestReuseMemory(t *testing.T) {
	p, err := LoadFS(golden.Model(t, "tiny-sd15"), &LoadOptions{MaxMemory: 64 << 20})
	require.NoError(t, err)
	defer p.Close()
	o := quick(1)
	o.Reuse = Reuse{Interval: 2, Threshold: 1}
	var during int64
	stop := errors.New("stop")
	o.OnStep = func(Step) error {
		during = p.engine.Memory.Allowed()
		return stop
	}
	_, err = p.TextToImage(t.Context(), prompt, o)
	require.ErrorIs(t, err, stop)
	assert.Greater(t, p.engine.Memory.Allowed(), during)
	o.OnStep = nil
	_, err = p.TextToImage(t.Context(), prompt, o)
	require.NoError(t, err)
	free := p.engine.Memory.Allowed()
	_, err = p.ImageToImage(t.Context(), prompt, image.NewGray(image.Rect(0, 0, 64, 64)), o)
	require.NoError(t, err)
	_, err = p.TextToImage(t.Context(), prompt, o)
	require.NoError(t, err)
	assert.Less(t, free-p.engine.Memory.Allowed(), int64(1<<20), "beside idle machines")

	o.Images, o.Width = 1024, 256
	_, err = p.TextToImage(t.Context(), prompt, o)
	var limit *engine.MemoryError
	require.ErrorAs(t, err, &limit)
	assert.Equal(t, "the features that a run keeps", limit.What)
}
