package diffusion

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/color"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"

	"sdgo/internal/engine"
	"sdgo/internal/golden"
	"sdgo/internal/nn"
	"sdgo/safetensors"
	"sdgo/sampler"
	"sdgo/scheduler"
	"sdgo/unet"
)

const prompt = "a photo of a cat"

// quick is a run that takes a moment.
func quick(seed uint64) *Options {
	return &Options{Width: 64, Height: 64, Steps: 3, Seed: seed, Sampler: sampler.EulerAncestral{}}
}

// The same seed gives the same bytes for any number of threads, alone, as any
// member of a batch, and in 32 calls at once.
func TestSameBytes(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	want := map[uint64]*image.NRGBA{}
	for seed := uint64(7); seed < 10; seed++ {
		r, err := p.TextToImage(t.Context(), prompt, quick(seed))
		require.NoError(t, err)
		want[seed] = r.Images[0]
	}
	assert.NotEqual(t, want[7].Pix, want[8].Pix)

	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for _, threads := range []int{1, 2, 7} {
		runtime.GOMAXPROCS(threads)
		r, err := p.TextToImage(t.Context(), prompt, quick(7))
		require.NoError(t, err)
		assert.Equal(t, want[7], r.Images[0], "%d threads", threads)
	}
	runtime.GOMAXPROCS(2)

	o := quick(7)
	o.Images = 3
	r, err := p.TextToImage(t.Context(), prompt, o)
	require.NoError(t, err)
	assert.Equal(t, []uint64{7, 8, 9}, r.Seeds)
	for i, seed := range r.Seeds {
		assert.Equal(t, want[seed], r.Images[i], "image %d of 3", i)
	}

	var wg sync.WaitGroup
	for i := range uint64(32) {
		wg.Go(func() {
			seed := 7 + i%3
			r, err := p.TextToImage(t.Context(), prompt, quick(seed))
			if assert.NoError(t, err) {
				assert.Equal(t, want[seed], r.Images[0])
			}
		})
	}
	wg.Wait()
}

// A call returns soon after its context is done, wherever it is, and leaves no
// goroutine.
func TestCancel(t *testing.T) {
	p := load(t, "tiny-sd15-4blk", nil)
	o := &Options{Width: 512, Height: 512, Steps: 1}
	before := runtime.NumGoroutine()
	for _, after := range []time.Duration{0, 5 * time.Millisecond, 100 * time.Millisecond, 400 * time.Millisecond} {
		ctx, cancel := context.WithTimeout(t.Context(), after)
		_, err := p.TextToImage(ctx, prompt, o)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		cancel()
	}
	ctx, cancel := context.WithCancel(t.Context())
	o = quick(1)
	o.OnStep = func(s Step) error {
		if s.Step == 2 {
			cancel()
		}
		return nil
	}
	_, err := p.TextToImage(ctx, prompt, o)
	assert.ErrorIs(t, err, context.Canceled)
	for i := 0; i < 1000 && runtime.NumGoroutine() > before; i++ { // one may be just ending
		time.Sleep(time.Millisecond)
	}
	assert.LessOrEqual(t, runtime.NumGoroutine(), before)
}

func TestStep(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	o := quick(3)
	o.Images = 2
	var steps []int
	var sigmas []float64
	o.OnStep = func(s Step) error {
		steps, sigmas = append(steps, s.Step), append(sigmas, s.Sigma)
		assert.Equal(t, 3, s.Steps)
		assert.Equal(t, []int{2, 4, 8, 8}, []int(s.Latents.Shape()))
		previews, err := s.Preview()
		require.NoError(t, err)
		require.Len(t, previews, 2)
		assert.Equal(t, image.Rect(0, 0, 8, 8), previews[1].Rect)
		return nil
	}
	r, err := p.TextToImage(t.Context(), prompt, o)
	require.NoError(t, err)
	assert.Equal(t, []int{1, 2, 3}, steps)
	assert.Zero(t, sigmas[2])
	assert.Equal(t, 3, r.Timings.Calls)
	assert.Positive(t, r.Timings.Total)

	stop := errors.New("enough")
	o.OnStep = func(Step) error { return stop }
	_, err = p.TextToImage(t.Context(), prompt, o)
	assert.ErrorIs(t, err, stop)
}

