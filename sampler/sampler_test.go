package sampler_test

import (
	"context"
	"errors"
	"math"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/sampler"
	"sdgo/scheduler"
)

// all lists every sampler that has a name.
func all(t testing.TB) map[string]sampler.Sampler {
	t.Helper()
	samplers := map[string]sampler.Sampler{}
	for _, info := range sampler.Names() {
		s, err := sampler.ByName(info.Name)
		require.NoError(t, err)
		samplers[info.Name] = s
	}
	return samplers
}

// levels are a few sigmas that suit the sampler.
func levels(s sampler.Sampler) []float64 {
	switch s.(type) {
	case sampler.PLMS:
		return []float64{10, 5, 5, 2, 1, 0.3, 0}
	case sampler.PNDM:
		return []float64{10, 8, 8, 7, 7, 6, 6, 5, 5, 4, 4, 3, 3, 2, 1, 0}
	}
	return []float64{10, 5, 2, 1, 0.3, 0}
}

func silence(dst []float32) { clear(dst) }

func TestBadInput(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for name, s := range all(t) {
		t.Run(name, func(t *testing.T) {
			if _, ok := s.(sampler.PNDM); ok {
				err := s.Sample(context.Background(), gaussian, []float32{1}, []float64{3, 2, 1}, silence)
				assert.ErrorContains(t, err, "have 3 sigmas, want more than 13")
				return
			}
			for _, tt := range []struct {
				want   string
				sigmas []float64
			}{
				{"have 0 sigmas", nil},
				{"have 1 sigmas", []float64{3}},
				{"sigma 1 is 4 after 3", []float64{3, 4, 0}},
				{"sigma 3 is 3 after 3", []float64{5, 4, 3, 3, 0}},
				{"sigma 1 is -1", []float64{3, -1}},
				{"sigma 0 is NaN", []float64{nan, 1, 0}},
				{"sigma 0 is +Inf", []float64{inf, 1, 0}},
				{"sigma 0 is 0", []float64{0, 0}},
			} {
				err := s.Sample(context.Background(), gaussian, []float32{1}, tt.sigmas, silence)
				assert.ErrorContains(t, err, tt.want)
			}
			sigmas := levels(s)
			assert.ErrorContains(t, s.Sample(context.Background(), gaussian, nil, sigmas, silence), "x is empty")
			assert.ErrorContains(t, s.Sample(context.Background(), nil, []float32{1}, sigmas, silence), "no Denoiser")
			assert.ErrorContains(t, s.Sample(context.Background(), gaussian, []float32{1, float32(nan)}, sigmas, silence), "x[1] is NaN")
		})
	}
}

