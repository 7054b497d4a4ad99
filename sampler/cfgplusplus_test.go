package sampler_test

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/sampler"
)

// estimates of data drawn from N(0, 1) and, with the condition, from N(2, 1/4):
// the unconditional one and, at guidance scale 0.8, the guided one.
func estimates(x, sigma float64) (guided, uncond float64) {
	uncond = x / (1 + sigma*sigma)
	cond := (2*sigma*sigma + 0.25*x) / (0.25 + sigma*sigma)
	return uncond + 0.8*(cond-uncond), uncond
}

// guidedDenoiser gives both estimates of each value.
func guidedDenoiser(_ context.Context, x []float32, sigma float64) (sampler.Estimate, error) {
	out, unguided := make([]float32, len(x)), make([]float32, len(x))
	for i, v := range x {
		d, u := estimates(float64(v), sigma)
		out[i], unguided[i] = float32(d), float32(u)
	}
	return sampler.Estimate{Denoised: out, Uncond: unguided}, nil
}

// The steps of CFG++ as they are published, on one number x from level s to t, or
// to a level below it with noise up to it. last says what the step before had.
type plusPlusStep struct{ d, u, slope, level, down float64 }

var cfgPlusPlusSteps = map[string]func(x, s, t, up float64, first bool, last plusPlusStep) float64{
	// Chung et al. (2024), Algorithm 2, with x = x₀ + σ·ε
	"euler_cfg_pp": func(x, s, t, _ float64, _ bool, _ plusPlusStep) float64 {
		d, u := estimates(x, s)
		return d + t*(x-u)/s
	},
	"euler_ancestral_cfg_pp": func(x, s, t, _ float64, _ bool, _ plusPlusStep) float64 {
		d, u := estimates(x, s)
		return d + t*(x-u)/s
	},
	"ddim_cfg_pp": func(x, s, t, _ float64, _ bool, _ plusPlusStep) float64 {
		// at unit variance, √ᾱ' D + √(1−ᾱ') ε(u)
		d, u := estimates(x, s)
		alphaBar := 1 / (1 + t*t)
		return (math.Sqrt(alphaBar)*d + math.Sqrt(1-alphaBar)*(x-u)/s) / math.Sqrt(alphaBar)
	},
	"dpmpp_2m_cfg_pp": func(x, s, t, _ float64, first bool, last plusPlusStep) float64 {
		d, u := estimates(x, s)
		h := math.Log(s / t)
		y := d - math.Exp(-h)*u + math.Exp(-h)*x
		if !first && t > 0 {
			y -= math.Expm1(-h) * h / (2 * math.Log(last.level/s)) * (d - last.u)
		}
		return y
	},
	"dpmpp_2s_ancestral_cfg_pp": func(x, s, t, _ float64, _ bool, _ plusPlusStep) float64 {
		d, u := estimates(x, s)
		if t == 0 {
			return d
		}
		h := math.Log(s / t)
		_, u2 := estimates(math.Exp(-h/2)*x-math.Expm1(-h/2)*u, s*math.Exp(-h/2))
		return math.Exp(-h)*x - math.Expm1(-h)*u2 + d - u
	},
	"res_multistep_cfg_pp":           resMultistepPlusPlus,
	"res_multistep_ancestral_cfg_pp": resMultistepPlusPlus,
	"gradient_estimation_cfg_pp": func(x, s, t, _ float64, first bool, last plusPlusStep) float64 {
		d, u := estimates(x, s)
		if t == 0 {
			return d
		}
		slope := (x - u) / s
		y := d + slope*t
		if !first {
			y += (slope - last.slope) * (t - s)
		}
		return y
	},
}

func resMultistepPlusPlus(x, s, t, _ float64, first bool, last plusPlusStep) float64 {
	d, u := estimates(x, s)
	if first || t == 0 {
		return d + t*(x-u)/s
	}
	h := math.Log(s / t)
	phi1 := -math.Expm1(-h) / h
	phi2 := (1 - phi1) / h
	c := math.Log(last.down/last.level) / h // minus the last step's part of this one
	return math.Exp(-h)*(x+d-u) + h*((phi1-phi2/c)*u+phi2/c*last.u)
}