// A run that was stopped, saved and resumed gives the picture of one that was
// not, its noise included.
func TestResume(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	img, mask := picture(t, "input.png"), picture(t, "mask.png")
	o := quick(4)
	o.Images = 2
	want, err := p.Inpaint(t.Context(), prompt, img, mask, o)
	require.NoError(t, err)
	stop := errors.New("stop")
	var state []byte
	first := *o
	first.OnStep = func(s Step) error {
		if s.Step < 2 {
			return nil
		}
		state, err = s.Save()
		require.NoError(t, err)
		return stop
	}
	_, err = p.Inpaint(t.Context(), prompt, img, mask, &first)
	require.ErrorIs(t, err, stop)

	rest := *o
	rest.Resume = state
	var steps []int
	rest.OnStep = func(s Step) error {
		steps = append(steps, s.Step)
		return nil
	}
	got, err := p.Inpaint(t.Context(), prompt, img, mask, &rest)
	require.NoError(t, err)
	assert.Equal(t, []int{3}, steps)
	assert.Equal(t, want.Images, got.Images)

	rest.Sampler = sampler.Euler{}
	_, err = p.Inpaint(t.Context(), prompt, img, mask, &rest)
	assert.ErrorContains(t, err, "diffusion: resume: sampler: saved run: have a run of sampler.EulerAncestral")
	rest = *o
	rest.Resume, rest.Images = state, 1
	_, err = p.Inpaint(t.Context(), prompt, img, mask, &rest)
	assert.ErrorContains(t, err, "have a run of 512 numbers, want 256")
}

// The noise may be another generator's.
func TestNewNoise(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	want, err := p.TextToImage(t.Context(), prompt, quick(4))
	require.NoError(t, err)
	o := quick(4)
	o.NewNoise = func(seed uint64) sampler.Noise { return sampler.NewTorch(seed).Normal }
	same, err := p.TextToImage(t.Context(), prompt, o)
	require.NoError(t, err)
	assert.Equal(t, want.Images, same.Images)
	o.NewNoise = func(seed uint64) sampler.Noise { return sampler.NewPhilox(seed).Normal }
	other, err := p.TextToImage(t.Context(), prompt, o)
	require.NoError(t, err)
	assert.NotEqual(t, want.Images, other.Images)
}

// Runs with different samplers at once share nothing.
func TestConcurrentSamplers(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	names := sampler.Names()
	options := func(i int) *Options {
		s, err := sampler.ByName(names[i%len(names)].Name)
		require.NoError(t, err)
		return &Options{Width: 32, Height: 32, Steps: 5, Seed: uint64(i), Sampler: s}
	}
	var wg sync.WaitGroup
	got := make([]*Result, max(32, len(names)))
	for i := range got {
		wg.Go(func() {
			var err error
			got[i], err = p.TextToImage(t.Context(), prompt, options(i))
			assert.NoError(t, err)
		})
	}
	wg.Wait()
	for i, r := range got {
		want, err := p.TextToImage(t.Context(), prompt, options(i))
		require.NoError(t, err)
		assert.Equal(t, want.Images, r.Images, names[i%len(names)].Name)
	}
}

// Outside the guidance interval the picture is steered by the prompt alone, and
// a wrapper sees every call.
func TestGuidanceInterval(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	var seen []float64
	o := quick(4)
	o.Wrap = func(next sampler.Denoiser) sampler.Denoiser {
		return func(ctx context.Context, x []float32, sigma float64) (sampler.Estimate, error) {
			seen = append(seen, sigma)
			return next(ctx, x, sigma)
		}
	}
	always, err := p.TextToImage(t.Context(), prompt, o)
	require.NoError(t, err)
	require.Len(t, seen, 3)
	o.GuidanceInterval = Interval{Low: seen[2], High: seen[0]}
	same, err := p.TextToImage(t.Context(), prompt, o)
	require.NoError(t, err)
	assert.Equal(t, always.Images, same.Images)
	o.GuidanceInterval = Interval{Low: 1000}
	never, err := p.TextToImage(t.Context(), prompt, o)
	require.NoError(t, err)
	o.GuidanceInterval, o.Guidance = Interval{}, 1
	off, err := p.TextToImage(t.Context(), prompt, o)
	require.NoError(t, err)
	assert.Equal(t, off.Images, never.Images)
	assert.NotEqual(t, always.Images, never.Images)
	o.GuidanceInterval = Interval{Low: 3, High: 2}
	_, err = p.TextToImage(t.Context(), prompt, o)
	assert.ErrorContains(t, err, "guidance interval: have 3 to 2")
}

// skipInShort leaves out what takes minutes in plain Go.
func skipInShort(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("-short")
	}
}

