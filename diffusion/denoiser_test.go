package diffusion

import (
	"context"
	"errors"
	"math"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/sampler"
)

// A Denoiser ends with its run, whoever kept it and however the run ended.
func TestKeptDenoiser(t *testing.T) {
	both(t, func(t *testing.T, p *Pipeline, o *Options) {
		for name, task := range tasks(t, p) {
			var wrapped, sampled sampler.Denoiser
			o.Wrap = func(d sampler.Denoiser) sampler.Denoiser { wrapped = d; return d }
			o.Sampler = samplerFunc(func(ctx context.Context, d sampler.Denoiser, x []float32, sigmas []float64, n sampler.Noise) error {
				sampled = d
				return sampler.Euler{}.Sample(ctx, d, x, sigmas, n)
			})
			require.NoError(t, task(t.Context(), o), name)
			for _, d := range []sampler.Denoiser{wrapped, sampled} {
				_, err := d(t.Context(), make([]float32, 256), 1)
				assert.ErrorContains(t, err, "the run has ended", name)
			}
		}
	})
}

// A goroutine that a sampler leaves behind is cut off, and waited for, before the
// memory of the run is given back.
func TestDenoiserLeftBehind(t *testing.T) {
	both(t, func(t *testing.T, p *Pipeline, o *Options) {
		inside, left := make(chan struct{}), make(chan error, 1)
		o.Wrap = func(d sampler.Denoiser) sampler.Denoiser {
			return func(ctx context.Context, x []float32, sigma float64) (sampler.Estimate, error) {
				close(inside)
				<-ctx.Done() // of the run, which nobody cancels
				return d(context.WithoutCancel(ctx), x, sigma)
			}
		}
		o.Sampler = samplerFunc(func(_ context.Context, d sampler.Denoiser, x []float32, sigmas []float64, _ sampler.Noise) error {
			go func() {
				_, err := d(context.Background(), x, sigmas[0])
				left <- err
			}()
			<-inside
			return errors.New("mine")
		})
		_, err := p.TextToImage(t.Context(), prompt, o)
		assert.ErrorContains(t, err, "mine")
		assert.ErrorContains(t, <-left, "the run has ended")
	})
}

// A Denoiser that is called while it runs gives an error, to the second caller alone.
func TestDenoiserAtOnce(t *testing.T) {
	both(t, func(t *testing.T, p *Pipeline, o *Options) {
		inside, second := make(chan struct{}, 1), make(chan struct{}, 1)
		var within, outside error
		o.Wrap = func(d sampler.Denoiser) sampler.Denoiser {
			return func(ctx context.Context, x []float32, sigma float64) (sampler.Estimate, error) {
				inside <- struct{}{}
				<-second
				return d(ctx, x, sigma)
			}
		}
		o.Sampler = samplerFunc(func(ctx context.Context, d sampler.Denoiser, x []float32, sigmas []float64, _ sampler.Noise) error {
			first := make(chan error, 1)
			go func() {
				_, err := d(ctx, x, sigmas[0])
				first <- err
			}()
			<-inside
			_, outside = d(ctx, make([]float32, len(x)), sigmas[1])
			second <- struct{}{}
			within = <-first
			return nil
		})
		_, err := p.TextToImage(t.Context(), prompt, o)
		require.NoError(t, err)
		assert.NoError(t, within)
		assert.ErrorContains(t, outside, "called while another call runs")
	})
}

// Many goroutines in one Denoiser disturb nothing but each other.
func TestDenoiserCrowd(t *testing.T) {
	both(t, func(t *testing.T, p *Pipeline, o *Options) {
		o.OnStep = func(s Step) error {
			_, err := s.Save()
			return err
		}
		o.Sampler = samplerFunc(func(ctx context.Context, d sampler.Denoiser, x []float32, sigmas []float64, n sampler.Noise) error {
			var wg sync.WaitGroup
			for i := range 8 {
				wg.Go(func() {
					y := make([]float32, len(x))
					n(y)
					for range 10 {
						d(ctx, y, sigmas[i%len(sigmas)])
					}
				})
			}
			wg.Wait()
			return nil
		})
		_, err := p.TextToImage(t.Context(), prompt, o)
		require.NoError(t, err)
	})
}

// Arguments that make no sense are errors, of the Denoiser that a sampler has and of
// that which Wrap has.
func TestDenoiserArguments(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	for name, tt := range map[string]struct {
		call func(d sampler.Denoiser, ctx context.Context, x []float32, sigma float64) (sampler.Estimate, error)
		want string
	}{
		"short x": {func(d sampler.Denoiser, ctx context.Context, x []float32, sigma float64) (sampler.Estimate, error) {
			return d(ctx, x[:10], sigma)
		}, "have x of 10 numbers, want the run's 256"},
		"long x": {func(d sampler.Denoiser, ctx context.Context, x []float32, sigma float64) (sampler.Estimate, error) {
			return d(ctx, append(x, x...), sigma)
		}, "have x of 512 numbers"},
		"nil x": {func(d sampler.Denoiser, ctx context.Context, _ []float32, sigma float64) (sampler.Estimate, error) {
			return d(ctx, nil, sigma)
		}, "have x of 0 numbers"},
		"nil context": {func(d sampler.Denoiser, _ context.Context, x []float32, sigma float64) (sampler.Estimate, error) {
			return d(nil, x, sigma)
		}, "have a nil context"},
		"sigma NaN": {func(d sampler.Denoiser, ctx context.Context, x []float32, _ float64) (sampler.Estimate, error) {
			return d(ctx, x, math.NaN())
		}, "have sigma NaN"},
		"sigma Inf": {func(d sampler.Denoiser, ctx context.Context, x []float32, _ float64) (sampler.Estimate, error) {
			return d(ctx, x, math.Inf(1))
		}, "have sigma +Inf"},
		"negative sigma": {func(d sampler.Denoiser, ctx context.Context, x []float32, _ float64) (sampler.Estimate, error) {
			return d(ctx, x, -1)
		}, "have sigma -1"},
		"x NaN": {func(d sampler.Denoiser, ctx context.Context, x []float32, sigma float64) (sampler.Estimate, error) {
			x[3] = float32(math.NaN())
			return d(ctx, x, sigma)
		}, "is NaN, want finite numbers"},
	} {
		for task, run := range tasks(t, p) {
			o := quick(1)
			o.Sampler = samplerFunc(func(ctx context.Context, d sampler.Denoiser, x []float32, sigmas []float64, _ sampler.Noise) error {
				_, err := tt.call(d, ctx, x, sigmas[0])
				return err
			})
			assert.ErrorContains(t, run(t.Context(), o), tt.want, "%s, sampler, %s", task, name)
			o = quick(1)
			o.Wrap = func(d sampler.Denoiser) sampler.Denoiser {
				return func(ctx context.Context, x []float32, sigma float64) (sampler.Estimate, error) {
					return tt.call(d, ctx, x, sigma)
				}
			}
			assert.ErrorContains(t, run(t.Context(), o), tt.want, "%s, Wrap, %s", task, name)
		}
	}
}
