package op_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/kernel"
	"sdgo/internal/op"
	"sdgo/internal/op/optest"
)

// Some rows of an image, normalised by the statistics of all, are those of the image
// normalised, with an activation too.
func TestGroupNormGiven(t *testing.T) {
	s := kernel.NormShape{N: 1, Pixels: 7 * 5, C: 12, Groups: 3}
	x, gamma, beta := optest.Randoms(s.Pixels*s.C), optest.Randoms(s.C), optest.Randoms(s.C)
	sums := kernel.NewNormSums(s)
	kernel.Serial(sums.Add(x))
	statistics := sums.Statistics()

	for _, act := range []kernel.Activation{kernel.None, kernel.SiLU} {
		want := make([]float32, len(x))
		kernel.Serial(kernel.GroupNorm(want, x, s, gamma, beta, 1e-5, act, make([]float32, kernel.GroupNormWork(s)))...)
		first, upto := 2*5*s.C, 6*5*s.C
		for name, run := range runners {
			in := nodes([]int{1, 4, 5, s.C}, []int{s.C}, []int{s.C}, []int{len(statistics)})
			out, err := op.GroupNormGiven(in[0], in[1], in[2], in[3], s.Pixels, s.Groups, 1e-5)
			require.NoError(t, err)
			if act != kernel.None {
				out, err = op.Activate(out, act)
				require.NoError(t, err)
			}
			got := run(t, in, [][]float32{x[first:upto], gamma, beta, statistics}, out)
			assert.Equal(t, bits(want[first:upto]), bits(got), name)
		}
	}
}

func TestGroupNormGivenErrors(t *testing.T) {
	for _, tt := range []struct {
		x, statistics []int
		groups        int
		want          string
	}{
		{[]int{2, 4, 5, 12}, []int{12}, 3, "have x [2 4 5 12], want [1 ... C]"},
		{[]int{1, 4, 5, 12}, []int{12}, 5, "have 12 channels, want a multiple of the 5 groups"},
		{[]int{1, 4, 5, 12}, []int{9}, 3, "have statistics [9], want [12]"},
	} {
		in := nodes(tt.x, []int{12}, []int{12}, tt.statistics)
		_, err := op.GroupNormGiven(in[0], in[1], in[2], in[3], 35, tt.groups, 1e-5)
		assert.ErrorContains(t, err, tt.want)
	}
}