// Every sampler runs by its name, and on levels by name where its class can
// follow them.
func TestAllSamplers(t *testing.T) {
	skipInShort(t)
	p := load(t, "tiny-sd15", nil)
	for _, info := range sampler.Names() {
		for _, schedule := range []string{"", "karras", "normal", "trailing", "gits", "bong_tangent", "karras_exponential", "align_your_steps_32"} {
			s, err := sampler.ByName(info.Name)
			require.NoError(t, err)
			o := &Options{Width: 16, Height: 16, Steps: 5, Seed: 1, Sampler: s, Schedule: schedule}
			r, err := p.TextToImage(t.Context(), prompt, o)
			if err != nil && schedule != "" {
				t.Logf("%s on %q: %v", info.Name, schedule, err)
				continue
			}
			if assert.NoError(t, err, info.Name) {
				assert.Len(t, r.Images, 1)
			}
		}
	}
}

// A name's own options stand against those of the config of its class; a name that
// is the class has the config's.
func TestNamedOptions(t *testing.T) {
	for name, want := range map[string]sampler.Sampler{
		"dpmpp_3m":  sampler.DPMSolver{Order: 3},
		"unipc_bh2": sampler.UniPC{Order: 3, LowerOrderFinal: true, End: 0.001},
		"unipc_2":   sampler.UniPC{Order: 1, BH1: true},
		"pndm":      sampler.PNDM{},
	} {
		s, err := sampler.ByName(name)
		require.NoError(t, err)
		have, err := solver(&Options{Sampler: s}, &scheduler.Schedule{Solver: scheduler.Solver{Class: classOf(s), Order: 1, Type: "bh1", PRK: true}})
		require.NoError(t, err)
		assert.Equal(t, want, have, name)
	}
}

// A sampler from an image to noise is refused.
func TestInverseSampler(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	for _, info := range sampler.Inverses() {
		s, err := sampler.ByName(info.Name)
		require.NoError(t, err)
		_, err = p.TextToImage(t.Context(), prompt, &Options{Width: 16, Height: 16, Steps: 2, Sampler: s})
		assert.ErrorContains(t, err, "have one that goes from an image to noise", info.Name)
	}
}

func TestDiscardPenultimate(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	var sigmas []float64
	o := &Options{Width: 32, Height: 32, Steps: 4, Sampler: sampler.DPM2{}, Schedule: "karras", DiscardPenultimate: true}
	o.OnStep = func(s Step) error {
		sigmas = append(sigmas, s.Sigma)
		return nil
	}
	_, err := p.TextToImage(t.Context(), prompt, o)
	require.NoError(t, err)
	config, err := p.Scheduler.As("KDPM2DiscreteScheduler")
	require.NoError(t, err)
	full, err := config.ScheduleNamed("karras", 5)
	require.NoError(t, err)
	assert.Equal(t, []float64{full.Sigmas[1], full.Sigmas[2], full.Sigmas[3], full.Sigmas[5]}, sigmas)
	o.Sigmas = []float64{3, 1, 0}
	_, err = p.TextToImage(t.Context(), prompt, o)
	assert.ErrorContains(t, err, "have sigmas beside a schedule")
}

func TestOwnSigmas(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	o := &Options{Width: 64, Height: 64, Steps: 6, Sampler: sampler.Euler{}, Schedule: "karras"}
	want, err := p.TextToImage(t.Context(), prompt, o)
	require.NoError(t, err)
	config, err := p.Scheduler.As("EulerDiscreteScheduler")
	require.NoError(t, err)
	s, err := config.ScheduleNamed("karras", 6)
	require.NoError(t, err)
	o = &Options{Width: 64, Height: 64, Sampler: sampler.Euler{}, Sigmas: s.Sigmas}
	got, err := p.TextToImage(t.Context(), prompt, o)
	require.NoError(t, err)
	assert.Equal(t, len(s.Timesteps), got.Timings.Calls)
	golden.Close(t, want.Latents.Float32s(), got.Latents.Float32s(), 1e-2, "timesteps are interpolated, not listed")
	for _, bad := range [][]float64{{1}, {1, 2, 0}, {math.NaN(), 0}, {1, -1}} {
		o.Sigmas = bad
		_, err = p.TextToImage(t.Context(), prompt, o)
		assert.Error(t, err)
	}
}

