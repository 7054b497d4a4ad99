//go:build gpu && cgo && linux

package sim_test

import (
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/cu"

	"sdgo/internal/cuda/driver"
	"sdgo/internal/cuda/sim"
)

// addOne adds one to each of 64 numbers of p.
const addOne = "ld.global.u32 %r7, [%d4];\nadd.u32 %r7, %r7, 1;\nst.global.u32 [%d4], %r7;"

// queued is a machine with 64 numbers on the device, a pinned buffer for them, and the kernel that adds one.
type queued struct {
	*machine
	p    uint64
	add  cu.Function
	host []byte
}

func newQueued(t *testing.T, options ...any) *queued {
	m := newMachine(t, options...)
	host, err := driver.AllocPinned(4 * frameWords)
	require.NoError(t, err)
	return &queued{m, upload(m, make([]uint32, frameWords)), m.function(frame(addOne), "k"), host}
}

func (q *queued) step(t *testing.T) {
	require.NoError(t, q.queue(q.add, grid{x: 1, threads: 64}, q.p, q.p))
}

func (q *queued) copyBack(to []byte) error {
	return cu.MemcpyDtoHAsync(unsafe.Pointer(&to[0]), cu.DevicePtr(q.p), int64(len(to)), q.stream)
}

// Nothing happens before somebody waits, and pinned memory is read and written then.
func TestStreamsWait(t *testing.T) {
	onSim(t)
	q := newQueued(t)
	q.host[0] = 5
	require.NoError(t, cu.MemcpyHtoDAsync(cu.DevicePtr(q.p), unsafe.Pointer(&q.host[0]), 4*frameWords, q.stream))
	q.step(t)
	require.NoError(t, q.copyBack(q.host))
	q.host[0] = 40 // too early: the copy has not been made
	assert.Error(t, q.stream.Query())
	require.NoError(t, q.stream.Synchronize())
	assert.Equal(t, byte(41), q.host[0])
	assert.NoError(t, q.stream.Query())
}

// Pageable memory is read before the copy returns, and has its bytes when one to it returns.
func TestPageableCopies(t *testing.T) {
	onSim(t)
	q := newQueued(t)
	x := make([]byte, 4*frameWords)
	x[0] = 5
	require.NoError(t, cu.MemcpyHtoDAsync(cu.DevicePtr(q.p), unsafe.Pointer(&x[0]), 4*frameWords, q.stream))
	x[0] = 40
	q.step(t)
	require.NoError(t, q.copyBack(x))
	assert.Equal(t, byte(6), x[0])
}

// A copy that blocks does not wait for a stream that is not blocking.
func TestBlockingCopyDoesNotWait(t *testing.T) {
	onSim(t)
	q := newQueued(t)
	q.step(t)
	assert.EqualValues(t, 0, download[uint32](q.machine, q.p, 1)[0])
	require.NoError(t, q.stream.Synchronize())
	assert.EqualValues(t, 1, download[uint32](q.machine, q.p, 1)[0])
}

// Who asks again and again is served.
func TestQueryMakesProgress(t *testing.T) {
	onSim(t)
	q := newQueued(t)
	for range 3 {
		q.step(t)
	}
	n := 0
	for ; q.stream.Query() != nil; n++ {
		require.Less(t, n, 4)
	}
	assert.Equal(t, 3, n)
}

func TestCaptureAndReplay(t *testing.T) {
	onSim(t)
	q := newQueued(t)
	graph, err := driver.Capture(q.stream, func() error {
		q.step(t)
		q.step(t)
		return q.copyBack(q.host)
	})
	require.NoError(t, err)
	require.NoError(t, q.stream.Synchronize())
	assert.Zero(t, sim.Get("launches"), "captured work has run")
	for i := range 3 {
		require.NoError(t, graph.Launch(q.stream))
		require.NoError(t, q.stream.Synchronize())
		assert.EqualValues(t, 2*i+2, q.host[0])
	}
	assert.Equal(t, 6, sim.Get("launches"))
	assert.Equal(t, 3, sim.Get("replays"))
	require.NoError(t, graph.Destroy())
	assert.Zero(t, sim.Get("liveGraphs"))
}