func TestBadOptions(t *testing.T) {
	eta := 1.5
	for want, s := range map[string]sampler.Sampler{
		"ddim: eta: have 2":              sampler.DDIM{Eta: 2},
		"ddim: eta: have NaN":            sampler.DDIM{Eta: math.NaN()},
		"euler_ancestral: eta: have 1.5": sampler.EulerAncestral{Eta: &eta},
		"order: have 4":                  sampler.DPMSolver{Order: 4},
		"order: have -1":                 sampler.DPMSolver{Order: -1},
		"clip: have -1":                  sampler.DDIM{Limit: sampler.Limit{Clip: -1}},
		"quantile: have 2":               sampler.DDIM{Limit: sampler.Limit{Quantile: 2}},
		"max value: have 0.5":            sampler.DDIM{Limit: sampler.Limit{Quantile: 0.9, MaxValue: 0.5}},
		"batch of 2":                     sampler.DDIM{Limit: sampler.Limit{Quantile: 0.9, Batch: 2}},
		"have 1 levels":                  sampler.DDIM{To: []float64{1}},
		"only one of From and To":        sampler.PLMS{To: []float64{5, 2, 1, 0.5, 0}},
		"ipndm: order: have 5":           sampler.IPNDM{Order: 5},
		"stages: have 4":                 sampler.ERSDE{Stages: 4},
		"gamma: have NaN":                sampler.GradientEstimation{Gamma: math.NaN()},
		"restart: have -1 times":         sampler.Restart{Times: -1},
		"res_multistep: eta: have 2":     sampler.ResMultistep{Eta: 2},
		"lms: order: have 5":             sampler.LMS{Order: 5},
		"res_2s: eta: have -1":           sampler.Res2S{Eta: -1},
		"seeds_2: eta: have 1.5":         sampler.SEEDS2{Eta: &eta},
		"seeds_3: eta: have 1.5":         sampler.SEEDS3{Eta: &eta},
		"seeds_2: r: have 2":             sampler.SEEDS2{R: 2},
		"heunpp2: churn: have -1":        sampler.HeunPP2{Churn: sampler.Churn{S: -1}},
		"repaint: eta: have NaN":         sampler.RePaint{Eta: math.NaN()},
		"have 1 resamples by jumps of -": sampler.RePaint{Jump: -1, Resamples: 1},
		"have 1001 resamples by jumps":   sampler.RePaint{Resamples: 1001},
		"unipc: end: have NaN":           sampler.UniPC{End: math.NaN()},
		"unipc: order: have 4":           sampler.UniPC{Order: 4},
		"deis: order: have -2":           sampler.DEIS{Order: -2},
		"have order 2, SDE true":         sampler.DPMSinglestep{SDE: true, Epsilon: true},
		"have orders [1 2]":              sampler.DPMSinglestep{Orders: []int{1, 2}},
		"r: have 2":                      sampler.DPMPPSDE{R: 2},
		"dpm_adaptive: order: have 4":    sampler.DPMAdaptive{Order: 4},
		"rtol: have -1":                  sampler.DPMAdaptive{RTol: -1},
		"churn: have -1":                 sampler.Heun{Churn: sampler.Churn{S: -1}},
		"tcd: eta: have 2":               sampler.TCD{Gamma: 2},
		"tcd: have 0 timesteps":          sampler.TCD{Levels: []float64{1}},
		"lcm: have 1 timesteps":          sampler.LCM{Timesteps: []float64{1}},
	} {
		err := s.Sample(context.Background(), gaussian, []float32{1, 2, 3}, []float64{10, 5, 2, 1, 0.5, 0}, silence)
		assert.ErrorContains(t, err, want)
	}
	for _, s := range []sampler.Sampler{sampler.EulerAncestral{}, sampler.DDIM{Eta: 0.1}, sampler.ERSDE{}, sampler.ResMultistep{Eta: 1}, sampler.Restart{Times: 1, Low: 0.3, High: 5}, sampler.DPMSolver{SDE: true},
		sampler.LCM{}, sampler.DDPM{}, sampler.TCD{Gamma: 0.1}, sampler.Euler{Churn: sampler.Churn{S: 1}}, sampler.DPMPPSDE{}, sampler.DPMSinglestep{SDE: true},
		sampler.SEEDS2{}, sampler.SEEDS3{}, sampler.Res2S{Eta: 1}, sampler.RePaint{Jump: 2}, sampler.HeunPP2{Churn: sampler.Churn{S: 1}}} {
		assert.ErrorContains(t, s.Sample(context.Background(), gaussian, []float32{1}, levels(s), nil), "have no Noise")
	}
}

// A Denoiser's failure, a bad estimate and a cancelled context stop a run and say
// at which step.
func TestStops(t *testing.T) {
	broken := errors.New("broken")
	tests := map[string]struct {
		denoised []float32
		err      error
		want     string
	}{
		"error":    {nil, broken, "broken"},
		"NaN":      {[]float32{0, float32(math.NaN())}, nil, "returned NaN at index 1"},
		"infinity": {[]float32{float32(math.Inf(-1)), 0}, nil, "returned -Inf at index 0"},
		"length":   {[]float32{0}, nil, "returned 1 values, want 2"},
	}
	for name, s := range all(t) {
		for what, tt := range tests {
			t.Run(name+"/"+what, func(t *testing.T) {
				calls := 0
				denoise := func(ctx context.Context, x []float32, sigma float64) (sampler.Estimate, error) {
					if calls++; calls == 4 {
						return sampler.Estimate{Denoised: tt.denoised}, tt.err
					}
					return gaussian(ctx, x, sigma)
				}
				err := s.Sample(context.Background(), denoise, []float32{1, 2}, levels(s), silence)
				var step *sampler.StepError
				require.ErrorAs(t, err, &step)
				assert.Positive(t, step.Step)
				assert.Positive(t, step.Sigma)
				assert.ErrorContains(t, err, tt.want)
			})
		}
		t.Run(name+"/cancelled", func(t *testing.T) {
			ctx, cancel := context.WithCancel(context.Background())
			calls := 0
			denoise := func(ctx context.Context, x []float32, sigma float64) (sampler.Estimate, error) {
				if calls++; calls == 2 {
					cancel()
				}
				return gaussian(ctx, x, sigma)
			}
			err := s.Sample(ctx, denoise, []float32{1}, levels(s), silence)
			assert.ErrorIs(t, err, context.Canceled)
			assert.Equal(t, 2, calls)
		})
	}
}

