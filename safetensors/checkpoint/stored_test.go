package checkpoint_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"sdgo/safetensors/checkpoint"
)

// inBytes is a checkpoint that has its tensors' bytes, too.
type inBytes struct{ *checkpoint.Memory }

func (inBytes) Stored(_ string, from int64, dst []byte) error {
	for i := range dst {
		dst[i] = byte(from) + byte(i)
	}
	return nil
}

// An overlay gives what the checkpoint below has stored, but not what it changes.
func TestStored(t *testing.T) {
	x := tensor.New(tensor.Of(tensor.Float32), tensor.WithShape(2, 3))
	memory, err := checkpoint.New([]byte("{}"), map[string]*tensor.Dense{"x": x, "y": x})
	require.NoError(t, err)
	assert.ErrorContains(t, checkpoint.Stored(memory, "x", 0, nil), `checkpoint: "x": have a *checkpoint.Memory, want a checkpoint that gives`)
	assert.Error(t, checkpoint.Stored(checkpoint.NewOverlay(memory), "x", 0, nil))

	o := checkpoint.NewOverlay(inBytes{memory})
	require.NoError(t, o.Change("y", func(int, []float32) error { return nil }))
	got := make([]byte, 3)
	require.NoError(t, checkpoint.Stored(o, "x", 5, got))
	assert.Equal(t, []byte{5, 6, 7}, got)
	assert.EqualError(t, checkpoint.Stored(o, "y", 0, nil), `checkpoint: "y": it was changed, and is not stored`)
	assert.Error(t, checkpoint.NewOverlay(nil).Stored("x", 0, nil))
}
