package unet

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCells(t *testing.T) {
	for _, tt := range []struct {
		config        string
		height, width int
	}{
		{`{}`, 64, 64},
		{`{"sample_size": null}`, 64, 64},
		{`{"sample_size": 16}`, 16, 16},
		{`{"sample_size": 96}`, 96, 96},
		{`{"sample_size": [6, 9]}`, 6, 9},
		{`{"sample_size": [6, 9, 3]}`, 64, 64},
		{`{"sample_size": "large"}`, 64, 64},
		{`{"sample_size": -Infinity}`, 64, 64},
		{`{"sample_size": 0}`, 64, 64},
		{`{"sample_size": 1e30}`, 64, 64},

		{`{"sample_size": 16, "_diffusers_version": "0.6.0"}`, 64, 64},
		{`{"sample_size": 63, "_diffusers_version": "0.8.1"}`, 64, 64},
		{`{"sample_size": 32, "_diffusers_version": "0.8.0.dev0"}`, 64, 64},
		{`{"sample_size": 32, "_diffusers_version": "0.1"}`, 64, 64},
		{`{"sample_size": 32, "_diffusers_version": "0"}`, 64, 64},
		{`{"sample_size": 64, "_diffusers_version": "0.6.0"}`, 64, 64},
		{`{"sample_size": 96, "_diffusers_version": "0.6.0"}`, 96, 96},
		{`{"sample_size": [16, 32], "_diffusers_version": "0.6.0"}`, 16, 32},

		{`{"sample_size": 16, "_diffusers_version": "0.9.0"}`, 16, 16},
		{`{"sample_size": 16, "_diffusers_version": "0.9.0.dev0"}`, 16, 16},
		{`{"sample_size": 16, "_diffusers_version": "0.9.0rc1"}`, 16, 16},
		{`{"sample_size": 16, "_diffusers_version": "0.10.2"}`, 16, 16},
		{`{"sample_size": 16, "_diffusers_version": "1.0"}`, 16, 16},
		{`{"sample_size": 16, "_diffusers_version": "1!0.5"}`, 16, 16},
		{`{"sample_size": 16, "_diffusers_version": "0.99999999999999999999"}`, 16, 16},
		{`{"sample_size": 16, "_diffusers_version": "x"}`, 16, 16},
		{`{"sample_size": 16, "_diffusers_version": null}`, 16, 16},
		{`{"sample_size": 16, "_diffusers_version": 0.6}`, 16, 16},
	} {
		c, err := ParseConfig([]byte(tt.config))
		require.NoError(t, err, tt.config)
		height, width := c.Cells()
		assert.Equal(t, [2]int{tt.height, tt.width}, [2]int{height, width}, tt.config)
	}
}
