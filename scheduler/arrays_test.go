package scheduler_test

import (
	"bufio"
	"compress/gzip"
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

	"sdgo/scheduler"
)

// arrayTolerance is relative. The reference's arrays have float32 values.
const arrayTolerance = 1e-6

type arrayCase struct {
	Class     string                     `json:"class"`
	Config    map[string]json.RawMessage `json:"config"`
	Steps     int                        `json:"n"`
	Timesteps numbers                    `json:"timesteps"`
	Sigmas    numbers                    `json:"sigmas"`
	InitNoise float64                    `json:"init_noise_sigma"`
	Error     string                     `json:"error"`
}

// numbers is a list of numbers, with "nan" and the infinities as strings.
type numbers []float64

func (n *numbers) UnmarshalJSON(data []byte) error {
	var list []any
	if err := json.Unmarshal(data, &list); err != nil {
		return err
	}
	for _, v := range list {
		x, err := strconv.ParseFloat(fmt.Sprint(v), 64)
		if err != nil {
			return err
		}
		*n = append(*n, x)
	}
	return nil
}

func (c arrayCase) name() string {
	raw, _ := json.Marshal(c.Config)
	return fmt.Sprintf("%s/%d/%s", c.Class, c.Steps, raw)
}

func (c arrayCase) parse(t *testing.T) *scheduler.Config {
	t.Helper()
	keys := map[string]any{"_class_name": c.Class}
	for k, v := range c.Config {
		keys[k] = v
	}
	raw, err := json.Marshal(keys)
	require.NoError(t, err)
	config, err := scheduler.ParseConfig(raw)
	require.NoError(t, err)
	return config
}

func readArrays(t *testing.T, path string) []arrayCase {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	require.NoError(t, err)
	var cases []arrayCase
	lines := bufio.NewScanner(z)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var c arrayCase
		require.NoError(t, json.Unmarshal(lines.Bytes(), &c))
		cases = append(cases, c)
	}
	require.NoError(t, lines.Err())
	return cases
}

// The reference's arrays, for every configuration of the classes we have.
func TestArrays(t *testing.T) {
	seen := map[string]int{}
	for _, c := range append(readArrays(t, "testdata/arrays.jsonl.gz"), readArrays(t, "testdata/betas.jsonl.gz")...) {
		if !supported(c.Class) {
			continue
		}
		seen[c.Class]++
		t.Run(c.name(), func(t *testing.T) {
			config := c.parse(t)
			if config.RescaleBetasZeroSNR { // the levels are those of any prediction
				config.PredictionType = "v_prediction"
			}
			s, err := config.Schedule(c.Steps)
			if c.Error != "" {
				require.Error(t, err, "the reference fails: %s", c.Error)
				return
			}
			require.NoError(t, err)
			timesteps, sigmas := s.Timesteps, s.Sigmas
			if second, extra := secondCall(c.Class, s); second != nil {
				c.Timesteps = assertSecondCalls(t, c, s, second)
				sigmas = slices.Insert(doubled(s.Sigmas), 2*len(timesteps), make([]float64, extra)...)
			}
			if s.Flow { // its sigmas are shares of noise
				sigmas = nil
				for _, sigma := range s.Sigmas {
					sigmas = append(sigmas, sigma/(1+sigma))
				}
				assertClose(t, "timesteps", c.Timesteps, timesteps, arrayTolerance)
				assertClose(t, "sigmas", c.Sigmas, sigmas, arrayTolerance)
				return
			}
			if strings.HasPrefix(c.Class, "EDM") {
				// these compute the seventh power and the logarithm in float32; the
				// time log(σ)/4 passes through zero
				assert.InDeltaSlice(t, c.Timesteps, timesteps, 1e-6, "timesteps")
				assertClose(t, "sigmas", c.Sigmas, sigmas, 3e-6)
				assert.InEpsilon(t, c.InitNoise, s.InitNoiseSigma, arrayTolerance, "init_noise_sigma")
				return
			}
			assertClose(t, "timesteps", c.Timesteps, timesteps, arrayTolerance)
			if c.Sigmas != nil {
				assertClose(t, "sigmas", c.Sigmas, sigmas, arrayTolerance)
			}
			initNoise := s.InitNoiseSigma
			if c.InitNoise == 1 {
				// latents of unit variance are x/√(1+σ²)
				initNoise /= math.Sqrt(1 + s.Sigmas[0]*s.Sigmas[0])
			}
			assert.InEpsilon(t, c.InitNoise, initNoise, arrayTolerance, "init_noise_sigma")
			for i, timestep := range s.Timesteps {
				assert.Equal(t, timestep, s.Timestep(s.Sigmas[i]), "Timestep of a listed sigma")
			}
		})
	}
	for _, class := range scheduler.Classes() {
		assert.NotZero(t, seen[class], "no case of %s", class)
	}
}

func supported(class string) bool {
	for _, c := range scheduler.Classes() {
		if c == class {
			return true
		}
	}
	return false
}

// secondCall returns the level of the second model call of step i in the classes
// that make one, and how many zeros the reference's list of sigmas has to spare.
func secondCall(class string, s *scheduler.Schedule) (level func(i int) float64, extra int) {
	middle := func(i int) float64 { return math.Sqrt(s.Sigmas[i] * s.Sigmas[i+1]) }
	switch class {
	case "HeunDiscreteScheduler":
		return func(i int) float64 { return s.Sigmas[i+1] }, 0
	case "DPMSolverSDEScheduler":
		return middle, 0
	case "KDPM2DiscreteScheduler":
		return middle, 2
	case "KDPM2AncestralDiscreteScheduler":
		// √(σ·σdown) with σdown = σ'²/σ is the next level, but its timestep is interpolated
		return func(i int) float64 { return math.Nextafter(s.Sigmas[i+1], 0) }, 2
	}
	return nil, 0
}

// assertSecondCalls checks the timesteps of the second calls, which the reference
// interleaves, and returns the others. It computes their levels in float32, for
// KDPM2Ancestral with cancellation, so the timestep may be any that a level within
// that error has.
func assertSecondCalls(t *testing.T, c arrayCase, s *scheduler.Schedule, level func(i int) float64) (first []float64) {
	t.Helper()
	first = []float64{c.Timesteps[0]}
	for i := range len(s.Timesteps) - 1 {
		sigma, delta := level(i), 3e-7
		switch ratio := s.Sigmas[i] / s.Sigmas[i+1]; c.Class {
		case "KDPM2AncestralDiscreteScheduler":
			delta += 1e-7 * ratio * ratio
		case "HeunDiscreteScheduler": // the next level itself
			delta = 0
		}
		if want := c.Timesteps[2*i+1]; !math.IsNaN(want) {
			low, high := s.Timestep(sigma*(1-delta)), s.Timestep(sigma*(1+delta))
			slack := arrayTolerance * largest(c.Timesteps)
			assert.True(t, low-slack <= want && want <= high+slack, "second call of step %d: have %g to %g, want %g", i, low, high, want)
		}
		first = append(first, c.Timesteps[2*i+2])
	}
	return first
}

// doubled repeats all levels but the first and the last.
func doubled(sigmas []float64) []float64 {
	out := []float64{sigmas[0]}
	for _, sigma := range sigmas[1 : len(sigmas)-1] {
		out = append(out, sigma, sigma)
	}
	return append(out, sigmas[len(sigmas)-1])
}