// A sampler of the caller's own runs on the levels that end at zero.
func TestOwnSampler(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	own := samplerFunc(func(ctx context.Context, denoise sampler.Denoiser, x []float32, sigmas []float64, noise sampler.Noise) error {
		return sampler.Euler{}.Sample(ctx, denoise, x, sigmas, noise)
	})
	o := quick(5)
	o.Sampler = sampler.Euler{}
	want, err := p.TextToImage(t.Context(), prompt, o)
	require.NoError(t, err)
	o.Sampler = own
	got, err := p.TextToImage(t.Context(), prompt, o)
	require.NoError(t, err)
	assert.Equal(t, want.Images, got.Images)
}

type samplerFunc func(context.Context, sampler.Denoiser, []float32, []float64, sampler.Noise) error

func (f samplerFunc) Sample(ctx context.Context, d sampler.Denoiser, x []float32, sigmas []float64, noise sampler.Noise) error {
	return f(ctx, d, x, sigmas, noise)
}

func TestTruncated(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	long := strings.Repeat("cat ", 100)
	o := quick(1)
	o.NegativePrompt = long
	r, err := p.TextToImage(t.Context(), long+"dog", o)
	require.NoError(t, err)
	assert.True(t, strings.HasSuffix(r.Truncated, "dog"), r.Truncated)
	assert.NotEmpty(t, r.TruncatedNegative)
	r, err = p.TextToImage(t.Context(), "", quick(1))
	require.NoError(t, err)
	assert.Empty(t, r.Truncated)
}

func TestKeepOutside(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	img := image.NewNRGBA(image.Rect(0, 0, 64, 64))
	mask := image.NewGray(img.Rect)
	for i := range img.Pix {
		img.Pix[i] = uint8(i * 7)
	}
	for y := 20; y < 40; y++ {
		for x := 8; x < 30; x++ {
			mask.SetGray(x, y, color.Gray{255})
		}
	}
	o := quick(1)
	o.KeepOutside = true
	r, err := p.Inpaint(t.Context(), prompt, img, mask, o)
	require.NoError(t, err)
	inside := 0
	for y := range 64 {
		for x := range 64 {
			same := img.NRGBAAt(x, y) == r.Images[0].NRGBAAt(x, y)
			if mask.GrayAt(x, y).Y == 0 {
				require.True(t, same, "pixel %d, %d", x, y)
			} else if !same {
				inside++
			}
		}
	}
	assert.Greater(t, inside, 300)
}

