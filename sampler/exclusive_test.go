package sampler_test

import (
	"context"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/sampler"
)

// identity returns x as the estimate.
func identity(_ context.Context, x []float32, _ float64) (sampler.Estimate, error) {
	return sampler.Estimate{Denoised: x}, nil
}

func TestExclusive(t *testing.T) {
	x := make([]float32, 3)
	d, end := sampler.Exclusive(identity, len(x))
	got, err := d(t.Context(), x, 0)
	require.NoError(t, err)
	assert.Equal(t, x, got.Denoised)
	for _, tt := range []struct {
		ctx   context.Context
		x     []float32
		sigma float64
		want  string
	}{
		{t.Context(), x[:2], 1, "have x of 2 numbers, want the run's 3"},
		{t.Context(), nil, 1, "have x of 0 numbers"},
		{nil, x, 1, "have a nil context"},
		{t.Context(), x, -1, "have sigma -1"},
		{t.Context(), x, math.NaN(), "have sigma NaN"},
		{t.Context(), x, math.Inf(1), "have sigma +Inf"},
	} {
		_, err := d(tt.ctx, tt.x, tt.sigma)
		assert.ErrorContains(t, err, tt.want)
	}
	end()
	end()
	_, err = d(t.Context(), x, 1)
	assert.ErrorContains(t, err, "the run has ended")

	var again sampler.Denoiser
	again, _ = sampler.Exclusive(func(ctx context.Context, x []float32, sigma float64) (sampler.Estimate, error) {
		return again(ctx, x, sigma)
	}, len(x))
	_, err = again(t.Context(), x, 1)
	assert.ErrorContains(t, err, "called while another call runs")

	none, _ := sampler.Exclusive(nil, len(x))
	_, err = none(t.Context(), x, 1)
	assert.ErrorContains(t, err, "have no Denoiser")
}

// The end of a Denoiser cancels the call in flight and waits for it.
func TestExclusiveEnd(t *testing.T) {
	inside, returned := make(chan struct{}), make(chan error, 1)
	last := false
	d, end := sampler.Exclusive(func(ctx context.Context, x []float32, _ float64) (sampler.Estimate, error) {
		close(inside)
		<-ctx.Done()
		last = true
		return sampler.Estimate{Denoised: x}, nil
	}, 1)
	go func() {
		_, err := d(context.Background(), make([]float32, 1), 1)
		returned <- err
	}()
	<-inside
	end()
	assert.True(t, last)
	assert.ErrorContains(t, <-returned, "the run has ended")
}

// A run ends the Denoiser and the noise that it gave to a sampler, also if that
// panics, and hands neither to a sampler that is a nil pointer.
func TestRunEnds(t *testing.T) {
	var d sampler.Denoiser
	var n sampler.Noise
	s := keeping{&d, &n}
	run := &sampler.Run{
		Sampler: s, Denoise: identity, X: make([]float32, 2), Sigmas: []float64{1, 0},
		Noise: func() sampler.Noise { return sampler.NewTorch(1).Normal },
	}
	assert.PanicsWithValue(t, "mine", func() { finish(t, run) })
	_, err := d(t.Context(), make([]float32, 2), 1)
	assert.ErrorContains(t, err, "the run has ended")
	dst := []float32{5, 6}
	n(dst)
	assert.Equal(t, []float32{5, 6}, dst)

	run.Sampler = (*sampler.Euler)(nil)
	for _, err := range run.Steps(t.Context()) {
		assert.ErrorContains(t, err, "sampler: run: have sampler <nil>")
	}
	run.Sampler = sampler.Euler{}
	var none context.Context
	for _, err := range run.Steps(none) {
		assert.ErrorContains(t, err, "sampler: run: have a nil context")
	}
	assert.True(t, sampler.IsNil(nil))
	assert.False(t, sampler.IsNil(sampler.Euler{}))
	assert.False(t, sampler.NeedsUncond((*sampler.Euler)(nil)))
}

// keeping is a sampler that keeps what it is given, and panics.
type keeping struct {
	denoise *sampler.Denoiser
	noise   *sampler.Noise
}

func (k keeping) Sample(_ context.Context, d sampler.Denoiser, _ []float32, _ []float64, n sampler.Noise) error {
	*k.denoise, *k.noise = d, n
	panic("mine")
}
