package scheduler

import (
	"fmt"
	"math"
	"strings"
)

// The values of beta_schedule.
const (
	linearBetas       = "linear"
	scaledLinearBetas = "scaled_linear"
	cosineBetas       = "squaredcos_cap_v2"
	sigmoidBetas      = "sigmoid"
	laplaceBetas      = "laplace"
	expBetas          = "exp"
)

var betaSchedules = []string{linearBetas, scaledLinearBetas, cosineBetas, sigmoidBetas, laplaceBetas, expBetas}

// Betas returns the noise added by each training timestep, β_0 to β_{T−1}, exactly
// as torch computes them: float32 values.
func (c *Config) Betas() ([]float64, error) {
	if c == nil {
		return nil, errNoConfig
	}
	if err := c.checkTrained(); err != nil {
		return nil, err
	}
	n := c.NumTrainTimesteps
	var betas []float64
	switch {
	case c.TrainedBetas != nil:
		betas = make([]float64, n)
		for i, b := range c.TrainedBetas {
			betas[i] = f32(b)
		}
	case c.BetaSchedule == linearBetas:
		betas = linspace32(c.BetaStart, c.BetaEnd, n)
	case c.BetaSchedule == scaledLinearBetas: // linear in √β: Stable Diffusion
		betas = linspace32(math.Sqrt(c.BetaStart), math.Sqrt(c.BetaEnd), n)
		for i, b := range betas {
			betas[i] = f32(b * b)
		}
	case c.BetaSchedule == sigmoidBetas:
		betas = linspace32(-6, 6, n)
		for i, b := range betas {
			s := f32(1 / (1 + math.Exp(-b)))
			betas[i] = f32(f32(s*f32(c.BetaEnd-c.BetaStart)) + f32(c.BetaStart))
		}
	case c.BetaSchedule == cosineBetas:
		betas = betasFromAlphaBar(n, cosineAlphaBar)
	case c.BetaSchedule == laplaceBetas:
		betas = betasFromAlphaBar(n, laplaceAlphaBar)
	case c.BetaSchedule == expBetas:
		betas = betasFromAlphaBar(n, func(t float64) float64 { return math.Exp(-12 * t) })
	default:
		return nil, fmt.Errorf("scheduler: beta_schedule: have %q, want one of %s", c.BetaSchedule, strings.Join(betaSchedules, ", "))
	}
	for i, b := range betas {
		if !(b >= 0 && b < 1) {
			return nil, fmt.Errorf("scheduler: betas: beta %d is %g, want it in [0, 1)", i, b)
		}
	}
	if c.RescaleBetasZeroSNR {
		betas = zeroTerminalSNR(betas)
	}
	return betas, nil
}

// AlphaBar returns ᾱ_t = ∏(1−β), t = 0 to num_train_timesteps−1, as float32
// values. With rescale_betas_zero_snr the last is 0. It returns nil for a config
// that [Config.Betas] reports an error for.
func (c *Config) AlphaBar() []float64 {
	betas, err := c.Betas()
	if err != nil {
		return nil
	}
	return cumulativeAlpha(betas)
}

// cumulativeAlpha multiplies up 1−β, in float64 and rounded to float32 at each
// entry as torch.cumprod does on a CPU.
func cumulativeAlpha(betas []float64) []float64 {
	alphaBar := make([]float64, len(betas))
	product := 1.0
	for i, b := range betas {
		product *= f32(1 - b)
		alphaBar[i] = f32(product)
	}
	return alphaBar
}

// zeroTerminalSNR shifts and scales √ᾱ so that the last level has no signal left.
//
// Lin et al. (2024), Common Diffusion Noise Schedules and Sample Steps are
// Flawed, Algorithm 1.
// https://arxiv.org/abs/2305.08891
func zeroTerminalSNR(betas []float64) []float64 {
	root := cumulativeAlpha(betas)
	for i, a := range root {
		root[i] = f32(math.Sqrt(a))
	}
	first, last := root[0], root[len(root)-1]
	scale := f32(first / f32(first-last))
	for i, r := range root {
		r = f32(f32(r-last) * scale)
		root[i] = f32(r * r)
	}
	rescaled := make([]float64, len(betas))
	for i, a := range root {
		if i > 0 {
			a = f32(a / root[i-1])
		}
		rescaled[i] = f32(1 - a)
	}
	return rescaled
}

// betasFromAlphaBar makes betas from ᾱ(t) with t in [0, 1], none above 0.999.
func betasFromAlphaBar(n int, alphaBar func(float64) float64) []float64 {
	betas := make([]float64, n)
	for i := range betas {
		t1, t2 := float64(i)/float64(n), float64(i+1)/float64(n)
		betas[i] = f32(math.Min(1-alphaBar(t2)/alphaBar(t1), 0.999))
	}
	return betas
}

// cosineAlphaBar is the schedule of Nichol & Dhariwal (2021), equation 17.
//
// https://arxiv.org/abs/2102.09672
func cosineAlphaBar(t float64) float64 {
	c := math.Cos((t + 0.008) / 1.008 * math.Pi / 2)
	return c * c
}

// laplaceAlphaBar has the noise levels of Hang et al. (2024), as diffusers spells it.
//
// https://arxiv.org/abs/2407.03297
func laplaceAlphaBar(t float64) float64 {
	lambda := -0.5 * math.Copysign(1, 0.5-t) * math.Log(1-2*math.Abs(0.5-t)+1e-6)
	snr := math.Exp(lambda)
	return math.Sqrt(snr / (1 + snr))
}

// linspace32 is torch.linspace in float32: from both ends to the middle, each
// value rounded once.
func linspace32(start, end float64, n int) []float64 {
	start, end = f32(start), f32(end)
	values := make([]float64, n)
	if n == 1 {
		values[0] = start
		return values
	}
	gap := f32(f32(end-start) / float64(n-1))
	for i := range values {
		if i < n/2 {
			values[i] = f32(start + gap*float64(i))
		} else {
			values[i] = f32(end - gap*float64(n-1-i))
		}
	}
	return values
}

// f32 rounds to float32. Sums, products, quotients and roots of two float32
// values that are computed in float64 and rounded by f32 are exactly the float32
// operations.
func f32(x float64) float64 { return float64(float32(x)) }
