package sampler_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/sampler"
	"sdgo/scheduler"
)

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