func TestBadInput(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	img := image.NewNRGBA(image.Rect(0, 0, 64, 64))
	white := image.NewUniform(color.White)
	latents := nn.Tensor(1, 4, 8, 8)
	latents.Float32s()[3] = float32(math.NaN())
	mask := func(w, h int, c color.Color) image.Image {
		m := image.NewGray(image.Rect(0, 0, w, h))
		for y := range h {
			for x := range w {
				m.Set(x, y, c)
			}
		}
		return m
	}
	type call = func(context.Context, *Options) (*Result, error)
	text := func(ctx context.Context, o *Options) (*Result, error) { return p.TextToImage(ctx, prompt, o) }
	imageToImage := func(img image.Image) call {
		return func(ctx context.Context, o *Options) (*Result, error) { return p.ImageToImage(ctx, prompt, img, o) }
	}
	inpaint := func(mask image.Image) call {
		return func(ctx context.Context, o *Options) (*Result, error) { return p.Inpaint(ctx, prompt, img, mask, o) }
	}
	for _, tt := range []struct {
		call call
		o    Options
		want string
	}{
		{text, Options{Steps: -1}, "diffusion: steps: have -1, want 1 to 1000"},
		{text, Options{Steps: 1001}, "diffusion: steps: have 1001, want 1 to 1000"},
		{text, Options{Guidance: math.NaN()}, "diffusion: guidance: have NaN"},
		{text, Options{Guidance: -3}, "diffusion: guidance: have -3, want 0 to 1000"},
		{text, Options{GuidanceRescale: 2}, "diffusion: guidance rescale: have 2, want 0 to 1"},
		{text, Options{Eta: 1.5}, "diffusion: eta: have 1.5, want 0 to 1"},
		{text, Options{Eta: 0.5, Sampler: sampler.Euler{}}, "diffusion: eta: have 0.5, want 0"},
		{text, Options{Images: -1}, "diffusion: images: have -1, want 1 to 1024"},
		{text, Options{ClipSkip: -1}, "diffusion: clip skip: have -1, want 0 or more"},
		{text, Options{ClipSkip: 3}, "clip skip: have 3, want 0 to 2"},
		{text, Options{Width: 100}, "diffusion: size: have 100×128 pixels, want multiples of 8"},
		{text, Options{Height: -8}, "diffusion: size: have 128×-8 pixels"},
		{text, Options{Width: 1 << 30}, "diffusion: size"},
		{text, Options{Width: 1 << 16, Height: 1 << 16}, "more than the limit of"},
		{text, Options{Width: 1 << 16, Height: 1 << 16, Tile: 64}, "more than the limit of"},
		{text, Options{Tile: 48}, "tile: have 48 pixels, want a positive multiple of 32"},
		{text, Options{Tile: -2}, "tile: have -2 pixels, want a positive multiple of 32"},
		{text, Options{Schedule: "no such"}, "no such"},
		{text, Options{Latents: nn.Tensor(2, 4, 8, 8), Width: 64, Height: 64}, "diffusion: latents: have [2 4 8 8] of float32, want contiguous [1 4 8 8]"},
		{text, Options{Latents: latents, Width: 64, Height: 64}, "initial latents: element 3 is NaN"},
		{imageToImage(nil), Options{}, "image: have no image"},
		{imageToImage(image.NewNRGBA(image.Rectangle{})), Options{}, "empty image"},
		{imageToImage(white), Options{}, "image"},
		{imageToImage(image.NewNRGBA(image.Rect(0, 0, 5, 64))), Options{}, "diffusion: image: have 5×64 pixels, want at least 8×8"},
		{imageToImage(img), Options{Strength: 1.01}, "diffusion: strength: have 1.01, want above 0, to 1"},
		{imageToImage(img), Options{Strength: -0.5}, "diffusion: strength: have -0.5"},
		{imageToImage(img), Options{Strength: 0.01, Sampler: sampler.Euler{}}, "strength: have 0.01 of 50 steps with 50 levels, which leaves no step"},
		{inpaint(mask(64, 64, color.White)), Options{Strength: 0.01}, "strength: have 0.01 of 50 steps, which leaves no step"},
		{text, Options{Sampler: (*sampler.Euler)(nil)}, "sampler: have a nil *sampler.Euler"},
		{text, Options{Steps: 1000}, "; 999 steps would do"},
		{text, Options{Steps: 1000, Sampler: sampler.Euler{}, Schedule: "karras_full", DiscardPenultimate: true}, "steps: have 1000, want at most 999 with DiscardPenultimate"},
		{inpaint(mask(64, 64, color.Black)), Options{}, ErrEmptyMask.Error()},
		{imageToImage(image.NewNRGBA(image.Rect(0, 0, 7, 7))), Options{}, "diffusion: image: have 7×7 pixels, want at least 8×8"},
		{imageToImage(image.NewNRGBA(image.Rect(0, 0, 7, 7))), Options{Width: 64}, "diffusion: image: have 7×7 pixels, want at least 8×8"},
		{inpaint(nil), Options{}, "mask: have no image"},
		{inpaint(mask(64, 64, color.White)), Options{Mask: 7}, "mask mode: have 7"},
		{inpaint(mask(64, 64, color.White)), Options{MaskCells: 7}, "mask cells: have 7"},
	} {
		_, err := tt.call(t.Context(), &tt.o)
		assert.ErrorContains(t, err, tt.want)
	}
}

// Memory is asked for before anything is allocated.
func TestMemoryLimit(t *testing.T) {
	p, err := LoadFS(golden.Model(t, "tiny-sd15"), &LoadOptions{MaxMemory: 16 << 20})
	require.NoError(t, err)
	defer p.Close()
	_, err = p.TextToImage(t.Context(), prompt, quick(1))
	require.NoError(t, err)
	_, err = p.TextToImage(t.Context(), prompt, &Options{Width: 1024, Height: 1024})
	var memory *engine.MemoryError
	require.ErrorAs(t, err, &memory)
	_, err = LoadFS(golden.Model(t, "tiny-sd15"), &LoadOptions{MaxMemory: 1000})
	assert.ErrorContains(t, err, "more than the limit of 1000 bytes")
}

