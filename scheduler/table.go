package scheduler

import (
	"math"
	"sort"
)

// noSignal stands for the infinite sigma of a level without signal (ᾱ = 0, by
// rescale_betas_zero_snr): x₀ vanishes beside it in float32 and its square is
// still finite.
const noSignal = 1e10

// smallestAlphaBar replaces ᾱ = 0 in the classes that work in sigmas themselves.
// It is diffusers' value, the smallest positive float16.
const smallestAlphaBar = 1.0 / (1 << 24)

// table holds the training noise levels, by timestep.
type table struct {
	alphaBar []float64 // float32 values
	sigmas   []float64 // √((1−ᾱ)/ᾱ), rising
	logs     []float64 // their logarithms
}

// table computes the levels of c. exact keeps sigmas in float64, for the classes
// that compute with ᾱ; otherwise they have float32 values as in the classes that
// keep a list of sigmas.
func (c *Config) table(exact bool) (*table, error) {
	betas, err := c.Betas()
	if err != nil {
		return nil, err
	}
	t := &table{alphaBar: cumulativeAlpha(betas)}
	if last := len(betas) - 1; c.RescaleBetasZeroSNR && !exact {
		t.alphaBar[last] = smallestAlphaBar
	}
	t.sigmas, t.logs = make([]float64, len(betas)), make([]float64, len(betas))
	for i, a := range t.alphaBar {
		switch {
		case a <= 0:
			t.sigmas[i] = noSignal
		case exact:
			t.sigmas[i] = math.Sqrt((1 - a) / a)
		default:
			t.sigmas[i] = f32(math.Sqrt(f32(f32(1-a) / a)))
		}
		t.logs[i] = f32(math.Log(t.sigmas[i]))
	}
	return t, nil
}

// min and max are the ends of the table.
func (t *table) min() float64 { return t.sigmas[0] }
func (t *table) max() float64 { return t.sigmas[len(t.sigmas)-1] }

// sigma interpolates linearly between the levels, as numpy.interp does.
func (t *table) sigma(timestep float64) float64 {
	last := len(t.sigmas) - 1
	if timestep <= 0 {
		return t.sigmas[0]
	}
	if timestep >= float64(last) {
		return t.sigmas[last]
	}
	i := int(timestep)
	low, high := t.sigmas[i], t.sigmas[i+1]
	return float64((high-low)*(timestep-float64(i))) + low
}

// logSigma interpolates log σ linearly between the levels (k-diffusion's
// t_to_sigma).
func (t *table) logSigma(timestep float64) float64 {
	last := len(t.sigmas) - 1
	i := int(math.Min(math.Max(timestep, 0), float64(last)))
	w := timestep - float64(i)
	if w <= 0 || i == last {
		return t.sigmas[i]
	}
	return math.Exp((1-w)*t.logs[i] + w*t.logs[i+1])
}

// timestep is the inverse, linear in log σ and bounded by the table's ends
// (k-diffusion's sigma_to_t).
func (t *table) timestep(sigma float64) float64 {
	log := math.Log(math.Max(sigma, 1e-10))
	if len(t.logs) == 1 {
		return 0
	}
	// The last level at or below sigma, or the first. Levels above the last one,
	// which zero terminal SNR puts below them where diffusers bounds it, are passed.
	last := len(t.logs) - 1
	low := last
	if t.logs[last] > log {
		low = max(sort.Search(last, func(i int) bool { return t.logs[i] > log })-1, 0)
	}
	low = min(low, last-1)
	w := (t.logs[low] - log) / f32(t.logs[low]-t.logs[low+1])
	w = math.Min(math.Max(w, 0), 1)
	return (1-w)*float64(low) + w*float64(low+1)
}
