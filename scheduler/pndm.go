package scheduler

import (
	"fmt"
	"slices"
)

var _ = register(class{
	name:        "PNDMScheduler",
	defaults:    trained + `, "skip_prk_steps": false, "set_alpha_to_one": false` + leading,
	form:        variancePreserving,
	exact:       true,
	predictions: epsOrV,
	levels:      pndmSchedule,
	visits: func(c *Config, sigmas []float64) ([]float64, error) {
		if !c.SkipPRKSteps {
			return nil, fmt.Errorf("scheduler: PNDMScheduler: skip_prk_steps: have false, want true with levels other than its own")
		}
		if len(sigmas) > 2 { // the second level twice, as below
			sigmas = slices.Insert(sigmas, 1, sigmas[1])
		}
		return sigmas, nil
	},
	repeats:  func(c *Config, i int) bool { return i == 2 || !c.SkipPRKSteps },
	complete: func(c *Config, s *Solver, _ *table) { s.PRK = !c.SkipPRKSteps },
})

// pndmSchedule is PNDMScheduler's. With skip_prk_steps it is DDIM's with the
// second level twice: the second call corrects the first step, from one stride
// above the level it is made at. Without, three Runge-Kutta steps of four calls
// each come first, with levels half a stride apart.
func pndmSchedule(c *Config, t *table, steps int) (*Schedule, error) {
	ts, err := c.spacedTimesteps(steps, true)
	if err != nil {
		return nil, err
	}
	stride := c.NumTrainTimesteps / steps
	calls := 0 // of Runge-Kutta
	switch {
	case !c.SkipPRKSteps:
		if steps < 4 {
			return nil, fmt.Errorf("scheduler: PNDMScheduler: steps: have %d, want at least 4 with skip_prk_steps false", steps)
		}
		calls = 12
		ts = append(rungeKuttaTimesteps(ts[:4], stride), ts[3:]...)
	case steps > 1:
		ts = slices.Insert(ts, 1, ts[1])
	}
	if err := c.checkTimesteps(ts); err != nil {
		return nil, err
	}

	s := &Schedule{Timesteps: ts}
	for _, timestep := range ts {
		s.Sigmas = append(s.Sigmas, t.sigmas[int(timestep)])
	}
	s.Sigmas = append(s.Sigmas, c.strideEnd(t, int(ts[len(ts)-1]), stride))
	s.hops = func(s *Schedule) error { return c.pndmHops(s, t, stride, calls) }
	return s, s.hops(s)
}

// pndmHops sets From and To of a schedule, or of its tail: the calls are counted
// from the first that is run.
func (c *Config) pndmHops(s *Schedule, t *table, stride, rungeKutta int) error {
	var from, to []float64
	for i, time := range s.Timesteps {
		timestep := int(time)
		level := t.sigmas[timestep]
		switch {
		case i < rungeKutta: // from the first call of its four, half a stride on at every other call
			end := level
			if i%2 == 0 {
				end = t.sigmas[max(timestep-stride/2, 0)]
			}
			from, to = append(from, t.sigmas[int(s.Timesteps[i/4*4])]), append(to, end)
		case i == 1:
			if timestep+stride >= len(t.sigmas) {
				return fmt.Errorf("scheduler: PNDMScheduler: the second call of %d, at timestep %d, corrects a step from %d, want at most %d",
					len(s.Timesteps), timestep, timestep+stride, len(t.sigmas)-1)
			}
			from, to = append(from, t.sigmas[timestep+stride]), append(to, level)
		default:
			from, to = append(from, level), append(to, c.strideEnd(t, timestep, stride))
		}
	}
	s.Sigmas[len(from)] = to[len(to)-1]
	s.Solver.From, s.Solver.To = nil, nil
	if !joins(from, to, s.Sigmas, rungeKutta) {
		s.Solver.From, s.Solver.To = from, to
	}
	return nil
}

// rungeKuttaTimesteps lists the twelve calls over the first four timesteps: each
// step once at its start, twice in the middle, once at its end.
func rungeKuttaTimesteps(ts []float64, stride int) []float64 {
	var out []float64
	for i := range 3 {
		middle := ts[i+1] + float64(stride/2)
		out = append(out, ts[i], middle, middle, ts[i+1])
	}
	return out
}

// joins says whether the steps are those that the list of levels implies, so that
// From and To can be left out.
func joins(from, to, sigmas []float64, rungeKutta int) bool {
	for i := range from {
		wantFrom, wantTo := sigmas[i], sigmas[i+1]
		switch {
		case i < rungeKutta:
			wantFrom = sigmas[i/4*4]
			if i%2 == 1 {
				wantTo = sigmas[i]
			}
		case i == 1:
			wantFrom, wantTo = sigmas[0], sigmas[1]
		}
		if from[i] != wantFrom || to[i] != wantTo {
			return false
		}
	}
	return true
}
