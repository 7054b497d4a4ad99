package sampler_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/sampler"
)

// halves runs the sampler inside on the first levels and then on the rest.
type halves struct{ sampler.Sampler }

func (h halves) Sample(ctx context.Context, denoise sampler.Denoiser, x []float32, sigmas []float64, noise sampler.Noise) error {
	if err := h.Sampler.Sample(ctx, denoise, x, sigmas[:3], noise); err != nil {
		return err
	}
	return h.Sampler.Sample(ctx, denoise, x, sigmas[2:], noise)
}

// sampled returns where a sampler ends.
func sampled(t *testing.T, s sampler.Sampler) []float32 {
	x := []float32{6, -14}
	require.NoError(t, s.Sample(t.Context(), gaussian, x, []float64{10, 5, 2, 1, 0.5}, nil))
	return x
}

// What a config says of the levels holds for these levels; its bounds hold for any.
func TestFittedToItsLevels(t *testing.T) {
	solver := sampler.Solver{Class: "DDIMScheduler", To: []float64{4, 2.5, 1.2, 0.4}, BatchSize: 1}
	plain := sampled(t, sampler.DDIM{})
	own := sampled(t, sampler.DDIM{To: solver.To})
	assert.NotEqual(t, plain, own)
	assert.Equal(t, own, sampled(t, sampler.Fitted(sampler.DDIM{}, solver)))
	assert.Equal(t, own, sampled(t, sampler.Fitted(&sampler.DDIM{}, solver)))
	assert.Equal(t, own, sampled(t, sampler.Fitted(embeds{sampler.DDIM{}}, solver)))
	assert.Equal(t, plain, sampled(t, sampler.Fitted(halves{sampler.DDIM{}}, solver)), "other levels")
	assert.Equal(t, plain, sampled(t, embeds{sampler.DDIM{}}), "without a solver")

	limit := sampler.Limit{Clip: 0.05, Batch: 1}
	solver.Clip = limit.Clip
	bounded := sampled(t, sampler.DDIM{Limit: limit})
	assert.NotEqual(t, plain, bounded)
	for _, s := range []sampler.Sampler{halves{sampler.DDIM{}}, halves{&sampler.DDIM{}}} {
		assert.Equal(t, bounded, sampled(t, sampler.Fitted(s, solver)))
		assert.Equal(t, bounded, sampled(t, sampler.Bounded(s, solver)))
	}
	assert.Equal(t, sampled(t, sampler.Bounded(sampler.Heun{}, solver)), sampled(t, sampler.Fitted(embeds{&sampler.Heun{}}, solver)))
}

// Options of the sampler's own stand against the config's.
func TestFittedKeepsOptions(t *testing.T) {
	for _, tt := range []struct {
		sampler, want sampler.Sampler
		solver        sampler.Solver
	}{
		{nil, nil, sampler.Solver{Class: "LMSDiscreteScheduler"}},
		{sampler.LMS{}, sampler.LMS{Order: 3}, sampler.Solver{Class: "LMSDiscreteScheduler", Order: 3}},
		{sampler.LMS{Order: 2}, sampler.LMS{Order: 2}, sampler.Solver{Class: "LMSDiscreteScheduler", Order: 3}},
		{sampler.LMS{}, sampler.LMS{}, sampler.Solver{Class: "HeunDiscreteScheduler", Order: 3}},
		{&sampler.UniPC{LowerOrderFinal: true}, sampler.UniPC{Order: 3, BH1: true}, sampler.Solver{Class: "UniPCMultistepScheduler", Order: 3, Type: "bh1"}},
		{sampler.UniPC{Order: 2}, sampler.UniPC{Order: 2}, sampler.Solver{Class: "UniPCMultistepScheduler", Order: 3}},
		{sampler.DDIM{Eta: 0.2, ClippedEps: true}, sampler.DDIM{Eta: 0.2, ClippedEps: true, Limit: sampler.Limit{Clip: 1}}, sampler.Solver{Class: "DDIMScheduler", Clip: 1}},
		{sampler.DDIM{Eta: 0.2}, sampler.DDIM{Eta: 0.7}, sampler.Solver{Class: "DDIMScheduler", Eta: 0.7}},
		{sampler.Restart{}, sampler.Restart{}, sampler.Solver{Class: "EulerDiscreteScheduler", Churn: 3}},
	} {
		assert.Equal(t, tt.want, sampler.Fitted(tt.sampler, tt.solver))
	}
}

// Every class's sampler is one that its solver completes.
func TestEveryClassFits(t *testing.T) {
	for _, info := range append(sampler.Names(), sampler.Inverses()...) {
		plain, err := sampler.ByName(info.Class)
		require.NoError(t, err)
		solver := sampler.Solver{Class: info.Class, Order: 1, CorrectorOrder: 1, Steps: 2, Eta: 0.5, Type: "bh1", Algorithm: "sde-", SNoise: 0.5, Variance: "fixed_large",
			Timesteps: []float64{9, 5}, From: []float64{2, 1}, To: []float64{1, 0}, TimestepScaling: 3}
		own, err := sampler.FromSolver(solver)
		require.NoError(t, err)
		assert.Equal(t, own, sampler.Fitted(plain, solver), info.Class)
	}
}
