package sampler_test

import (
	"context"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/golden"
	"sdgo/sampler"
)

// comfyCase is a run of a sampler of ComfyUI or stable-diffusion.cpp.
type comfyCase struct {
	Label    string `json:"label"` // the program's name of the sampler, perhaps with an option
	Schedule string `json:"schedule"`
	Calls    int    `json:"calls"` // of the model
	Noise    int    `json:"noise"` // draws of it
}

// drawsIdly says whether the reference draws noise that it multiplies by zero: the
// samplers without noise of a function that has some, on the reference's every call.
func (c comfyCase) drawsIdly() bool {
	return c.Label == "res_multistep" || c.Label == "res_multistep_cfg_pp"
}

// The cases that are not a name's own options.
func comfyOptions() map[string]sampler.Sampler {
	half, sixth := 0.5, 0.6
	return map[string]sampler.Sampler{
		"heunpp2_churn":                 sampler.HeunPP2{Churn: sampler.Churn{S: 3, TMin: 0.05, TMax: 12, SNoise: 1.005}},
		"seeds_2_eta":                   sampler.SEEDS2{Eta: &half, SNoise: 0.9},
		"seeds_2_phi_2":                 sampler.SEEDS2{R: 0.4, Phi2: true},
		"seeds_3_eta":                   sampler.SEEDS3{Eta: &half, SNoise: 0.9},
		"sa_solver_simple":              sampler.SASolver{Tau: sampler.Tau{AtEnd: true}, LowerOrderZero: true, SimpleOrder2: true},
		"res_2s_eta":                    sampler.Res2S{Eta: 0.7},
		"er_sde_stage_2":                sampler.ERSDE{Stages: 2},
		"dpmpp_2s_ancestral_cfg_pp_eta": sampler.DPMPP2SAncestral{CFGPlusPlus: true, Eta: &sixth, SNoise: 0.9},
		"dpmpp_2m_v2":                   sampler.DPMPP2MV2{},
	}
}

// comfyDenoiser is kDenoiser with an unconditional estimate.
func comfyDenoiser(ctx context.Context, x []float32, sigma float64) (sampler.Estimate, error) {
	est, err := kDenoiser(ctx, x, sigma)
	est.Uncond = make([]float32, len(x))
	for i, v := range x {
		v := float64(v)
		est.Uncond[i] = float32(v*(0.5/(1+sigma*sigma)) + 0.1*math.Sin(v/(1+sigma)) + 0.1*math.Cos(sigma))
	}
	return est, err
}

// Samplers under ComfyUI's and stable-diffusion.cpp's names are theirs, with the same
// noise and as many model calls.
func TestComfyUI(t *testing.T) {
	var cases []comfyCase
	golden.JSON(t, "testdata/comfyui.json.gz", &cases)
	tensors := golden.Tensors(t, "testdata/comfyui.safetensors")
	options := comfyOptions()
	require.Len(t, cases, 180)
	for _, c := range cases {
		t.Run(c.Label+"/"+c.Schedule, func(t *testing.T) {
			s := options[c.Label]
			if s == nil {
				var err error
				s, err = sampler.ByName(c.Label)
				require.NoError(t, err)
			}
			sigmas := tensors["sigmas."+c.Schedule].Values
			x := make([]float32, len(tensors["start"].Values))
			for i, v := range tensors["start"].Values {
				x[i] = float32(v * sigmas[0])
			}
			calls, drawn := 0, 0
			denoise := func(ctx context.Context, x []float32, sigma float64) (sampler.Estimate, error) {
				calls++
				return comfyDenoiser(ctx, x, sigma)
			}
			all := tensors["noise"].Values
			noise := func(dst []float32) {
				for i := range dst {
					dst[i] = float32(all[drawn*len(dst)+i])
				}
				drawn++
			}
			require.NoError(t, s.Sample(context.Background(), denoise, x, sigmas, noise))
			assertState(t, "out", tensors[c.Label+"."+c.Schedule].Values, x, 1, 0)
			assert.Equal(t, c.Calls, calls, "model calls")
			if c.drawsIdly() {
				return
			}
			assert.Equal(t, c.Noise, drawn, "draws of noise")
		})
	}
}
