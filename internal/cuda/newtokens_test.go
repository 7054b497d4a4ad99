//go:build gpu && cgo && linux

package cuda_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"sdgo/clip"
	"sdgo/internal/golden"
)

// Vectors of new tokens stand in the table's place on a device as on the processor.
func TestNewTokens(t *testing.T) {
	d := open(t)
	run := func(ctx context.Context, precision string) []float32 {
		e, err := clip.LoadTextEncoderFSContext(ctx, golden.Model(t, "tiny-sd15"), "text_encoder", &clip.LoadOptions{Precision: precision})
		require.NoError(t, err)
		defer e.Close()
		fresh := e.Config.VocabSize
		more, err := e.WithTokens(map[int][]float32{fresh: normal(3, e.Config.HiddenSize).Float32s()})
		require.NoError(t, err)
		out, err := more.Encode(ctx, [][]int{{998, 5, fresh, 7, 999}}, 0)
		require.NoError(t, err, fault())
		return out.Tokens.Float32s()
	}
	want := run(in(t, nil), "float32")
	for precision, tolerance := range networkTolerances {
		compare(t, want, run(in(t, d), precision), tolerance)
	}
}
