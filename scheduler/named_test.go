package scheduler

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func readKDiffusion(t *testing.T) map[string][]float64 {
	t.Helper()
	data, err := os.ReadFile("testdata/kdiffusion.safetensors")
	require.NoError(t, err)
	size := binary.LittleEndian.Uint64(data)
	var header map[string]struct {
		Offsets [2]int `json:"data_offsets"`
	}
	require.NoError(t, json.Unmarshal(data[8:8+size], &header))
	tensors := map[string][]float64{}
	for name, entry := range header {
		body := data[8+int(size):][entry.Offsets[0]:entry.Offsets[1]]
		for i := 0; i < len(body); i += 4 {
			tensors[name] = append(tensors[name], float64(math.Float32frombits(binary.LittleEndian.Uint32(body[i:]))))
		}
	}
	return tensors
}

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
	for name, want := range readKDiffusion(t) {
		rest, ok := strings.CutPrefix(name, "sigmas.")
		if !ok {
			continue
		}
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

func stableDiffusion(t *testing.T, class string) *Config {
	t.Helper()
	c, err := ParseConfig(fmt.Appendf(nil, `{"_class_name": %q, "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "skip_prk_steps": true}`, class))
	require.NoError(t, err)
	return c
}

func TestDiscreteSchedule(t *testing.T) {
	tensors := readKDiffusion(t)
	c := stableDiffusion(t, "EulerDiscreteScheduler")
	for _, n := range []int{5, 10, 20} {
		s, err := c.ScheduleNamed("normal", n)
		require.NoError(t, err)
		assertRelative(t, "normal", tensors[fmt.Sprintf("discrete.get_sigmas.%d", n)], s.Sigmas, kDiffusionTolerance)
	}
	table, err := c.table(false)
	require.NoError(t, err)
	assertRelative(t, "table", tensors["discrete.sigmas"], table.sigmas, 1e-6)
	all := tensors["discrete.get_sigmas.all"]
	require.Len(t, all, 1001)
	assert.InEpsilon(t, all[0], table.max(), 1e-6)

	for i, timestep := range tensors["discrete.query_t"] {
		assert.InEpsilon(t, tensors["discrete.t_to_sigma"][i], table.logSigma(timestep), 1e-6, "t_to_sigma(%g)", timestep)
	}
	for i, sigma := range tensors["discrete.query_sigma"] {
		want := tensors["discrete.sigma_to_t"][i]
		// a float32 logarithm is off by 2e-7, and a timestep is 0.004 of one or more
		assert.InDelta(t, want, table.timestep(sigma), 1e-4, "sigma_to_t(%g)", sigma)
		// k-diffusion's quantize option takes the nearest level in log σ
		assert.InDelta(t, tensors["discrete.sigma_to_t_quantized"][i], math.Round(table.timestep(sigma)), 0)
	}
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

func TestCustom(t *testing.T) {
	c := stableDiffusion(t, "EulerDiscreteScheduler")
	s, err := c.Custom([]float64{10, 3, 0.5, 0})
	require.NoError(t, err)
	assert.Equal(t, []float64{10, 3, 0.5, 0}, s.Sigmas)
	assert.InDelta(t, 169.3146, s.Timesteps[2], 1e-3)
	for _, bad := range []struct {
		sigmas []float64
		want   string
	}{
		{nil, "have 0, want 2 to 10001"},
		{[]float64{1}, "have 1, want 2 to 10001"},
		{make([]float64, 10_000_000), "have 10000000, want 2 to 10001"},
		{[]float64{0.1, 1, 10}, "number 1 is 1 after 0.1, want levels that decrease"},
		{[]float64{1, 2, 0}, "number 1 is 2 after 1, want levels that decrease"},
		{[]float64{2, 2, 0}, "number 1 is 2 after 2, want levels that decrease"},
		{[]float64{2, 2 - 1e-12, 0}, "want levels that decrease"}, // in float32
		{[]float64{1, -1}, "number 1 is -1, want finite levels above zero"},
		{[]float64{math.NaN(), 1}, "number 0 is NaN, want finite"},
		{[]float64{3, 2, math.NaN()}, "number 2 is NaN, want finite"},
		{[]float64{math.Inf(1), 1}, "number 0 is +Inf, want finite"},
		{[]float64{1e300, 1}, "number 0 is 1e+300, want finite"},
		{[]float64{1, -1e-300}, "number 1 is -1e-300, want finite"},
		{[]float64{0, 0}, "number 0 is 0, want finite levels above zero"},
		{[]float64{1, 0, 0}, "number 1 is 0, want finite levels above zero"},
	} {
		_, err := c.Custom(bad.sigmas)
		assert.ErrorContains(t, err, "scheduler: sigmas: ")
		assert.ErrorContains(t, err, bad.want)
	}
	s, err = stableDiffusion(t, "PNDMScheduler").Custom([]float64{10, 3, 0.5, 0})
	require.NoError(t, err)
	assert.Equal(t, []float64{10, 3, 3, 0.5, 0}, s.Sigmas, "PLMS visits its second level twice")
}

// Classes without training levels take a caller's own levels and their own curves.
func TestNamedWithoutTrainingLevels(t *testing.T) {
	for class, timestep := range map[string]float64{"EDMEulerScheduler": 0.25 * math.Log(3), "FlowMatchEulerDiscreteScheduler": 750} {
		c, err := NewConfig(class)
		require.NoError(t, err)
		_, err = c.ScheduleNamed("normal", 4)
		assert.ErrorContains(t, err, "no training levels")
		s, err := c.Custom([]float64{10, 3, 0})
		require.NoError(t, err)
		assert.InDelta(t, timestep, s.Timesteps[1], 1e-6)
		assert.InDelta(t, timestep, s.Timestep(3.0000001), 1e-4)
	}
	c, err := NewConfig("FlowMatchEulerDiscreteScheduler")
	require.NoError(t, err)
	s, err := c.ScheduleNamed("karras", 5)
	require.NoError(t, err)
	assert.InDelta(t, 303.02438, s.Timesteps[1], 1e-3)
	tail, err := s.Tail(0.5)
	require.NoError(t, err)
	assert.Equal(t, 1+tail.Sigmas[0], tail.InitNoiseSigma)
}

func TestBetaQuantile(t *testing.T) {
	// the arcsine distribution: I_x(½, ½) = (2/π)·asin √x
	for _, p := range []float64{0, 1e-6, 0.01, 0.25, 0.5, 0.75, 0.99, 1} {
		s := math.Sin(p * math.Pi / 2)
		assert.InDelta(t, s*s, betaQuantile(p, 0.5), 1e-14)
	}
	// I_x(2, 2) = 3x² − 2x³
	for _, x := range []float64{1e-4, 0.1, 0.5, 0.9} {
		assert.InDelta(t, x, betaQuantile(3*x*x-2*x*x*x, 2), 1e-12)
	}
}

// Every schedule that the other programs name, under the one it means here.
func TestNamesElsewhere(t *testing.T) {
	for program, names := range map[string]map[string]string{
		"k-diffusion": {"karras": "karras", "exponential": "exponential", "polyexponential": "exponential", "vp": "vp"},
		"WebUI": {
			"automatic": "normal", "uniform": "normal", "karras": "karras", "exponential": "exponential", "polyexponential": "exponential",
			"sgm_uniform": "sgm_uniform", "SGMUniform": "sgm_uniform", "SGM Uniform": "sgm_uniform", "kl_optimal": "kl_optimal", "KL Optimal": "kl_optimal",
			"align_your_steps": "align_your_steps", "Align Your Steps": "align_your_steps", "align_your_steps_11": "align_your_steps", "Align Your Steps 11": "align_your_steps",
			"align_your_steps_32": "align_your_steps_32", "Align Your Steps 32": "align_your_steps_32", "align_your_steps_GITS": "align_your_steps_gits", "Align Your Steps GITS": "align_your_steps_gits",
			"karras_exponential": "karras_exponential", "Karras Exponential": "karras_exponential", "simple": "simple", "normal": "normal", "ddim": "ddim_uniform", "turbo": "turbo",
			"beta": "beta", // WebUI means what is beta_sigma here, and kl_optimal_open by kl_optimal: see ScheduleNamed
		},
		"ComfyUI": {
			"simple": "simple", "sgm_uniform": "sgm_uniform", "karras": "karras", "exponential": "exponential", "ddim_uniform": "ddim_uniform",
			"beta": "beta", "normal": "normal", "linear_quadratic": "linear_quadratic", "kl_optimal": "kl_optimal",
			"Polyexponential": "exponential", "Laplace": "laplace", "SDTurbo": "turbo", "VP": "vp", "AlignYourStepsScheduler": "ays", "GITS": "gits",
		},
		"stable-diffusion.cpp": {
			"discrete": "normal", "normal": "normal", "karras": "karras", "exponential": "exponential", "ays": "ays",
			"sgm_uniform": "sgm_uniform", "simple": "simple", "kl_optimal": "kl_optimal", "lcm": "lcm", "beta": "beta",
			"gits": "gits", "smoothstep": "smoothstep", "bong_tangent": "bong_tangent",
		},
		"diffusers": {
			"linspace": "linspace", "leading": "leading", "trailing": "trailing", "use_karras_sigmas": "karras",
			"use_exponential_sigmas": "exponential", "use_beta_sigmas": "beta_sigma", "use_lu_lambdas": "lu",
		},
	} {
		for name, want := range names {
			info, err := Lookup(name)
			if assert.NoError(t, err, program) {
				assert.Equal(t, want, info.Name, "%s: %s", program, name)
			}
		}
	}
	for why, list := range map[string]string{
		"for flow matching and video":                   "logit_normal flux flux2 ltx2",
		"tables of levels up to 1, for flow matching":   "OptimalSteps",
		"made from a list of the user's: Config.Custom": "ManualSigmas",
	} {
		for _, name := range strings.Fields(list) {
			_, err := Lookup(name)
			assert.ErrorContains(t, err, "want one of", "%s: %s", why, name)
		}
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