// By tiles the VAE needs less memory, of its own accord where the limit asks for
// it. A picture of one tile is that of the whole.
func TestTile(t *testing.T) {
	skipInShort(t)
	p := load(t, "tiny-sd15-4blk", nil)
	picture := func(p *Pipeline, tile, side int) (*image.NRGBA, error) {
		r, err := p.TextToImage(t.Context(), prompt, &Options{Width: side, Height: side, Steps: 1, Tile: tile})
		if err != nil {
			return nil, err
		}
		return r.Images[0], nil
	}
	must := func(p *Pipeline, tile, side int) *image.NRGBA {
		img, err := picture(p, tile, side)
		require.NoError(t, err)
		return img
	}
	whole := must(p, 0, 192)
	assert.Equal(t, whole, must(p, WholePicture, 192))
	assert.Equal(t, whole, must(p, 192, 192))
	tiles := must(p, 128, 192)
	assert.NotEqual(t, whole, tiles)

	limited, err := LoadFS(golden.Model(t, "tiny-sd15-4blk"), &LoadOptions{Precision: Float32, MaxMemory: 18 << 20})
	require.NoError(t, err)
	defer limited.Close()
	limited.VAE.Config.SampleSize = 128.0
	assert.Equal(t, must(p, 0, 64), must(limited, 0, 64))
	assert.Equal(t, tiles, must(limited, 0, 192))
	_, err = picture(limited, WholePicture, 192)
	assert.ErrorContains(t, err, "decoding to 192×192 pixels needs")

	r, err := limited.ImageToImage(t.Context(), prompt, tiles, &Options{Steps: 2})
	require.NoError(t, err)
	assert.Equal(t, tiles.Bounds(), r.Images[0].Bounds())
}

// with returns a model's files with one replaced, or removed if data is nil.
func with(t *testing.T, model, name string, data []byte) fstest.MapFS {
	out := fstest.MapFS{}
	require.NoError(t, fs.WalkDir(golden.Model(t, model), ".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && path != name {
			var b []byte
			b, err = fs.ReadFile(golden.Model(t, model), path)
			out[path] = &fstest.MapFile{Data: b}
		}
		return err
	}))
	if data != nil {
		out[name] = &fstest.MapFile{Data: data}
	}
	return out
}

// Old scheduler configs say steps_offset 0 and clip_sample true, or leave them out,
// which is the same; diffusers' pipelines take neither at its word.
func TestOldSchedulerConfig(t *testing.T) {
	unlisted := func(model fstest.MapFS) fstest.MapFS { // the config's own class counts
		model["model_index.json"] = setKeys(t, model, "model_index.json", map[string]string{"scheduler": "null"})
		return model
	}
	const file, old = "scheduler/scheduler_config.json", `{"_class_name": "DDIMScheduler", "beta_start": 0.00085,
		"beta_end": 0.012, "beta_schedule": "scaled_linear", "set_alpha_to_one": false}`
	p, err := LoadFS(unlisted(with(t, "tiny-sd15", file, []byte(old))), nil)
	require.NoError(t, err)
	defer p.Close()
	assert.Equal(t, 1, p.Scheduler.StepsOffset)
	assert.False(t, p.Scheduler.ClipSample)

	given, err := scheduler.ParseConfig([]byte(old))
	require.NoError(t, err)
	parts, err := New(p.Tokenizer, p.TextEncoder, p.UNet, p.VAE, given)
	require.NoError(t, err)
	assert.Equal(t, 1, parts.Scheduler.StepsOffset)
	assert.Equal(t, 0, given.StepsOffset, "the caller's own stays as it is")
	assert.True(t, given.ClipSample)

	o := &Options{Width: 64, Height: 64, Steps: 4, Seed: 1}
	want, err := p.TextToImage(t.Context(), prompt, o)
	require.NoError(t, err)
	p.Scheduler = given // set later: taken as it is
	got, err := p.TextToImage(t.Context(), prompt, o)
	require.NoError(t, err)
	assert.NotEqual(t, want.Latents.Float32s(), got.Latents.Float32s())

	// a DDIM that another class's config is made into does not clip either
	p.Scheduler, err = scheduler.ParseConfig([]byte(strings.Replace(old, "DDIM", "PNDM", 1)))
	require.NoError(t, err)
	o.Sampler = sampler.DDIM{}
	got, err = p.TextToImage(t.Context(), prompt, o)
	require.NoError(t, err)
	assert.Equal(t, want.Latents.Float32s(), got.Latents.Float32s())

	inpaint, err := LoadFS(unlisted(with(t, "tiny-inpaint", file, []byte(old))), nil)
	require.NoError(t, err)
	defer inpaint.Close()
	assert.Equal(t, 1, inpaint.Scheduler.StepsOffset)
	assert.True(t, inpaint.Scheduler.ClipSample)
}