// One sampler value serves many runs at once, each as if it were alone.
func TestConcurrentRuns(t *testing.T) {
	run := func(s sampler.Sampler, seed uint64) []float32 {
		noise := sampler.NewTorch(seed).Normal
		x := make([]float32, 64)
		noise(x)
		for i := range x {
			x[i] *= 10
		}
		require.NoError(t, s.Sample(context.Background(), gaussian, x, levels(s), noise))
		return x
	}
	var wait sync.WaitGroup
	for name, s := range all(t) {
		for seed := range uint64(8) {
			want := run(s, seed)
			wait.Go(func() { assert.Equal(t, want, run(s, seed), name) })
		}
	}
	wait.Wait()
}

// A sampler leaves the Denoiser's slices alone and does not keep them.
func TestDenoisedIsBorrowed(t *testing.T) {
	for name, s := range all(t) {
		t.Run(name, func(t *testing.T) {
			shared := sampler.Estimate{Denoised: make([]float32, 16), Uncond: make([]float32, 16)}
			var last sampler.Estimate
			borrow := func(ctx context.Context, x []float32, sigma float64) (sampler.Estimate, error) {
				if last.Denoised != nil {
					assert.Equal(t, last, shared, "the sampler wrote into the estimate")
				}
				fresh, err := gaussian(ctx, x, sigma)
				copy(shared.Denoised, fresh.Denoised)
				copy(shared.Uncond, fresh.Uncond)
				last = fresh
				return shared, err
			}
			x, y := make([]float32, 16), make([]float32, 16)
			sampler.NewTorch(5).Normal(x)
			copy(y, x)
			require.NoError(t, s.Sample(context.Background(), borrow, x, levels(s), sampler.NewTorch(6).Normal))
			require.NoError(t, s.Sample(context.Background(), gaussian, y, levels(s), sampler.NewTorch(6).Normal))
			assert.Equal(t, y, x, "the sampler kept the estimate")
		})
	}
}

// The two spellings of one method agree to rounding.
func TestSameMethod(t *testing.T) {
	pairs := map[string][2]sampler.Sampler{
		"DPM-Solver++(2M)":                     {sampler.DPMPP2M{}, sampler.DPMSolver{}},
		"DDIM and Euler":                       {sampler.DDIM{}, sampler.Euler{}},
		"DPM++ order 1 is Euler":               {sampler.DPMSolver{Order: 1}, sampler.Euler{}},
		"DPM order 1 is Euler":                 {sampler.DPMSolver{Order: 1, Epsilon: true}, sampler.Euler{}},
		"DDIM eta 1":                           {sampler.DDIM{Eta: 1}, sampler.EulerAncestral{}},
		"UniPC order 1, no corrector is Euler": {sampler.UniPC{Order: 1, DisableCorrector: []int{0, 1, 2, 3}}, sampler.Euler{}},
		"DEIS order 1 is Euler":                {sampler.DEIS{Order: 1}, sampler.Euler{}},
		"DDPM":                                 {sampler.DDPM{}, sampler.EulerAncestral{}},
		"singlestep order 1 is Euler":          {sampler.DPMSinglestep{Order: 1}, sampler.Euler{}},
		"TCD gamma 0 is Euler":                 {sampler.TCD{}, sampler.Euler{}},
		"late churn, none":                     {sampler.EulerLateChurn{}, sampler.Euler{}},
		"res_multistep":                        {sampler.ResMultistep{}, sampler.DPMSolver{Heun: true}},
		"gradient estimation, gamma 1":         {sampler.GradientEstimation{Gamma: 1}, sampler.Euler{}},
		"iPNDM order 1":                        {sampler.IPNDM{Order: 1}, sampler.Euler{}},
		"restart below 20 steps":               {sampler.Restart{}, sampler.Heun{}},
		"res_2s is SEEDS":                      {sampler.Res2S{}, sampler.SEEDS2{Eta: new(float64), Phi2: true}},
		"repaint of few steps is DDIM":         {sampler.RePaint{Eta: 0.5}, sampler.DDIM{Eta: 0.5}},
		"SDE-DPM++ order 1":                    {sampler.DPMSolver{Order: 1, SDE: true}, sampler.EulerAncestral{}},
	}
	for name, pair := range pairs {
		t.Run(name, func(t *testing.T) {
			var out [2][]float32
			for i, s := range pair {
				out[i] = make([]float32, 32)
				noise := sampler.NewTorch(9).Normal
				noise(out[i])
				require.NoError(t, s.Sample(context.Background(), gaussian, out[i], levels(s), noise))
			}
			assert.InDeltaSlice(t, out[0], out[1], 1e-6)
		})
	}
}

