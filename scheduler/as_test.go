package scheduler_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/scheduler"
)

// A config moves to another class as diffusers' from_config moves it: given keys
// carry over, defaults do not.
func TestAs(t *testing.T) {
	c := parse(t, sd15)
	euler, err := c.As("EulerDiscreteScheduler")
	require.NoError(t, err)
	assert.Equal(t, 0.00085, euler.BetaStart)
	assert.Equal(t, 1, euler.StepsOffset)
	assert.Equal(t, "linspace", euler.TimestepSpacing, "the file does not give it, so Euler's default")

	ddim, err := c.As("DDIMScheduler")
	require.NoError(t, err)
	assert.False(t, ddim.ClipSample, "PNDM has no such key, but the file gives it")

	c.TimestepSpacing = "trailing"
	euler, err = c.As("EulerDiscreteScheduler")
	require.NoError(t, err)
	assert.Equal(t, "trailing", euler.TimestepSpacing, "changed by the caller")

	_, err = c.As("NoSuchScheduler")
	assert.Error(t, err)
}

// A class takes algorithms and solver types that it does not have for its default, and
// that is what a further class gets. The values are of diffusers 0.42.1's from_config.
func TestAsSettlesSolvers(t *testing.T) {
	classes := []string{"DPMSolverMultistepScheduler", "DPMSolverSinglestepScheduler", "DEISMultistepScheduler", "UniPCMultistepScheduler"}
	dpm := map[string][]string{"midpoint": {"midpoint", "midpoint", "logrho", "bh2"}, "heun": {"heun", "heun", "logrho", "bh2"}, "bh1": {"midpoint", "midpoint", "logrho", "bh2"}}
	for i, want := range []map[string][]string{
		dpm, dpm,
		{"heun": {"midpoint", "midpoint", "logrho", "bh2"}, "bh1": {"midpoint", "midpoint", "logrho", "bh2"}},
		{"heun": {"midpoint", "midpoint", "logrho", "bh2"}, "bh1": {"midpoint", "midpoint", "logrho", "bh1"}},
	} {
		for solver, types := range want {
			c := parse(t, fmt.Sprintf(`{"_class_name": %q, "solver_type": %q}`, classes[i], solver))
			for j, class := range classes {
				other, err := c.As(class)
				require.NoError(t, err)
				assert.Equal(t, types[j], other.SolverType, "%s from %s with %s", class, classes[i], solver)
			}
		}
	}
	c := parse(t, `{"_class_name": "DEISMultistepScheduler", "algorithm_type": "dpmsolver"}`)
	assert.Equal(t, "deis", c.AlgorithmType)
	c, err := c.As("DPMSolverMultistepScheduler")
	require.NoError(t, err, "without sigma_min, dpmsolver would be an error")
	assert.Equal(t, "dpmsolver++", c.AlgorithmType)
}

// The fixed variances of a DDPM, which its file names, mean nothing to the solvers that
// refuse learned ones, and the null of theirs means to a DDPM its default.
func TestAsOfFixedVariances(t *testing.T) {
	for _, variance := range []string{`"fixed_small"`, `"fixed_small_log"`, `"fixed_large"`, "null"} {
		c := parse(t, `{"_class_name": "DDPMScheduler", "variance_type": `+variance+`}`)
		for _, class := range scheduler.Classes() {
			if strings.HasPrefix(class, "EDM") || strings.HasPrefix(class, "FlowMatch") {
				continue
			}
			other, err := c.As(class)
			if assert.NoError(t, err, "%s %s", class, variance) {
				_, err := other.Schedule(10)
				assert.NoError(t, err, "%s %s", class, variance)
			}
		}
	}
}
