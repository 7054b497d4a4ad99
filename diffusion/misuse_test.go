package diffusion

import (
	"context"
	"errors"
	"math"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/sampler"
)

// tasks makes a picture by each task.
func tasks(t *testing.T, p *Pipeline) map[string]func(ctx context.Context, o *Options) error {
	img, mask := picture(t, "input.png"), picture(t, "mask.png")
	return map[string]func(ctx context.Context, o *Options) error{
		"text-to-image":  func(ctx context.Context, o *Options) error { _, err := p.TextToImage(ctx, prompt, o); return err },
		"image-to-image": func(ctx context.Context, o *Options) error { _, err := p.ImageToImage(ctx, prompt, img, o); return err },
		"inpainting": func(ctx context.Context, o *Options) error {
			_, err := p.Inpaint(ctx, prompt, img, mask, o)
			return err
		},
	}
}

// both runs a test without and with reuse, whose features lie outside of Go's heap.
func both(t *testing.T, test func(t *testing.T, p *Pipeline, o *Options)) {
	p := load(t, "tiny-sd15", nil)
	for name, reuse := range map[string]int{"plain": 0, "reuse": 2} {
		t.Run(name, func(t *testing.T) {
			o := quick(1)
			o.Reuse.Interval = reuse
			test(t, p, o)
		})
	}
}

// What callers' functions return is checked.
func TestCallbacksReturn(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	denoiser := func(d sampler.Denoiser) func(o *Options) {
		return func(o *Options) { o.Wrap = func(sampler.Denoiser) sampler.Denoiser { return d } }
	}
	drawing := func(v float32) func(o *Options) {
		return func(o *Options) {
			o.NewNoise = func(uint64) sampler.Noise {
				return func(dst []float32) {
					for i := range dst {
						dst[i] = v
					}
				}
			}
		}
	}
	noise := func(draw func(x []float32, n sampler.Noise)) func(o *Options) {
		return func(o *Options) {
			o.Sampler = samplerFunc(func(_ context.Context, _ sampler.Denoiser, x []float32, _ []float64, n sampler.Noise) error {
				draw(x, n)
				return nil
			})
		}
	}
	for name, tt := range map[string]struct {
		set  func(o *Options)
		want string
	}{
		"nil Denoiser":        {denoiser(nil), "diffusion: wrap: have a nil Denoiser"},
		"Denoiser of nothing": {denoiser(func(context.Context, []float32, float64) (sampler.Estimate, error) { return sampler.Estimate{}, nil }), "returned 0 values, want 256"},
		"Denoiser of NaN": {denoiser(func(_ context.Context, x []float32, _ float64) (sampler.Estimate, error) {
			y := append([]float32(nil), x...)
			y[7] = float32(math.NaN())
			return sampler.Estimate{Denoised: y}, nil
		}), "NaN"},
		"nil noise":              {func(o *Options) { o.NewNoise = func(uint64) sampler.Noise { return nil } }, "diffusion: NewNoise: have no noise for seed 1"},
		"noise of NaN":           {drawing(float32(math.NaN())), "NaN"},
		"noise of Inf":           {drawing(float32(math.Inf(1))), "Inf"},
		"nil pointer to sampler": {func(o *Options) { o.Sampler = (*sampler.Euler)(nil) }, "diffusion: sampler: have a nil *sampler.Euler"},
		"noise for a part":       {noise(func(x []float32, n sampler.Noise) { n(x[:10]) }), "asked for 10 numbers, want the run's 256"},
		"noise for more":         {noise(func(x []float32, n sampler.Noise) { n(append(x, 0)) }), "asked for 257 numbers"},
		"noise for nil":          {noise(func(x []float32, n sampler.Noise) { n(nil) }), "asked for 0 numbers"},
	} {
		for task, run := range tasks(t, p) {
			o := quick(1)
			tt.set(o)
			assert.ErrorContains(t, run(t.Context(), o), tt.want, "%s, %s", task, name)
		}
	}

	o, begun := quick(1), 0
	o.NewNoise = func(seed uint64) sampler.Noise { // which begins once
		if begun++; begun > 1 {
			return nil
		}
		return sampler.NewTorch(seed).Normal
	}
	_, err := p.TextToImage(t.Context(), prompt, o)
	assert.ErrorContains(t, err, "have no Noise")
}