// Every sampler of CFG++ is what was published for it.
func TestCFGPlusPlus(t *testing.T) {
	sigmas := []float64{9, 5, 3.5, 1.2, 0.4, 0}
	tested := 0
	for _, info := range sampler.Names() {
		s, err := sampler.ByName(info.Name)
		require.NoError(t, err)
		plusPlus := strings.HasSuffix(info.Name, "_cfg_pp")
		assert.Equal(t, plusPlus || strings.HasPrefix(info.Name, "cfgpp_"), sampler.NeedsUncond(s), info.Name)
		if !plusPlus {
			continue
		}
		tested++
		t.Run(info.Name, func(t *testing.T) {
			step := cfgPlusPlusSteps[info.Name]
			require.NotNil(t, step)
			x := []float32{-7}
			require.NoError(t, s.Sample(t.Context(), guidedDenoiser, x, sigmas, func(dst []float32) { dst[0] = 0.3 }))

			want := -7.0
			var last plusPlusStep
			for i := range len(sigmas) - 1 {
				from, to := sigmas[i], sigmas[i+1]
				down, up := to, 0.0
				if strings.Contains(info.Name, "ancestral") {
					up = to * math.Sqrt(1-to*to/(from*from))
					down = to * to / from
				}
				d, u := estimates(want, from)
				next := step(want, from, down, up, i == 0, last) + 0.3*up
				last = plusPlusStep{d: d, u: u, slope: (want - u) / from, level: from, down: down}
				want = next
			}
			assert.InEpsilon(t, want, x[0], 1e-5)
		})
	}
	assert.Len(t, cfgPlusPlusSteps, tested)
}

// Where both estimates are equal, CFG++ is the plain method, bit for bit.
func TestCFGPlusPlusWithoutGuidance(t *testing.T) {
	same := func(_ context.Context, x []float32, sigma float64) (sampler.Estimate, error) {
		out := make([]float32, len(x))
		for i, v := range x {
			out[i] = float32(math.Sin(float64(v))+float64(i)*0.1) / float32(1+sigma)
		}
		return sampler.Estimate{Denoised: out, Uncond: slices.Clone(out)}, nil
	}
	for name := range cfgPlusPlusSteps {
		var results [2][]float32
		for i, name := range []string{name, strings.TrimSuffix(name, "_cfg_pp")} {
			s, err := sampler.ByName(name)
			require.NoError(t, err)
			noise := sampler.NewTorch(3).Normal
			results[i] = make([]float32, 50)
			noise(results[i])
			require.NoError(t, s.Sample(t.Context(), same, results[i], []float64{14, 9, 5, 3.5, 1.2, 0.4, 0.03, 0}, noise))
		}
		assert.Equal(t, results[1], results[0], name)
	}
}

func TestUncondErrors(t *testing.T) {
	give := func(uncond []float32) sampler.Denoiser {
		return func(_ context.Context, x []float32, _ float64) (sampler.Estimate, error) {
			return sampler.Estimate{Denoised: make([]float32, len(x)), Uncond: uncond}, nil
		}
	}
	nan := float32(math.NaN())
	for want, denoise := range map[string]sampler.Denoiser{
		"step 0 (sigma 2): have no unconditional estimate, which CFG++ needs": func(_ context.Context, x []float32, _ float64) (sampler.Estimate, error) {
			return sampler.Estimate{Denoised: x}, nil
		},
		"the unconditional estimate has 1 values, want 2":                   give([]float32{1}),
		"the unconditional estimate is NaN at index 1, want finite numbers": give([]float32{1, nan}),
	} {
		err := sampler.Euler{CFGPlusPlus: true}.Sample(t.Context(), denoise, []float32{1, 2}, []float64{2, 1, 0}, nil)
		assert.ErrorContains(t, err, want)
	}
	err := sampler.DDIM{CFGPlusPlus: true, ClippedEps: true}.Sample(t.Context(), guidedDenoiser, []float32{1}, []float64{2, 1}, nil)
	assert.ErrorContains(t, err, "have both CFG++ and ClippedEps")
}

// Bounds hold for both estimates.
func TestLimitedUncond(t *testing.T) {
	denoise := sampler.Limited(guidedDenoiser, sampler.Limit{Clip: 0.5})
	est, err := denoise(t.Context(), []float32{-7, 7, 0.1}, 1)
	require.NoError(t, err)
	assert.Equal(t, sampler.Estimate{Denoised: []float32{-0.5, 0.5, 0.5}, Uncond: []float32{-0.5, 0.5, 0.05}}, est)
	s, err := sampler.Named("euler_cfg_pp", sampler.Solver{Class: "DDIMScheduler", Clip: 1})
	require.NoError(t, err)
	assert.True(t, sampler.NeedsUncond(s))
}
