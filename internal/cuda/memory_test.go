//go:build gpu && cgo && linux

package cuda_test

import (
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/cuda/sim"
	"sdgo/internal/device"
	"sdgo/internal/golden"
	"sdgo/vae"
)

// crowded is a VAE on a device of which another program takes memory.
type crowded struct {
	t     *testing.T
	v     *vae.VAE
	other device.Device
	taken []device.Ptr
}

const crowdedMemory = 64 << 20

func newCrowded(t *testing.T) *crowded {
	software(t)
	sim.Set("memory", crowdedMemory)
	d := open(t)
	v, err := vae.LoadFSContext(in(t, d), golden.Model(t, "tiny-sd15"), "vae", &vae.LoadOptions{Precision: "float32"})
	require.NoError(t, err)
	t.Cleanup(func() { v.Close() })
	return &crowded{t: t, v: v, other: open(t)}
}

func (c *crowded) decode(h, w int) ([]float32, error) {
	out, err := c.v.Decode(c.t.Context(), normal(3, 1, c.v.Config.LatentChannels, h, w))
	if err != nil {
		return nil, err
	}
	return out.Float32s(), nil
}

// leave lets the other program take all but some bytes.
func (c *crowded) leave(bytes int) {
	p, err := c.other.Alloc(int64(crowdedMemory - sim.Get("liveBytes") - bytes))
	require.NoError(c.t, err)
	c.taken = append(c.taken, p)
}

func (c *crowded) giveBack() {
	for _, p := range c.taken {
		require.NoError(c.t, c.other.Free(p))
	}
	c.taken = nil
}

// Where the device has no memory left, what is idle gives way; if that is not enough it is
// an error, after which the device is of use again.
func TestMemoryOfIdle(t *testing.T) {
	c := newCrowded(t)
	want, err := c.decode(4, 3)
	require.NoError(t, err)
	_, err = c.decode(5, 5)
	require.NoError(t, err)
	_, err = c.decode(5, 6)
	require.NoError(t, err)
	c.leave(1 << 10)
	_, err = c.decode(6, 5)
	require.NoError(t, err, "in the memory of two that were idle")
	c.leave(1 << 10)
	_, err = c.decode(12, 12)
	require.ErrorIs(t, err, device.ErrMemory)
	assert.ErrorContains(t, err, "the space for intermediate values")
	have, err := c.decode(4, 3)
	require.NoError(t, err)
	assert.True(t, slices.Equal(want, have))
	c.giveBack()
	_, err = c.decode(12, 12)
	require.NoError(t, err)
}

// Calls for which the device has no memory wait for others that hold some.
func TestMemoryInTurn(t *testing.T) {
	c := newCrowded(t)
	want, err := c.decode(4, 4)
	require.NoError(t, err)
	c.leave(1 << 10) // and one that is idle
	var wait sync.WaitGroup
	for range 6 {
		wait.Go(func() {
			have, err := c.decode(4, 4)
			assert.NoError(t, err)
			assert.True(t, slices.Equal(want, have))
		})
	}
	wait.Wait()
}
