package noise_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"sdgo/internal/golden"
	"sdgo/sampler/noise"
)

func TestPhilox(t *testing.T) {
	tensors := golden.Tensors(t, "testdata/rng.safetensors")
	checked := 0
	for name, want := range tensors {
		var seed uint64
		var offset int
		if n, _ := fmt.Sscanf(name, "philox_randn.%d.offset%d", &seed, &offset); n != 2 {
			continue
		}
		checked++
		g := noise.NewPhilox(seed)
		have := make([]float32, len(want.Values))
		for range offset + 1 {
			g.Normal(have)
		}
		for i, w := range want.Values {
			assert.InDelta(t, w, have[i], normalTolerance, "%s: number %d", name, i)
		}
	}
	assert.Equal(t, 15, checked)
}