// Inpainting leaves out PNDM's Runge-Kutta steps even if the config does not.
func TestInpaintSkipsRungeKutta(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	img, mask := image.NewNRGBA(image.Rect(0, 0, 64, 64)), image.NewGray(image.Rect(0, 0, 64, 64))
	mask.SetGray(20, 20, color.Gray{255})
	o := &Options{Steps: 4, Seed: 1}
	want, err := p.Inpaint(t.Context(), prompt, img, mask, o)
	require.NoError(t, err)
	config := *p.Scheduler
	config.SkipPRKSteps = false
	p.Scheduler = &config
	got, err := p.Inpaint(t.Context(), prompt, img, mask, o)
	require.NoError(t, err)
	assert.Equal(t, want.Latents.Float32s(), got.Latents.Float32s())
}

func TestDefaultSize(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	for _, tt := range []struct {
		sampleSize    any
		width, height int
	}{
		{nil, 512, 512},
		{16.0, 128, 128},
		{[]any{6.0, 9.0}, 72, 48}, // height first
		{"large", 512, 512},
	} {
		p.UNet.Config.SampleSize = tt.sampleSize
		width, height := p.defaultSize()
		assert.Equal(t, [2]int{tt.width, tt.height}, [2]int{width, height}, "%v", tt.sampleSize)
	}
}

// pointer is what Git leaves of a large file where Git LFS is not installed.
const pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:19da7aaa4b880e59d56843f1fcb4dd9b599c28a1d9d9af7c1143057c8ffae9f1\nsize 3438167540\n"

func TestBadModels(t *testing.T) {
	for _, tt := range []struct{ file, data, want string }{
		{"model_index.json", "", "model_index.json"},
		{"model_index.json", "{", "model_index.json"},
		{"model_index.json", `{"_class_name": "StableDiffusionXLPipeline"}`, `have a "StableDiffusionXLPipeline", want a StableDiffusionPipeline or another with its parts: this is Stable Diffusion XL`},
		{"scheduler/scheduler_config.json", "", "scheduler_config.json"},
		{"model_index.json", `{"scheduler": ["diffusers", "NoSuchScheduler"]}`, "as the NoSuchScheduler that model_index.json names: "},
		{"scheduler/scheduler_config.json", `{"_class_name": "DDIMScheduler", "beta_schedule": "no such"}`, "beta_schedule"},
		{"tokenizer/vocab.json", "", "vocab.json"},
		{"tokenizer/merges.txt", "", "merges.txt"},
		{"unet/config.json", "", "unet/config.json"},
		{"unet/diffusion_pytorch_model.safetensors", "x", "diffusion_pytorch_model.safetensors"},
		{"vae/config.json", `{"latent_channels": 8}`, "vae"},
		{"text_encoder/model.safetensors", "", "model.safetensors"},
		{"model_index.json", pointer, "model_index.json: this is a Git LFS pointer"},
		{"tokenizer/vocab.json", pointer, "tokenizer/vocab.json: this is a Git LFS pointer"},
		{"tokenizer/merges.txt", pointer, "tokenizer/merges.txt: this is a Git LFS pointer"},
		{"vae/config.json", pointer, "vae/config.json: this is a Git LFS pointer"},
		{"vae/config.json", "<!DOCTYPE html>", "vae/config.json: this is a web page, not the file itself"},
		{"vae/diffusion_pytorch_model.safetensors", "PK\x03\x04\x00\x00\x08\x08", "offset 0: this is a zip archive, such as a .ckpt"},
		{"vae/diffusion_pytorch_model.safetensors", "Entry not found", `offset 0: this is a text that begins with "Entry not found"`},
		{"vae/diffusion_pytorch_model.safetensors", pointer, "vae/diffusion_pytorch_model.safetensors: offset 0: this is a Git LFS pointer"},
	} {
		var data []byte
		if tt.data != "" {
			data = []byte(tt.data)
		}
		_, err := LoadFS(with(t, "tiny-sd15", tt.file, data), nil)
		assert.ErrorContains(t, err, tt.want)
		assert.ErrorContains(t, err, "diffusion: load: ")
	}
	_, err := Load(filepath.Join(t.TempDir(), "none"), nil)
	assert.ErrorIs(t, err, os.ErrNotExist)
	file := filepath.Join(t.TempDir(), "model.safetensors")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err = Load(file, nil)
	assert.ErrorContains(t, err, "have a file, want a folder")
}

