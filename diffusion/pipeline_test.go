package diffusion

import (
	"context"
	"errors"
	"image"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"

	"sdgo/internal/engine"
	"sdgo/internal/nn"
	"sdgo/sampler"
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
	plain, err := p.TextToImage(t.Context(), prompt, o)
	require.NoError(t, err)
	var estimates [][]float32
	o.Wrap = func(next sampler.Denoiser) sampler.Denoiser {
		return func(ctx context.Context, x []float32, sigma float64) (sampler.Estimate, error) {
			est, err := next(ctx, x, sigma)
			estimates = append(estimates, slices.Clone(est.Denoised))
			return est, err
		}
	}
	var steps []int
	var sigmas []float64
	o.OnStep = func(s Step) error {
		steps, sigmas = append(steps, s.Step), append(sigmas, s.Sigma)
		assert.Equal(t, 3, s.Steps)
		assert.Equal(t, []int{2, 4, 8, 8}, []int(s.Latents.Shape()))
		assert.Equal(t, []int{2, 4, 8, 8}, []int(s.Denoised.Shape()))
		assert.Equal(t, estimates[len(estimates)-1], s.Denoised.Float32s())
		want, err := latentRGB.image(s.Denoised.Float32s()[256:], 8, 8, 1)
		require.NoError(t, err)
		clear(s.Denoised.Float32s()) // the caller's own
		previews, err := s.Preview()
		require.NoError(t, err)
		require.Len(t, previews, 2)
		assert.Equal(t, want, previews[1])
		return nil
	}
	r, err := p.TextToImage(t.Context(), prompt, o)
	require.NoError(t, err)
	assert.Equal(t, []int{1, 2, 3}, steps)
	assert.Zero(t, sigmas[2])
	assert.Equal(t, 3, r.Timings.Calls)
	assert.Positive(t, r.Timings.Total)
	assert.Equal(t, plain.Images, r.Images)

	stop := errors.New("enough")
	o.OnStep = func(Step) error { return stop }
	_, err = p.TextToImage(t.Context(), prompt, o)
	assert.ErrorIs(t, err, stop)
}

// skipInShort leaves out what takes minutes in plain Go.
func skipInShort(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("-short")
	}
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
		Cond:      unet.Text(G.NewTensor(g, G.Float32, 3, G.WithShape(1, 77, 32), G.WithName("cond"))),
	}
	out, err := p.UNet.Build(g, in)
	require.NoError(t, err)
	vm, err := NewMachine([]*G.Node{in.Latents, in.Timesteps, in.Cond.Tokens}, []*G.Node{out})
	require.NoError(t, err)
	defer vm.Close()
	x, cond := nn.Tensor(1, 4, 8, 8), nn.Tensor(1, 77, 32)
	x.Float32s()[5] = 1
	require.NoError(t, G.Let(in.Latents, x))
	require.NoError(t, G.Let(in.Timesteps, engine.Tensor([]float32{500}, 1)))
	require.NoError(t, G.Let(in.Cond.Tokens, cond))
	require.NoError(t, vm.RunAll())
	direct, err := p.UNet.Predict(t.Context(), unet.Input{Latents: x, Timesteps: []float64{500}, Cond: unet.Text(cond)})
	require.NoError(t, err)
	assert.Equal(t, direct.Float32s(), out.Value().Data())
}
