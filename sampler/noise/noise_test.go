package noise_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"sdgo/sampler/noise"
)

func TestPerImage(t *testing.T) {
	x, want := make([]float32, 40), make([]float32, 20)
	noise.PerImage(noise.NewTorch(1).Normal, noise.NewTorch(2).Normal)(x)
	noise.NewTorch(2).Normal(want)
	assert.Equal(t, want, x[20:])
	assert.Nil(t, noise.PerImage())
}
