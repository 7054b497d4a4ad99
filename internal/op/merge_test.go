package op_test

import (
	"fmt"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"sdgo/internal/engine"
	"sdgo/internal/golden"
	"sdgo/internal/op"
	"sdgo/safetensors"
)

// mergeTolerance is the rounding of a mean.
const mergeTolerance = 1e-6

// tomesd merges the same tokens, with the destinations that we hash, and hands out
// the same; on the planned machine, which adds the residual on the way, and on
// gorgonia's.
func TestMergeGolden(t *testing.T) {
	file, err := safetensors.OpenFS(os.DirFS("testdata"), "merge.safetensors")
	require.NoError(t, err)
	defer file.Close()
	read := func(name string) []float32 {
		x, ok := file.Tensor(name)
		require.True(t, ok, name)
		v, err := x.Float32s()
		require.NoError(t, err)
		return slices.Clone(v) // the file's memory is read-only
	}
	for _, c := range []struct{ h, w, merge int }{{6, 8, 20}, {7, 5, 13}, {2, 2, 3}, {9, 9, 65}} {
		name := fmt.Sprintf("%d.%d.%d", c.h, c.w, c.merge)
		most := c.h*c.w - c.h/2*(c.w/2) // tomesd takes what there is
		shape := []int{2, c.h * c.w, 20}
		in := nodes(shape, []int{2}, shape, shape)
		m, err := op.MatchTokens(in[0], in[1], c.h, c.w, min(c.merge, most), 77)
		require.NoError(t, err)
		merged, err := m.Merge(in[2])
		require.NoError(t, err)
		unmerged, err := m.Unmerge(merged)
		require.NoError(t, err)
		sum, err := op.Add(in[3], unmerged)
		require.NoError(t, err)

		x, want := read(name+".x"), read(name+".out")
		values, residual := make([]float32, len(x)), make([]float32, len(x))
		for i, v := range x {
			values[i], residual[i] = 2*v+1, float32(i)
			want[i] += residual[i]
		}
		inputs := [][]float32{x, {981, 1}, values, residual}
		for i, n := range in {
			require.NoError(t, G.Let(n, tensor.New(tensor.WithShape(n.Shape()...), tensor.WithBacking(inputs[i]))))
		}
		var tape G.Value
		G.Read(sum, &tape)
		vm := G.NewTapeMachine(in[0].Graph())
		require.NoError(t, vm.RunAll())
		golden.Close(t, want, tape.Data().([]float32), mergeTolerance, name)

		plan, err := engine.NewPlan(in, []*G.Node{sum})
		require.NoError(t, err)
		eng, err := engine.New(nil)
		require.NoError(t, err)
		got := make([]float32, len(x))
		require.NoError(t, eng.Run(t.Context(), plan, inputs, [][]float32{got}))
		assert.Equal(t, tape.Data(), got)
		require.NoError(t, vm.Close())
	}
}

func TestMergeErrors(t *testing.T) {
	in := nodes([]int{2, 15, 8}, []int{2}, []int{3}, []int{2, 7, 8})
	for _, tt := range []struct {
		times, h, w, merge int
		want               string
	}{
		{1, 4, 4, 1, "match tokens: have x [2 15 8], want [2 16 8]"},
		{2, 3, 5, 1, "match tokens: have times [3], want [2]"},
		{1, 1, 15, 1, "match tokens: have 1×15 tokens, want 2×2 and more"},
		{1, 3, 5, 14, "match tokens: have 14 to merge, want 0 to 13"},
		{1, 3, 5, -1, "match tokens: have -1 to merge, want 0 to 13"},
	} {
		_, err := op.MatchTokens(in[0], in[tt.times], tt.h, tt.w, tt.merge, 0)
		assert.ErrorContains(t, err, tt.want)
	}
	m, err := op.MatchTokens(in[0], in[1], 3, 5, 7, 0)
	require.NoError(t, err)
	_, err = m.Merge(in[3])
	assert.ErrorContains(t, err, "merge tokens: have x [2 7 8], want [2 15 8]")
	_, err = m.Unmerge(in[3])
	assert.ErrorContains(t, err, "unmerge tokens: have y [2 7 8], want [2 8 8]")
}
