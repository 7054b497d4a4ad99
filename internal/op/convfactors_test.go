package op

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/kernel"
)

// A convolution says what its factors are, for each algorithm, and its result tells: next
// to what float32 gives, rounded factors are off by more, and Winograd's by most. Bounds
// are a third and three times what was seen.
func TestConvFactors(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	for _, tt := range []struct {
		channels  int
		factors   Factors
		name      string // the end of it behind the algorithm
		format    kernel.Format
		deviation float64
	}{
		{64, Exact, "", kernel.Float32, 0}, {64, RoundDirect, " in bfloat16", kernel.BFloat16, 2.3e-3}, {64, RoundWinograd, " in bfloat16", kernel.BFloat16, 2.3e-3},
		{128, Exact, "", kernel.Float32, 6e-7}, {128, RoundDirect, "", kernel.Float32, 6e-7}, {128, RoundWinograd, " in bfloat16", kernel.BFloat16, 1.2e-2},
	} {
		c := newNormConvCase(r, 1, 9, 11, tt.channels, tt.channels, false, false, false, Wrap{})
		want := c.want // direct, in float32
		k := c.conv
		k.factors = tt.factors
		lowered := k.Lower(CPU{}).(conv2d)
		assert.Equal(t, tt.channels == 128, lowered.winograd)
		assert.Equal(t, tt.format, lowered.Cost().format)
		assert.Equal(t, tt.name, lowered.String()[strings.LastIndex(lowered.String(), "+bias")+len("+bias"):])

		normed := make([]float32, len(c.inputs[0].Data))
		kernel.Serial(c.norm.Phases(normed, c.inputs[:3], make([]float32, c.norm.Work()))...)
		have := make([]float32, len(want))
		kernel.Serial(lowered.Phases(have, []Arg{{Data: normed}, c.inputs[3], c.inputs[4]}, make([]float32, lowered.Work()))...)
		deviation := deviationOf(have, want)
		t.Logf("%v: %.2e", lowered, deviation)
		require.LessOrEqual(t, deviation, 3*tt.deviation, "%v", lowered)
		require.GreaterOrEqual(t, deviation, tt.deviation/3, "%v", lowered)
	}
}

// deviationOf is the rms of the difference, relative to what is wanted.
func deviationOf(have, want []float32) float64 {
	var d, e float64
	for i, v := range want {
		d += math.Pow(float64(have[i])-float64(v), 2)
		e += math.Pow(float64(v), 2)
	}
	return math.Sqrt(d / e)
}