// Weights that overflow are reported by step and module.
func TestNotFinite(t *testing.T) {
	fsys := golden.Model(t, "tiny-sd15")
	for _, tt := range []struct{ file, key, want string }{
		{"unet/diffusion_pytorch_model.safetensors", "conv_out.weight", "sampler: step 0 (sigma "},
		{"unet/diffusion_pytorch_model.safetensors", "conv_out.weight", "unet: element "},
		{"vae/diffusion_pytorch_model.safetensors", "decoder.conv_out.weight", "diffusion: vae decoder: element "},
		{"text_encoder/model.safetensors", "text_model.final_layer_norm.weight", "diffusion: text encoder: element "},
	} {
		file, err := safetensors.OpenFS(fsys, tt.file)
		require.NoError(t, err)
		defer file.Close()
		var tensors []safetensors.Tensor
		for _, name := range file.Names() {
			x, _ := file.Tensor(name)
			if name == tt.key {
				data := make([]float32, x.Len())
				for i := range data {
					data[i] = 3e38
				}
				x, err = safetensors.NewFloat32(name, x.Shape, data)
				require.NoError(t, err)
			}
			tensors = append(tensors, x)
		}
		var buf bytes.Buffer
		require.NoError(t, safetensors.Write(&buf, tensors, nil))
		p, err := LoadFS(with(t, "tiny-sd15", tt.file, buf.Bytes()), nil)
		require.NoError(t, err)
		_, err = p.TextToImage(t.Context(), prompt, quick(1))
		assert.ErrorContains(t, err, tt.want)
		p.Close()
	}
}

// A model from real files, mapped into memory, gives the bytes of one from an
// fs.FS.
func TestLoadPath(t *testing.T) {
	p, err := Load(golden.ModelDir(t, "tiny-sd15"), nil)
	require.NoError(t, err)
	want, err := load(t, "tiny-sd15", nil).TextToImage(t.Context(), prompt, quick(1))
	require.NoError(t, err)
	got, err := p.TextToImage(t.Context(), prompt, quick(1))
	require.NoError(t, err)
	assert.Equal(t, want.Images, got.Images)
	require.NoError(t, p.Close())
	_, err = p.TextToImage(t.Context(), prompt, quick(1))
	assert.ErrorIs(t, err, nn.ErrClosed)
	assert.NoError(t, p.Close())
}

// Parts loaded alone make a pipeline, and a graph of the caller's runs on the
// planned machine.
func TestParts(t *testing.T) {
	whole := load(t, "tiny-sd15", nil)
	p, err := New(whole.Tokenizer, whole.TextEncoder, whole.UNet, whole.VAE, whole.Scheduler)
	require.NoError(t, err)
	want, err := whole.TextToImage(t.Context(), prompt, quick(1))
	require.NoError(t, err)
	got, err := p.TextToImage(t.Context(), prompt, quick(1))
	require.NoError(t, err)
	assert.Equal(t, want.Images, got.Images)
	_, err = New(nil, whole.TextEncoder, whole.UNet, whole.VAE, whole.Scheduler)
	assert.ErrorContains(t, err, "nil")

	g := G.NewGraph()
	in := unet.Nodes{
		Latents:   G.NewTensor(g, G.Float32, 4, G.WithShape(1, 4, 8, 8), G.WithName("latents")),
		Timesteps: G.NewVector(g, G.Float32, G.WithShape(1), G.WithName("timesteps")),
		Cond:      G.NewTensor(g, G.Float32, 3, G.WithShape(1, 77, 32), G.WithName("cond")),
	}
	out, err := p.UNet.Build(g, in)
	require.NoError(t, err)
	vm, err := NewMachine([]*G.Node{in.Latents, in.Timesteps, in.Cond}, []*G.Node{out})
	require.NoError(t, err)
	defer vm.Close()
	x, cond := nn.Tensor(1, 4, 8, 8), nn.Tensor(1, 77, 32)
	x.Float32s()[5] = 1
	require.NoError(t, G.Let(in.Latents, x))
	require.NoError(t, G.Let(in.Timesteps, engine.Tensor([]float32{500}, 1)))
	require.NoError(t, G.Let(in.Cond, cond))
	require.NoError(t, vm.RunAll())
	direct, err := p.UNet.Predict(t.Context(), unet.Input{Latents: x, Timesteps: []float64{500}, Cond: cond})
	require.NoError(t, err)
	assert.Equal(t, direct.Float32s(), out.Value().Data())
}
