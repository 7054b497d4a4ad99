package sampler_test

import (
	"context"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/sampler"
)

// all lists every sampler that has a name.
func all(t testing.TB) map[string]sampler.Sampler {
	t.Helper()
	samplers := map[string]sampler.Sampler{}
	for _, info := range sampler.Names() {
		s, err := sampler.ByName(info.Name)
		require.NoError(t, err)
		samplers[info.Name] = s
	}
	return samplers
}

// levels are a few sigmas that suit the sampler.
func levels(s sampler.Sampler) []float64 {
	switch s.(type) {
	case sampler.PLMS:
		return []float64{10, 5, 5, 2, 1, 0.3, 0}
	case sampler.PNDM:
		return []float64{10, 8, 8, 7, 7, 6, 6, 5, 5, 4, 4, 3, 3, 2, 1, 0}
	}
	return []float64{10, 5, 2, 1, 0.3, 0}
}

func silence(dst []float32) { clear(dst) }

// One sampler value serves many runs at once, each as if it were alone.
func TestConcurrentRuns(t *testing.T) {
	run := func(s sampler.Sampler, seed uint64) []float32 {
		noise := sampler.NewTorch(seed).Normal
		x := make([]float32, 64)
		noise(x)
		for i := range x {
			x[i] *= 10
		}
		require.NoError(t, s.Sample(context.Background(), gaussian, x, levels(s), noise))
		return x
	}
	var wait sync.WaitGroup
	for name, s := range all(t) {
		for seed := range uint64(8) {
			want := run(s, seed)
			wait.Go(func() { assert.Equal(t, want, run(s, seed), name) })
		}
	}
	wait.Wait()
}

// A sampler leaves the Denoiser's slices alone and does not keep them.
func TestDenoisedIsBorrowed(t *testing.T) {
	for name, s := range all(t) {
		t.Run(name, func(t *testing.T) {
			shared := sampler.Estimate{Denoised: make([]float32, 16), Uncond: make([]float32, 16)}
			var last sampler.Estimate
			borrow := func(ctx context.Context, x []float32, sigma float64) (sampler.Estimate, error) {
				if last.Denoised != nil {
					assert.Equal(t, last, shared, "the sampler wrote into the estimate")
				}
				fresh, err := gaussian(ctx, x, sigma)
				copy(shared.Denoised, fresh.Denoised)
				copy(shared.Uncond, fresh.Uncond)
				last = fresh
				return shared, err
			}
			x, y := make([]float32, 16), make([]float32, 16)
			sampler.NewTorch(5).Normal(x)
			copy(y, x)
			require.NoError(t, s.Sample(context.Background(), borrow, x, levels(s), sampler.NewTorch(6).Normal))
			require.NoError(t, s.Sample(context.Background(), gaussian, y, levels(s), sampler.NewTorch(6).Normal))
			assert.Equal(t, y, x, "the sampler kept the estimate")
		})
	}
}

// The two spellings of one method agree to rounding.
func TestSameMethod(t *testing.T) {
	pairs := map[string][2]sampler.Sampler{
		"DPM-Solver++(2M)":                     {sampler.DPMPP2M{}, sampler.DPMSolver{}},
		"DDIM and Euler":                       {sampler.DDIM{}, sampler.Euler{}},
		"DPM++ order 1 is Euler":               {sampler.DPMSolver{Order: 1}, sampler.Euler{}},
		"DPM order 1 is Euler":                 {sampler.DPMSolver{Order: 1, Epsilon: true}, sampler.Euler{}},
		"DDIM eta 1":                           {sampler.DDIM{Eta: 1}, sampler.EulerAncestral{}},
		"UniPC order 1, no corrector is Euler": {sampler.UniPC{Order: 1, DisableCorrector: []int{0, 1, 2, 3}}, sampler.Euler{}},
		"DEIS order 1 is Euler":                {sampler.DEIS{Order: 1}, sampler.Euler{}},
		"DDPM":                                 {sampler.DDPM{}, sampler.EulerAncestral{}},
		"singlestep order 1 is Euler":          {sampler.DPMSinglestep{Order: 1}, sampler.Euler{}},
		"TCD gamma 0 is Euler":                 {sampler.TCD{}, sampler.Euler{}},
		"late churn, none":                     {sampler.EulerLateChurn{}, sampler.Euler{}},
		"res_multistep":                        {sampler.ResMultistep{}, sampler.DPMSolver{Heun: true}},
		"gradient estimation, gamma 1":         {sampler.GradientEstimation{Gamma: 1}, sampler.Euler{}},
		"iPNDM order 1":                        {sampler.IPNDM{Order: 1}, sampler.Euler{}},
		"restart below 20 steps":               {sampler.Restart{}, sampler.Heun{}},
		"res_2s is SEEDS":                      {sampler.Res2S{}, sampler.SEEDS2{Eta: new(float64), Phi2: true}},
		"repaint of few steps is DDIM":         {sampler.RePaint{Eta: 0.5}, sampler.DDIM{Eta: 0.5}},
		"SDE-DPM++ order 1":                    {sampler.DPMSolver{Order: 1, SDE: true}, sampler.EulerAncestral{}},
	}
	for name, pair := range pairs {
		t.Run(name, func(t *testing.T) {
			var out [2][]float32
			for i, s := range pair {
				out[i] = make([]float32, 32)
				noise := sampler.NewTorch(9).Normal
				noise(out[i])
				require.NoError(t, s.Sample(context.Background(), gaussian, out[i], levels(s), noise))
			}
			assert.InDeltaSlice(t, out[0], out[1], 1e-6)
		})
	}
}
