package scheduler

import (
	"fmt"
	"math"
	"sort"
)

// multistepLevels are those of DPMSolverMultistepScheduler and its relatives, with what
// the relatives have of their own.
type multistepLevels struct {
	cosineTruncates   bool // with cosine betas, the timesteps of Karras and Lu sigmas are not rounded
	neverZero         bool // the run ends at the lowest level whatever final_sigmas_type says
	curveRepeatsLevel bool // a curve that does not end at zero ends at its last level again
}

// schedule has whole timesteps that leave out the last level, or a curve over the whole
// training range.
func (l multistepLevels) schedule(c *Config, t *table, steps int) (*Schedule, error) {
	last := c.NumTrainTimesteps - c.clippedLevels(t)
	ts, err := c.multistepTimesteps(steps, last)
	if err != nil {
		return nil, err
	}
	var sigmas []float64
	whole := math.Trunc // the class keeps integers
	if c.UseKarrasSigmas || c.UseLuLambdas {
		if c.BetaSchedule != cosineBetas || !l.cosineTruncates {
			whole = math.RoundToEven
		}
	}
	low, high := t.min(), t.max()
	if c.SigmaMin != nil {
		low = *c.SigmaMin
	}
	if c.SigmaMax != nil {
		high = *c.SigmaMax
	}
	curve := c.curve(low, high, steps)
	if c.UseLuLambdas { // evenly spaced in λ = −log σ
		curve = exponential(math.Exp(t.logs[0]), math.Exp(t.logs[len(t.logs)-1]), steps)
	}
	if curve != nil {
		sigmas = curve
		ts = make([]float64, steps)
		for i, sigma := range sigmas {
			ts[i] = whole(t.timestep(sigma))
		}
	} else {
		for _, timestep := range ts {
			sigmas = append(sigmas, t.sigma(timestep))
		}
	}
	if len(ts) == 0 || ts[len(ts)-1] < 0 {
		return nil, fmt.Errorf("scheduler: %s: steps: have %d, want at most %d after lambda_min_clipped = %g",
			c.Class, steps, last, *c.LambdaMinClipped)
	}
	final := 0.0
	if l.neverZero || c.FinalSigmasType == "sigma_min" {
		final = t.min()
		if curve != nil && l.curveRepeatsLevel {
			final = curve[steps-1]
		}
	}
	if lowest := sigmas[len(sigmas)-1]; final < lowest*(1+1e-6) { // a curve may end a rounding below its end
		final = min(final, lowest)
	}
	return &Schedule{Timesteps: ts, Sigmas: roundSigmas(sigmas, final)}, nil
}

// clippedLevels counts the noisiest levels that lambda_min_clipped leaves out:
// those whose half log-SNR λ = log(√ᾱ/√(1−ᾱ)) is below it.
func (c *Config) clippedLevels(t *table) int {
	if c.LambdaMinClipped == nil {
		return 0
	}
	n := len(t.alphaBar)
	return sort.Search(n, func(i int) bool {
		a := t.alphaBar[n-1-i]
		lambda := f32(f32(math.Log(f32(math.Sqrt(a)))) - f32(math.Log(f32(math.Sqrt(f32(1-a))))))
		return lambda >= *c.LambdaMinClipped
	})
}
