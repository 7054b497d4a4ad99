package scheduler

import (
	"fmt"
	"strings"
)

// The keys of LCMScheduler and TCDScheduler, whose betas are Stable Diffusion's.
var distilled = strings.Replace(trainedSD, `"linear"`, `"scaled_linear"`, 1) + threshold +
	`, "original_inference_steps": 50, "timestep_scaling": 10.0, "clip_sample": false, "set_alpha_to_one": true` + clipping + leading + zeroSNR

var _ = register(class{
	name:        "LCMScheduler",
	defaults:    distilled,
	form:        variancePreserving,
	exact:       true,
	predictions: anyPrediction,
	levels: func(c *Config, t *table, steps int) (*Schedule, error) {
		return distilledSchedule(c, t, steps, 0)
	},
})

var _ = register(class{
	name:        "TCDScheduler",
	defaults:    distilled,
	form:        variancePreserving,
	exact:       true,
	predictions: anyPrediction,
	levels: func(c *Config, t *table, steps int) (*Schedule, error) {
		return distilledSchedule(c, t, steps, t.min())
	},
	complete: func(_ *Config, s *Solver, t *table) { s.Levels = t.sigmas },
})

// distilledSchedule is that of LCMScheduler and TCDScheduler, which end at different
// levels: a few of the
// original_inference_steps timesteps that the model was distilled on, evenly
// chosen from the noisiest down. timestep_spacing and steps_offset mean nothing
// here, as in diffusers.
func distilledSchedule(c *Config, t *table, steps int, final float64) (*Schedule, error) {
	original := c.OriginalInferenceSteps
	if original < 1 || original > c.NumTrainTimesteps {
		return nil, fmt.Errorf("scheduler: %s: original_inference_steps: have %d, want 1 to num_train_timesteps = %d", c.Class, original, c.NumTrainTimesteps)
	}
	if steps > original {
		return nil, fmt.Errorf("scheduler: %s: steps: have %d, want at most original_inference_steps = %d", c.Class, steps, original)
	}
	s := &Schedule{}
	stride := c.NumTrainTimesteps / original
	for i := range steps {
		index := int(float64(i) * (float64(original) / float64(steps))) // of numpy.linspace(0, original, steps, endpoint=False)
		timestep := (original-index)*stride - 1
		s.Timesteps = append(s.Timesteps, float64(timestep))
		s.Sigmas = append(s.Sigmas, t.sigmas[timestep])
	}
	s.Sigmas = append(s.Sigmas, final)
	return s, nil
}
