package scheduler_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/golden"
	"sdgo/scheduler"
)

// torch.linspace rounds the range to float32 before it divides it into steps.
func TestBetasRoundTheRange(t *testing.T) {
	c := parse(t, `{"_class_name": "DDIMScheduler", "beta_start": 0.000866, "beta_end": 0.012, "num_train_timesteps": 100}`)
	betas, err := c.Betas()
	require.NoError(t, err)
	want := []float64{0.0008660000166855752, 0.0009784647263586521, 0.0010909293778240681} // torch 2.15
	assert.Equal(t, want, betas[:3])
}

func TestTables(t *testing.T) {
	tensors := golden.Tensors(t, "testdata/tables.safetensors")
	tests := []struct {
		name, schedule string
		start, end     float64
		rescale        bool
	}{
		{"scaled_linear", "scaled_linear", 0.00085, 0.012, false},
		{"scaled_linear_zsnr", "scaled_linear", 0.00085, 0.012, true},
		{"linear", "linear", 0.0001, 0.02, false},
		{"linear_zsnr", "linear", 0.0001, 0.02, true},
		{"squaredcos_cap_v2", "squaredcos_cap_v2", 0.0001, 0.02, false},
		{"squaredcos_cap_v2_zsnr", "squaredcos_cap_v2", 0.0001, 0.02, true},
		{"sigmoid", "sigmoid", 0.0001, 0.02, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, err := scheduler.NewConfig("DDIMScheduler")
			require.NoError(t, err)
			c.BetaSchedule, c.BetaStart, c.BetaEnd, c.RescaleBetasZeroSNR = tt.schedule, tt.start, tt.end, tt.rescale
			betas, err := c.Betas()
			require.NoError(t, err)
			// torch's float32 tables bit for bit, where it rounds correctly. Its
			// sigmoid does not, and neither does its square root (MKL's): one
			// unit in the last place of √ᾱ moves a rescaled ᾱ near zero by a few
			// 1e-6 of itself.
			tolerance := 0.0
			switch {
			case tt.schedule == "sigmoid":
				tolerance = 2e-7
			case tt.rescale:
				tolerance = 1e-5
			}
			if !tt.rescale {
				assertEachClose(t, "betas", tensors[tt.name+".betas"].Values, betas, tolerance)
			}
			assertEachClose(t, "alphaBar", tensors[tt.name+".alphas_cumprod"].Values, c.AlphaBar(), tolerance)
		})
	}
}