// The methods of a Step are for the time of OnStep, on any goroutine.
func TestKeptStep(t *testing.T) {
	for name, f := range map[string]func(s Step) error{
		"save":    func(s Step) error { _, err := s.Save(); return err },
		"preview": func(s Step) error { _, err := s.Preview(); return err },
	} {
		t.Run(name, func(t *testing.T) {
			assert.ErrorContains(t, f(Step{}), "diffusion: step: have one that is over")
			both(t, func(t *testing.T, p *Pipeline, o *Options) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				var kept []Step
				var wg sync.WaitGroup
				o.OnStep = func(s Step) error {
					for _, s := range kept {
						assert.ErrorContains(t, f(s), "over")
					}
					kept = append(kept, s)
					beside := make(chan error)
					go func() { beside <- f(s) }()
					assert.NoError(t, <-beside)
					wg.Go(func() { f(s) }) // in time or not
					if s.Step == 2 {
						cancel()
					}
					return nil
				}
				_, err := p.TextToImage(ctx, prompt, o)
				require.ErrorIs(t, err, context.Canceled)
				require.Len(t, kept, 2)
				wg.Wait()
				for _, s := range kept {
					assert.ErrorContains(t, f(s), "over")
					assert.Len(t, s.Latents.Float32s(), 256) // the caller's own
				}
			})
		})
	}
}

// A sampler that makes no call has a step, of which there is no preview.
func TestSamplerWithoutCalls(t *testing.T) {
	both(t, func(t *testing.T, p *Pipeline, o *Options) {
		o.Sampler = samplerFunc(func(context.Context, sampler.Denoiser, []float32, []float64, sampler.Noise) error { return nil })
		o.OnStep = func(s Step) error {
			assert.Nil(t, s.Denoised)
			_, err := s.Save()
			require.NoError(t, err)
			_, err = s.Preview()
			return err
		}
		for name, task := range tasks(t, p) {
			assert.ErrorContains(t, task(t.Context(), o), "diffusion: preview: have no estimate", name)
		}
	})
}

// A panic in a function of the caller's reaches the caller, and leaves nothing behind.
func TestPanics(t *testing.T) {
	mine := errors.New("mine")
	both(t, func(t *testing.T, p *Pipeline, o *Options) {
		p.engine.Close()
		memory, goroutines := p.engine.Memory.InUse(), runtime.NumGoroutine()
		for name, set := range map[string]func(o *Options){
			"OnStep":   func(o *Options) { o.OnStep = func(Step) error { panic(mine) } },
			"Needs":    func(o *Options) { o.Guider = panicking{needs: mine} },
			"Guide":    func(o *Options) { o.Guider = panicking{guide: mine} },
			"Wrap":     func(o *Options) { o.Wrap = func(sampler.Denoiser) sampler.Denoiser { panic(mine) } },
			"NewNoise": func(o *Options) { o.NewNoise = func(uint64) sampler.Noise { panic(mine) } },
			"noise":    func(o *Options) { o.NewNoise = func(uint64) sampler.Noise { return func([]float32) { panic(mine) } } },
			"Denoiser": func(o *Options) {
				o.Wrap = func(d sampler.Denoiser) sampler.Denoiser {
					calls := 0
					return func(ctx context.Context, x []float32, sigma float64) (sampler.Estimate, error) {
						if calls++; calls == 2 {
							panic(mine)
						}
						return d(ctx, x, sigma)
					}
				}
			},
			"sampler": func(o *Options) {
				o.Sampler = samplerFunc(func(ctx context.Context, d sampler.Denoiser, x []float32, sigmas []float64, _ sampler.Noise) error {
					d(ctx, x, sigmas[0])
					panic(mine)
				})
			},
		} {
			for task, run := range tasks(t, p) {
				o := *o
				set(&o)
				assert.PanicsWithError(t, "mine", func() { run(t.Context(), &o) }, "%s, %s", task, name)
			}
		}
		_, err := p.TextToImage(t.Context(), prompt, o)
		require.NoError(t, err)
		p.engine.Close()
		assert.Equal(t, memory, p.engine.Memory.InUse())
		for i := 0; i < 1000 && runtime.NumGoroutine() > goroutines; i++ { // one may be just ending
			time.Sleep(time.Millisecond)
		}
		assert.LessOrEqual(t, runtime.NumGoroutine(), goroutines)
	})
}
