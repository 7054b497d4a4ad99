//go:build gpu && cgo && linux

package cuda_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/cuda"
	"sdgo/internal/cuda/sim"
	"sdgo/internal/device"
)

// Launches that take longer than on paper are cut finer once that was seen in two runs,
// and so are those of the device's next sequence from the start. The software driver is
// much slower than any card.
func TestSegments(t *testing.T) {
	software(t)
	d := open(t)
	cuda.SetSegmentTime(d, 500*time.Microsecond)
	const n, launches = 40_000, 60
	p, err := d.Alloc(3 * 4 * n)
	require.NoError(t, err)
	target, x, out := d.Target(device.F32), p, p+4*n
	list := device.Add(target, out, x, x, n)
	for range launches - 1 {
		list = append(list, device.Add(target, out, out, x, n)...)
	}
	replays := func(s device.Sequence) int {
		before := sim.Get("replays")
		for i := range s.Input(0) {
			s.Input(0)[i] = float32(i % 7)
		}
		clear(s.Output(0))
		require.NoError(t, s.Run(t.Context()), fault())
		require.Equal(t, float32((launches+1)*3), s.Output(0)[n/7*7-4])
		return sim.Get("replays") - before
	}
	prepare := func() device.Sequence {
		s, err := d.Prepare([]device.Span{{Ptr: x, N: n}}, []device.Span{{Ptr: out, N: n}}, list)
		require.NoError(t, err)
		return s
	}
	s, graphs := prepare(), sim.Get("liveGraphs")
	first := replays(s)
	assert.Equal(t, first, replays(s), "once may be by chance")
	finer := replays(s)
	assert.Greater(t, finer, 2*first)
	assert.Equal(t, finer-first, sim.Get("liveGraphs")-graphs, "the first ones are given back")
	require.NoError(t, s.Close())
	s = prepare()
	assert.Greater(t, replays(s), 2*first)
	require.NoError(t, s.Close())
}
