package scheduler

import (
	"fmt"
	"math"
	"slices"
)

// Custom is a schedule of the caller's own noise levels: positive and decreasing,
// the last possibly zero, 2 to 10,001 of them. They are rounded to float32.
func (c *Config) Custom(sigmas []float64) (*Schedule, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	if err := checkCustom(sigmas); err != nil {
		return nil, err
	}
	if !c.class().form.trained() {
		s := &Schedule{Sigmas: slices.Clone(sigmas), Timesteps: make([]float64, len(sigmas)-1)}
		if err := c.checkLevels(s); err != nil {
			return nil, err
		}
		for i, sigma := range s.Sigmas[:len(s.Timesteps)] {
			s.Timesteps[i] = sigma / (1 + sigma) * float64(c.NumTrainTimesteps) // of flow; EDM's follow
		}
		c.finish(s, nil, len(s.Timesteps))
		return s, nil
	}
	t, err := c.table(false)
	if err != nil {
		return nil, err
	}
	return c.list(t, slices.Clone(sigmas))
}

// maxCustomSteps is ten times the steps that a named schedule of a model has at most.
const maxCustomSteps = 10_000

// checkCustom checks a caller's own levels.
func checkCustom(sigmas []float64) error {
	last := len(sigmas) - 1
	if last < 1 || last > maxCustomSteps {
		return fmt.Errorf("scheduler: sigmas: have %d, want 2 to %d", len(sigmas), maxCustomSteps+1)
	}
	for i, sigma := range sigmas {
		rounded := f32(sigma)
		if !(rounded >= 0) || math.IsInf(rounded, 1) || rounded == 0 && i < last || math.Signbit(sigma) && sigma != 0 {
			return fmt.Errorf("scheduler: sigmas: number %d is %g, want finite levels above zero, of which the last may be zero", i, sigma)
		}
		if i == 0 || rounded < f32(sigmas[i-1]) {
			continue
		}
		if i < last || rounded > f32(sigmas[i-1]) {
			return fmt.Errorf("scheduler: sigmas: number %d is %g after %g, want levels that decrease, from the noisiest to the last", i, sigma, sigmas[i-1])
		}
	}
	return nil
}

// list makes a schedule of sigmas.
func (c *Config) list(t *table, sigmas []float64) (*Schedule, error) {
	for i, sigma := range sigmas {
		sigmas[i] = f32(sigma)
	}
	steps := len(sigmas) - 1
	if visits := c.class().visits; visits != nil {
		var err error
		if sigmas, err = visits(c, sigmas); err != nil {
			return nil, err
		}
	}
	s := &Schedule{Sigmas: sigmas}
	for _, sigma := range sigmas[:len(sigmas)-1] {
		timestep := t.timestep(sigma)
		if i, ok := slices.BinarySearch(t.sigmas, sigma); ok {
			timestep = float64(i) // without the rounding of logarithms
		}
		s.Timesteps = append(s.Timesteps, timestep)
	}
	if err := c.checkLevels(s); err != nil {
		return nil, err
	}
	c.finish(s, t, steps)
	return s, nil
}
