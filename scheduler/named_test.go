package scheduler

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func stableDiffusion(t *testing.T, class string) *Config {
	t.Helper()
	c, err := ParseConfig(fmt.Appendf(nil, `{"_class_name": %q, "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "skip_prk_steps": true}`, class))
	require.NoError(t, err)
	return c
}

func TestNamedSchedules(t *testing.T) {
	for _, class := range Classes() {
		if strings.HasPrefix(class, "EDM") || strings.HasPrefix(class, "Flow") {
			continue // these have a schedule of their own
		}
		c := stableDiffusion(t, class)
		for _, info := range Names() {
			if info.spacing != "" && !classes[class].has("timestep_spacing") {
				continue
			}
			for _, steps := range []int{1, 2, 9, 10} {
				if steps == 1 && info.Name == "karras_exponential" {
					continue // it is a step shorter
				}
				s, err := c.ScheduleNamed(info.Name, steps)
				require.NoError(t, err, "%s %s %d", class, info.Name, steps)
				require.Len(t, s.Sigmas, len(s.Timesteps)+1)
				assert.Greater(t, s.Sigmas[0], 0.02)
				assert.Equal(t, len(s.Timesteps), s.Solver.Steps)
				for i, timestep := range s.Timesteps {
					assert.Equal(t, timestep, s.Timestep(s.Sigmas[i]))
					assert.True(t, timestep >= 0 && timestep <= 999, "%s %s: timestep %g", class, info.Name, timestep)
				}
			}
		}
	}
}

// The schedules of other programs by their names have their levels.
func TestProgramLevels(t *testing.T) {
	data, err := os.ReadFile("testdata/programs.json")
	require.NoError(t, err)
	var cases map[string][]float64
	require.NoError(t, json.Unmarshal(data, &cases))
	require.Len(t, cases, 43)
	c := stableDiffusion(t, "EulerDiscreteScheduler")
	for label, want := range cases {
		name, count, _ := strings.Cut(label, ".")
		n, err := strconv.Atoi(count)
		require.NoError(t, err)
		s, err := c.ScheduleNamed(name, n)
		if assert.NoError(t, err, label) {
			assertRelative(t, label, want, s.Sigmas, 1e-6)
		}
	}
}

func TestNamedLevels(t *testing.T) {
	c := stableDiffusion(t, "EulerDiscreteScheduler")
	table, err := c.table(false)
	require.NoError(t, err)
	sigmas := func(name string, steps int) []float64 {
		s, err := c.ScheduleNamed(name, steps)
		require.NoError(t, err)
		return s.Sigmas
	}
	timesteps := func(name string, steps int) []float64 {
		s, err := c.ScheduleNamed(name, steps)
		require.NoError(t, err)
		return s.Timesteps
	}
	assert.Equal(t, []float64{999, 749, 499, 249}, timesteps("simple", 4))
	assert.Equal(t, []float64{751, 501, 251, 1}, timesteps("ddim_uniform", 4))
	assert.Len(t, timesteps("ddim_uniform", 30), 31, "a stride of 33 fits once more")
	assertRelative(t, "sgm_uniform", []float64{999, 749.25, 499.5, 249.75}, timesteps("sgm_uniform", 4), 1e-6)
	assert.Equal(t, []float64{999, 899}, timesteps("turbo", 2))
	assert.Equal(t, []float64{999, 759, 499, 259}, timesteps("lcm", 4))
	assert.Equal(t, timesteps("lcm", 4), func() []float64 {
		s, err := stableDiffusion(t, "LCMScheduler").Schedule(4)
		require.NoError(t, err)
		return s.Timesteps
	}())
	// the quantiles 1, 3/4, 1/2 and 1/4 of Beta(0.6, 0.6), by numerical integration, times 999
	assert.Equal(t, []float64{999, 823, 500, 176}, timesteps("beta", 4))
	assert.Less(t, len(timesteps("beta", 1000)), 1000, "no timestep twice")
	assertRelative(t, "ays", append(aysSD1[:10:10], 0), sigmas("AYS", 10), 1e-6)
	assert.InEpsilon(t, math.Tan((math.Atan(table.min())+math.Atan(table.max()))/2), sigmas("kl_optimal", 3)[1], 1e-6)
	assert.InEpsilon(t, 1, sigmas("laplace", 3)[1], 1e-6, "the median")
	assertRelative(t, "linear_quadratic", []float64{1, 0.9875, 0.975, 0.725, 0}, scaled(sigmas("linear_quadratic", 4), 1/table.max()), 1e-6)

	for bad, nearest := range map[string]string{"karass": "karras", "linespace": "linspace", "SGM unform": "sgm_uniform", "align your step scheduler": "ays"} {
		_, err := c.ScheduleNamed(bad, 4)
		assert.ErrorContains(t, err, fmt.Sprintf("have %q, want one of %s, ", bad, nearest))
	}
	for name, steps := range map[string]int{"karras_exponential": 1, "gits": 0, "turbo": 11, "lcm": 51, "normal": 1001, "karras": 0} {
		_, err := c.ScheduleNamed(name, steps)
		assert.Error(t, err, name)
	}
	_, err = stableDiffusion(t, "DPMSolverSinglestepScheduler").ScheduleNamed("leading", 4)
	assert.ErrorContains(t, err, "does not have")
}

func scaled(x []float64, f float64) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = v * f
	}
	return y
}