// An event orders two streams.
func TestEvents(t *testing.T) {
	onSim(t)
	q := newQueued(t)
	other, err := cu.MakeStream(cu.NonBlocking)
	require.NoError(t, err)
	e, err := cu.MakeEvent(cu.DefaultEvent)
	require.NoError(t, err)
	q.step(t)
	require.NoError(t, e.Record(q.stream))
	assert.Error(t, e.Query())
	require.NoError(t, other.Wait(e, 0))
	require.NoError(t, cu.MemcpyDtoHAsync(unsafe.Pointer(&q.host[0]), cu.DevicePtr(q.p), 4, other))
	require.NoError(t, other.Synchronize())
	assert.EqualValues(t, 1, q.host[0])
	require.NoError(t, e.Synchronize())
	assert.NoError(t, e.Query())
}

// A fault of a kernel is reported when somebody waits, not when it is launched.
func TestFaultsAreLate(t *testing.T) {
	onSim(t)
	m := newMachine(t)
	k := m.function(frame("trap;"), "k")
	p := m.empty(4)
	assert.NoError(t, m.queue(k, grid{x: 1, threads: 32}, p, p))
	assert.Error(t, m.stream.Synchronize())
}

func TestFreedMemory(t *testing.T) {
	onSim(t)
	m := newMachine(t)
	k := m.function(frame("ld.global.u32 %r7, [%d4];"), "k")
	p := upload(m, make([]uint32, frameWords))
	require.NoError(t, cu.MemFree(cu.DevicePtr(p)))
	require.Error(t, m.run(k, grid{x: 1, threads: 64}, p, p))
	assert.Contains(t, sim.Fault(), "(freed memory)")
	assert.NotEqual(t, p, newMachine(t).empty(4*frameWords), "an address is given out twice")
}

func TestUninitialisedCopy(t *testing.T) {
	onSim(t)
	m := newMachine(t)
	p := m.empty(64)
	require.NoError(t, cu.MemcpyHtoD(cu.DevicePtr(p), unsafe.Pointer(&make([]byte, 60)[0]), 60))
	x := make([]byte, 64)
	require.Error(t, cu.MemcpyDtoH(unsafe.Pointer(&x[0]), cu.DevicePtr(p), 64))
	assert.Contains(t, sim.Fault(), "uninitialised: a copy of 64 bytes to the host reads global memory")
	assert.Contains(t, sim.Fault(), "byte 60 of it")
}

// Forgotten memory counts as not set, though its allocation was.
func TestForget(t *testing.T) {
	onSim(t)
	m := newMachine(t)
	k := m.function(frame("ld.global.u32 %r7, [%d4];"), "k")
	p := upload(m, make([]uint32, frameWords))
	m.must(k, grid{x: 1, threads: 64}, p, p)
	require.NoError(t, sim.Forget(p+8, 4))
	require.Error(t, m.run(k, grid{x: 1, threads: 64}, p, p))
	assert.Contains(t, sim.Fault(), "thread 2,")
}

// A launch beyond the limits of the device, or of what was asked for, is refused.
func TestLaunchLimits(t *testing.T) {
	onSim(t)
	q := newQueued(t)
	for name, g := range map[string]grid{
		"no blocks": {x: 0, threads: 32}, "1025 threads": {x: 1, threads: 1025}, "too much shared memory": {x: 1, threads: 32, shared: 49<<10 + 1},
	} {
		assert.EqualError(t, q.queue(q.add, g, q.p, q.p), "InvalidValue", name)
	}
	require.NoError(t, driver.SetShared(q.add, 100<<10))
	assert.NoError(t, q.run(q.add, grid{x: 1, threads: 64, shared: 100 << 10}, q.p, q.p))
	assert.EqualError(t, driver.SetShared(q.add, 164<<10), "cuda: cuFuncSetAttribute: error 1: invalid argument")
}

func TestVersions(t *testing.T) {
	onSim(t)
	newMachine(t, "driver", 12000)
	_, err := cu.LoadData(frame(addOne))
	assert.Error(t, err)
	assert.Contains(t, sim.Fault(), "PTX 8.1 is newer than the driver's 8.0")
	newMachine(t, "sm", 75)
	_, err = cu.LoadData(frame(addOne))
	assert.Error(t, err)
	assert.Contains(t, sim.Fault(), "the PTX is for sm_80, the device has sm_75")
}
