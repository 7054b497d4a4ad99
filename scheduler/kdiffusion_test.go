package scheduler

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/golden"
)

func assertRelative(t *testing.T, what string, want, have []float64, tolerance float64) {
	t.Helper()
	require.Len(t, have, len(want), what)
	for i, w := range want {
		assert.LessOrEqual(t, math.Abs(have[i]-w), tolerance*math.Abs(w), "%s: entry %d: have %g, want %g", what, i, have[i], w)
	}
}

// k-diffusion computes its curves in float32, Karras sigmas as a seventh power.
const kDiffusionTolerance = 3e-6

func TestKDiffusionCurves(t *testing.T) {
	for name, tensor := range golden.Tensors(t, "testdata/kdiffusion.safetensors") {
		rest, ok := strings.CutPrefix(name, "sigmas.")
		if !ok {
			continue
		}
		want := tensor.Values
		curve, count, _ := strings.Cut(rest, ".")
		n, err := strconv.Atoi(count)
		require.NoError(t, err)
		var have []float64
		switch curve {
		case "karras":
			have = karras(0.03, 14.6, karrasRho, n)
		case "karras_rho5":
			have = karras(0.1, 80, 5, n)
		case "exponential":
			have = exponential(0.03, 14.6, n)
		case "polyexponential":
			have = polyexponential(0.03, 14.6, 1.5, n)
		case "vp":
			have, err = vpLevels(nil, n)
			require.NoError(t, err)
			for i, sigma := range have { // it takes exp(x)−1 in float32, which cancels
				assert.InDelta(t, want[i]*want[i], sigma*sigma, 2e-7+kDiffusionTolerance*sigma*sigma, "%s: entry %d", name, i)
			}
			continue
		default:
			require.Fail(t, "unknown curve", curve)
		}
		assertRelative(t, name, want, append(have, 0), kDiffusionTolerance)
	}
}

func TestDiscreteSchedule(t *testing.T) {
	tensors := golden.Tensors(t, "testdata/kdiffusion.safetensors")
	c := stableDiffusion(t, "EulerDiscreteScheduler")
	for _, n := range []int{5, 10, 20} {
		s, err := c.ScheduleNamed("normal", n)
		require.NoError(t, err)
		assertRelative(t, "normal", tensors[fmt.Sprintf("discrete.get_sigmas.%d", n)].Values, s.Sigmas, kDiffusionTolerance)
	}
	table, err := c.table(false)
	require.NoError(t, err)
	assertRelative(t, "table", tensors["discrete.sigmas"].Values, table.sigmas, 1e-6)
	all := tensors["discrete.get_sigmas.all"].Values
	require.Len(t, all, 1001)
	assert.InEpsilon(t, all[0], table.max(), 1e-6)

	for i, timestep := range tensors["discrete.query_t"].Values {
		assert.InEpsilon(t, tensors["discrete.t_to_sigma"].Values[i], table.logSigma(timestep), 1e-6, "t_to_sigma(%g)", timestep)
	}
	for i, sigma := range tensors["discrete.query_sigma"].Values {
		want := tensors["discrete.sigma_to_t"].Values[i]
		// a float32 logarithm is off by 2e-7, and a timestep is 0.004 of one or more
		assert.InDelta(t, want, table.timestep(sigma), 1e-4, "sigma_to_t(%g)", sigma)
		// k-diffusion's quantize option takes the nearest level in log σ
		assert.InDelta(t, tensors["discrete.sigma_to_t_quantized"].Values[i], math.Round(table.timestep(sigma)), 0)
	}
}