func TestNames(t *testing.T) {
	for name, want := range map[string]string{
		"Euler": "euler", "k_euler_a": "euler_ancestral", "Euler a": "euler_ancestral", "DPM++ 2M": "dpmpp_2m",
		" dpmpp-2m ": "dpmpp_2m", "PNDMScheduler": "plms", "DDIM": "ddim",
	} {
		info, err := sampler.Lookup(name)
		require.NoError(t, err, name)
		assert.Equal(t, want, info.Name)
		config, err := scheduler.NewConfig(info.Class)
		require.NoError(t, err)
		assert.Equal(t, info.Class, config.Class)
		assert.NotEmpty(t, info.Description)
	}
	_, err := sampler.ByName("eular")
	assert.ErrorContains(t, err, `sampler: name: have "eular", want one of euler, `)
	_, err = sampler.FromSolver(sampler.Solver{Class: "NoScheduler"})
	assert.ErrorContains(t, err, `"NoScheduler"`)
}

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

func TestParseLabel(t *testing.T) {
	for label, want := range map[string][2]string{
		"DPM++ 2M SDE Karras":  {"dpmpp_2m_sde", "karras_full"},
		"k_dpmpp_2m_ka":        {"dpmpp_2m", "karras_full"},
		"DPM++ 2M SDE Heun":    {"dpmpp_2m_sde_heun", ""},
		"Euler a":              {"euler_ancestral", ""},
		"LMS Karras":           {"lms", "karras_full"},
		"Euler SGM Uniform":    {"euler", "sgm_uniform"},
		"DDIM":                 {"ddim", ""},
		"dpm++ 2m exponential": {"dpmpp_2m", "exponential_full"},
		"Restart Beta":         {"restart", "beta_sigma_full"},
		"DPM++ 2M Beta":        {"dpmpp_2m", "beta_sigma_full"},
		"Euler KL Optimal":     {"euler", "kl_optimal_open"},

		"Euler a Align Your Steps":           {"euler_ancestral", "align_your_steps"},
		"DPM++ 2M SDE Align Your Steps 11":   {"dpmpp_2m_sde", "align_your_steps"},
		"DPM++ 2M Align Your Steps 32":       {"dpmpp_2m", "align_your_steps_32"},
		"DPM++ 3M SDE Align Your Steps GITS": {"dpmpp_3m_sde", "align_your_steps_gits"},
		"Heun Karras Exponential":            {"heun", "karras_exponential"},
		"Euler a Exponential":                {"euler_ancestral", "exponential_full"},
		"UniPC Simple":                       {"unipc", "simple"},
		"seeds_2 bong_tangent":               {"seeds_2", "bong_tangent"},
		"res_2s smoothstep":                  {"res_2s", "smoothstep"},
		"deis gits":                          {"deis", "gits"},

		"EulerDiscreteScheduler Karras":      {"euler", "karras"}, // a class of diffusers, and its flag
		"HeunDiscreteScheduler Beta":         {"heun", "beta_sigma"},
		"UniPCMultistepScheduler KL Optimal": {"unipc_2", "kl_optimal_open"},
	} {
		info, schedule, err := sampler.ParseLabel(label)
		require.NoError(t, err, label)
		assert.Equal(t, want, [2]string{info.Name, schedule}, label)
		if schedule != "" {
			config, err := scheduler.NewConfig(info.Class)
			require.NoError(t, err)
			_, err = config.ScheduleNamed(schedule, 4)
			assert.NoError(t, err, label)
		}
	}
	for _, label := range []string{"", "Karras", "DPM+++ 9M Karras"} {
		_, _, err := sampler.ParseLabel(label)
		assert.ErrorContains(t, err, "want one of", label)
	}
}

// Dynamic thresholding looks at each latent of the batch alone.
func TestLimit(t *testing.T) {
	x := []float32{1, -2, 3, 10, 0.1, 0.2, 0.3, 0.4}
	same := func(_ context.Context, x []float32, _ float64) (sampler.Estimate, error) {
		return sampler.Estimate{Denoised: x}, nil
	}
	denoise := sampler.Limited(same, sampler.Limit{Quantile: 0.5, MaxValue: 4, Batch: 2})
	have, err := denoise(context.Background(), x, 1)
	require.NoError(t, err)
	// the first latent's median is 2.5; the second's is below 1, which leaves it
	assert.InDeltaSlice(t, []float32{0.4, -0.8, 1, 1, 0.1, 0.2, 0.3, 0.4}, have.Denoised, 1e-6)

	denoise = sampler.Limited(same, sampler.Limit{Clip: 2})
	have, err = denoise(context.Background(), x, 1)
	require.NoError(t, err)
	assert.Equal(t, []float32{1, -2, 2, 2, 0.1, 0.2, 0.3, 0.4}, have.Denoised)
}
