package sampler

import "fmt"

// Tau is the function τ of [SASolver]. Its zero value is that of the paper's
// section 6.2 and of diffusers: 1 between the levels that Stable Diffusion has at
// timesteps 800 and 200, and 0 elsewhere.
type Tau struct {
	Value     *float64 // τ between the two levels. Nil means 1
	Low, High float64  // the levels, both included. Both zero mean the default; High zero means no bound

	// AtEnd is how ComfyUI does it: a step has the τ of the level where it ends, not
	// where it starts, the levels are those of timesteps 799.2 and 199.8, and no
	// noise is drawn for a step whose τ is 0.
	AtEnd bool

	// Func, if not nil, replaces the above: τ at a level.
	Func func(sigma float64) float64 `json:"-"`

	// Steps, if not nil, replaces all of the above: τ of each step.
	Steps []float64
}

func (t Tau) isDefault() bool {
	return t.Value == nil && t.Low == 0 && t.High == 0 && !t.AtEnd && t.Func == nil && t.Steps == nil
}

// The levels of Stable Diffusion at timesteps 200 and 800, and at 199.8 and 799.2.
const (
	tauLow, tauHigh           = 0.5716, 5.1111
	tauLowAtEnd, tauHighAtEnd = 0.5711894035339355, 5.092410087585449
)

// list returns τ for each step.
func (t Tau) list(sigmas []float64) ([]float64, error) {
	steps := len(sigmas) - 1
	taus := t.Steps
	if taus == nil {
		value, low, high := 1.0, t.Low, t.High
		if t.Value != nil {
			value = *t.Value
		}
		switch {
		case low != 0 || high != 0:
		case t.AtEnd:
			low, high = tauLowAtEnd, tauHighAtEnd
		default:
			low, high = tauLow, tauHigh
		}
		for i := range steps {
			sigma := sigmas[i]
			if t.AtEnd {
				sigma = sigmas[i+1]
			}
			tau := 0.0
			switch {
			case t.Func != nil:
				tau = t.Func(sigma)
			case low <= sigma && (high == 0 || sigma <= high):
				tau = value
			}
			taus = append(taus, tau)
		}
	}
	if len(taus) != steps {
		return nil, fmt.Errorf("sampler: sa_solver: have %d values of tau, want one for each of %d steps", len(taus), steps)
	}
	for i, tau := range taus {
		if !(tau >= 0 && tau <= maxTau) {
			return nil, fmt.Errorf("sampler: sa_solver: tau of step %d: have %g, want 0 to %d", i, tau, maxTau)
		}
	}
	return taus, nil
}

// maxTau is far above what the paper tries, 1.6, and keeps e^{τ²h} finite.
const maxTau = 10
