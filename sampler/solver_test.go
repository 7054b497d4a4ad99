package sampler_test

import (
	"context"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/sampler"
	"sdgo/scheduler"
)

// A name takes the options of its own class's config, and of another's the bounds.
func TestNamed(t *testing.T) {
	config := func(class, keys string) sampler.Solver {
		c, err := scheduler.ParseConfig([]byte(`{"_class_name": "` + class + `"` + keys + `}`))
		require.NoError(t, err)
		s, err := c.Schedule(6)
		require.NoError(t, err)
		return sampler.Solver(s.Solver)
	}
	ddim := config("DDIMScheduler", `, "clip_sample_range": 3.0, "timestep_spacing": "trailing"`)
	ddim.Eta = 0.5
	s, err := sampler.Named("DDIM", ddim)
	require.NoError(t, err)
	assert.Equal(t, sampler.DDIM{Eta: 0.5, Limit: sampler.Limit{Clip: 3}, To: ddim.To}, s)

	s, err = sampler.Named("plms", config("PNDMScheduler", `, "skip_prk_steps": true, "prediction_type": "v_prediction"`))
	require.NoError(t, err)
	assert.Equal(t, sampler.PLMS{VPrediction: true}, s)

	s, err = sampler.Named("pndm", config("PNDMScheduler", `, "prediction_type": "v_prediction"`))
	require.NoError(t, err)
	assert.Equal(t, sampler.PNDM{VPrediction: true}, s)

	s, err = sampler.Named("dpm++ 2m", config("DPMSolverMultistepScheduler", `, "solver_order": 3`))
	require.NoError(t, err)
	assert.Equal(t, sampler.DPMPP2M{}, s, "the name says order 2")

	s, err = sampler.Named("unipc_bh1", config("UniPCMultistepScheduler", ""))
	require.NoError(t, err)
	assert.Equal(t, sampler.UniPC{Order: 3, BH1: true, LowerOrderFinal: true, End: 0.001}, s)

	s, err = sampler.Named("unipc_2", config("UniPCMultistepScheduler", `, "solver_order": 3, "lower_order_final": false`))
	require.NoError(t, err)
	assert.Equal(t, sampler.UniPC{Order: 3}, s)

	s, err = sampler.Named("ddim", config("EulerDiscreteScheduler", ""))
	require.NoError(t, err)
	assert.Equal(t, sampler.DDIM{}, s)

	// bounds of the config reach a sampler of another class
	s, err = sampler.Named("euler", config("DDIMScheduler", `, "clip_sample_range": 0.01`))
	require.NoError(t, err)
	x := []float32{5}
	one := func(context.Context, []float32, float64) (sampler.Estimate, error) {
		return sampler.Estimate{Denoised: []float32{1}}, nil
	}
	require.NoError(t, s.Sample(context.Background(), one, x, []float64{5, 0}, nil))
	assert.Equal(t, []float32{0.01}, x)

	_, err = sampler.Named("no such", ddim)
	assert.Error(t, err)
}

// Churn as diffusers' schedulers have it: with EDM's preconditioning, over the end of
// a schedule, and over levels of which it counts one more. The model's output is a
// quarter of its input and all noise is one half.
func TestChurnOfConfigs(t *testing.T) {
	for name, tt := range map[string]struct {
		config   string
		steps    int
		strength float64
		churn    float64
		start    float64   // zero means that of the schedule
		want     []float64 // state after each step
	}{
		"EDM":      {`{"_class_name": "EDMEulerScheduler"}`, 3, 1, 2, 0, []float64{2.8013534545898438, 0.2162773609161377, 0.21758627891540527}},
		"tail":     {`{"_class_name": "EulerDiscreteScheduler", "timestep_spacing": "trailing"}`, 4, 0.5, 1, 2, []float64{2.8176820278167725, 2.5675883293151855}},
		"one more": {`{"_class_name": "EulerDiscreteScheduler", "interpolation_type": "log_linear"}`, 4, 1, 1, 20, []float64{66.6526107788086, 52.85220718383789, 41.79154968261719, 40.53681564331055}},
	} {
		c, err := scheduler.ParseConfig([]byte(tt.config))
		require.NoError(t, err)
		s, err := c.Schedule(tt.steps)
		require.NoError(t, err)
		s, err = s.Tail(tt.strength)
		require.NoError(t, err)
		s.Solver.Churn = tt.churn
		if name == "EDM" {
			s.Solver.SNoise = 1.01
		}
		run, err := sampler.FromSolver(sampler.Solver(s.Solver))
		require.NoError(t, err)
		x := []float32{float32(tt.start)}
		if tt.start == 0 {
			x[0] = float32(s.InitNoiseSigma)
		}
		var states []float64
		quarter := func(_ context.Context, x []float32, sigma float64) (sampler.Estimate, error) {
			states = append(states, float64(x[0]))
			output := float64(x[0]) / math.Sqrt(1+sigma*sigma) / 4
			if data := s.SigmaData; data > 0 {
				norm := math.Sqrt(sigma*sigma + data*data)
				return sampler.Estimate{Denoised: []float32{float32(data*data/(norm*norm)*float64(x[0]) + sigma*data/norm*float64(x[0])/norm/4)}}, nil
			}
			return sampler.Estimate{Denoised: []float32{float32(float64(x[0]) - sigma*output)}}, nil
		}
		require.NoError(t, run.Sample(t.Context(), quarter, x, s.Sigmas, func(dst []float32) { dst[0] = 0.5 }))
		states = append(states[1:], float64(x[0]))
		assert.InEpsilonSlice(t, tt.want, states, 1e-5, name)
	}
}
