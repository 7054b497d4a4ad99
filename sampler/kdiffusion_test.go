package sampler_test

import (
	"context"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/golden"
	"sdgo/sampler"
)

type kCase struct {
	Label    string `json:"label"`
	Function string `json:"function"`
	Kwargs   struct {
		SChurn float64  `json:"s_churn"`
		STMin  float64  `json:"s_tmin"`
		STMax  float64  `json:"s_tmax"`
		SNoise float64  `json:"s_noise"`
		Eta    *float64 `json:"eta"`
		Order  int      `json:"order"`
		RTol   float64  `json:"rtol"`
		R      float64  `json:"r"`
		Solver string   `json:"solver_type"`
		N      int      `json:"n"`
	} `json:"kwargs"`
	Info struct {
		Calls int `json:"nfe"`
	} `json:"info"`
}

func (c kCase) sampler() sampler.Sampler {
	k := c.Kwargs
	churn := sampler.Churn{S: k.SChurn, TMin: k.STMin, TMax: k.STMax, SNoise: k.SNoise}
	eta := 0.0
	if k.Eta != nil {
		eta = *k.Eta
	}
	switch c.Function {
	case "sample_euler":
		return sampler.Euler{Churn: churn}
	case "sample_euler_ancestral":
		return sampler.EulerAncestral{Eta: k.Eta, SNoise: k.SNoise}
	case "sample_heun":
		return sampler.Heun{Churn: churn}
	case "sample_dpm_2":
		return sampler.DPM2{Churn: churn}
	case "sample_dpm_2_ancestral":
		return sampler.DPM2Ancestral{Eta: k.Eta, SNoise: k.SNoise}
	case "sample_lms":
		return sampler.LMS{Order: k.Order}
	case "sample_dpm_fast":
		return sampler.DPMFast{Eta: eta, SNoise: k.SNoise}
	case "sample_dpm_adaptive":
		return sampler.DPMAdaptive{Order: k.Order, RTol: k.RTol, Eta: eta}
	case "sample_dpmpp_2s_ancestral":
		return sampler.DPMPP2SAncestral{Eta: k.Eta, SNoise: k.SNoise}
	case "sample_dpmpp_sde":
		return sampler.DPMPPSDE{Eta: k.Eta, SNoise: k.SNoise, R: k.R}
	case "sample_dpmpp_2m":
		return sampler.DPMPP2M{}
	case "sample_dpmpp_2m_sde":
		return sampler.DPMPP2MSDE{Eta: k.Eta, SNoise: k.SNoise, Heun: k.Solver == "heun"}
	case "sample_dpmpp_3m_sde":
		return sampler.DPMPP3MSDE{Eta: k.Eta, SNoise: k.SNoise}
	}
	return nil
}

// kDenoiser is the denoiser of the reference's runs.
func kDenoiser(_ context.Context, x []float32, sigma float64) (sampler.Estimate, error) {
	const a, b, c = 0.7, 0.15, 0.2
	denoised := make([]float32, len(x))
	for i, v := range x {
		v := float64(v)
		denoised[i] = float32(v*(a/(1+sigma*sigma)) + b*math.Sin(v/(1+sigma)) + c*math.Cos(sigma))
	}
	return sampler.Estimate{Denoised: denoised}, nil
}

// All of k-diffusion's samplers, with the noise that it drew.
func TestKDiffusion(t *testing.T) {
	var cases []kCase
	golden.JSON(t, "testdata/kdiffusion.json.gz", &cases)
	tensors := golden.Tensors(t, "testdata/kdiffusion.safetensors")
	require.Len(t, cases, 27)
	for _, c := range cases {
		t.Run(c.Label, func(t *testing.T) {
			run := c.sampler()
			require.NotNil(t, run, c.Function)
			start, want, noise := tensors[c.Label+".x_init"], tensors[c.Label+".out"], tensors[c.Label+".noise"]
			x := make([]float32, len(start.Values))
			for i, v := range start.Values {
				x[i] = float32(v)
			}
			sigmas := tensors[c.Label+".sigmas"].Values
			if sigmas == nil { // fast and adaptive take two levels and a number of calls
				sigmas = logLevels(14.6, 0.03, max(c.Kwargs.N, 1))
			}
			calls := 0
			denoise := func(ctx context.Context, x []float32, sigma float64) (sampler.Estimate, error) {
				calls++
				return kDenoiser(ctx, x, sigma)
			}
			require.NoError(t, run.Sample(context.Background(), denoise, x, sigmas, replay(t, noise)))
			assertState(t, "out", want.Values, x, 1, 0)
			if c.Info.Calls > 0 {
				assert.Equal(t, c.Info.Calls, calls, "model calls")
			}
			if c.Kwargs.N > 0 {
				assert.Equal(t, c.Kwargs.N, calls, "model calls")
			}
		})
	}
}
