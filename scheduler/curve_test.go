package scheduler

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A flag of the class and its name are one schedule.
func TestNamedIsFlag(t *testing.T) {
	c := stableDiffusion(t, "DPMSolverMultistepScheduler")
	named, err := c.ScheduleNamed("Karras", 8)
	require.NoError(t, err)
	c.UseKarrasSigmas = true
	flagged, err := c.Schedule(8)
	require.NoError(t, err)
	assert.Equal(t, flagged, named)
	plain, err := c.ScheduleNamed("trailing", 8)
	require.NoError(t, err)
	assert.Equal(t, 999.0, plain.Timesteps[0])
	assert.Equal(t, 124.0, plain.Timesteps[7], "the flag is off again")
}

// WebUI's labels have WebUI's levels, between the ends of the model's training levels
// whatever the class, and a class's flag has diffusers' of the same curve.
func TestFullCurves(t *testing.T) {
	const low, high = 0.02916753850877285, 14.614641189575195 // of Stable Diffusion
	for name, curve := range map[string]func(low, high float64, n int) []float64{
		"karras_full":      func(low, high float64, n int) []float64 { return karras(low, high, karrasRho, n) },
		"exponential_full": exponential,
		"beta_sigma_full":  betaSigmas,
	} {
		for _, class := range Classes() {
			if strings.HasPrefix(class, "EDM") || strings.HasPrefix(class, "Flow") {
				continue // these have no training levels
			}
			c := stableDiffusion(t, class)
			c.TimestepSpacing, c.StepsOffset, c.FinalSigmasType = "leading", 1, "sigma_min"
			s, err := c.ScheduleNamed(name, 10)
			if !assert.NoError(t, err, class) {
				continue
			}
			sigmas := s.Sigmas
			if class != "DEISMultistepScheduler" && class != "SASolverScheduler" { // these end above zero always
				assert.Zero(t, sigmas[len(sigmas)-1], "%s %s", class, name)
			}
			if class == "PNDMScheduler" {
				sigmas = slices.Delete(slices.Clone(sigmas), 1, 2)
			}
			assertRelative(t, class+" "+name, curve(low, high, 10), sigmas[:10], 1e-6)
			assert.GreaterOrEqual(t, s.Timesteps[0], 998.0, "%s: the classes of whole timesteps round down", class)
		}
		c := stableDiffusion(t, "LMSDiscreteScheduler")
		c.TimestepSpacing, c.StepsOffset = "leading", 1
		s, err := c.ScheduleNamed(strings.TrimSuffix(name, "_full"), 10)
		require.NoError(t, err)
		assert.InDelta(t, 8.3907, s.Sigmas[0], 1e-4, "the first leading level")
		assert.InDelta(t, 0.0413, s.Sigmas[9], 1e-4, "the last leading level")
	}
}

// A curve lies between sigma_min and sigma_max of the config in every class that has
// curves, whichever class's file gave them, as in diffusers 0.42.1; two classes leave
// Karras sigmas out of that.
func TestCurvesBetweenTheConfigsEnds(t *testing.T) {
	curves := map[string][]float64{
		"use_karras_sigmas":      {7.5, 2.337, 0.5764, 0.1},
		"use_exponential_sigmas": {7.5, 1.7784, 0.4217, 0.1},
		"use_beta_sigmas":        {7.5, 5.4619, 2.1381, 0.1},
	}
	spaced := []float64{4.1167, 1.2088, 0.2734, 0.0413}
	for flag, want := range curves {
		given, err := ParseConfig([]byte(`{"_class_name": "EulerDiscreteScheduler", "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear",
			"timestep_spacing": "leading", "steps_offset": 1, "sigma_min": 0.1, "sigma_max": 7.5, "` + flag + `": true}`))
		require.NoError(t, err)
		for _, class := range Classes() {
			c, err := given.As(class)
			require.NoError(t, err)
			if len(c.curveFlags()) == 0 || !c.class().form.trained() {
				continue
			}
			s, err := c.Schedule(4)
			require.NoError(t, err)
			want := want
			if flag == "use_karras_sigmas" && (class == "LMSDiscreteScheduler" || class == "DPMSolverSDEScheduler") {
				want = spaced
			}
			const printed = 5e-5 // four digits
			assert.InDeltaSlice(t, want, s.Sigmas[:4], printed, "%s %s", class, flag)
		}
	}
}
