//go:build gpu && cgo && linux

package cuda_test

import (
	"context"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/cuda"
	"sdgo/internal/device"
)

// sequence adds three numbers to themselves.
func sequence(t *testing.T, d device.Device) device.Sequence {
	p, err := d.Alloc(2 * 256)
	require.NoError(t, err)
	t.Cleanup(func() { d.Free(p) })
	out := p + 256
	s, err := d.Prepare([]device.Span{{Ptr: p, N: 3}}, []device.Span{{Ptr: out, N: 3}}, device.Add(d.Target(device.F32), out, p, p, 3))
	require.NoError(t, err)
	t.Cleanup(func() { s.Close() })
	return s
}

// A run that is cancelled is an error, and the next one is as if it had not been.
func TestCancel(t *testing.T) {
	s := sequence(t, open(t))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	assert.ErrorIs(t, s.Run(ctx), context.Canceled)
	copy(s.Input(0), []float32{1, 2.5, -3})
	require.NoError(t, s.Run(t.Context()), fault())
	assert.Equal(t, []float32{2, 5, -6}, s.Output(0))
}

// A card that is not there, more memory than there is and a device that was closed are
// errors, and nothing more.
func TestErrors(t *testing.T) {
	_, err := cuda.Open(99)
	assert.ErrorContains(t, err, "have device 99")
	d := open(t)
	_, err = d.Alloc(math.MaxInt64 / 2)
	assert.ErrorContains(t, err, "cuMemAlloc")
	s := sequence(t, d)
	require.NoError(t, d.Close())
	require.NoError(t, d.Close())
	_, err = d.Alloc(1)
	assert.ErrorContains(t, err, "the device is closed")
	assert.ErrorContains(t, s.Run(t.Context()), "the device is closed")
}
