//go:build gpu && cgo && linux

package sim_test

import (
	"runtime"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/cu"

	"sdgo/internal/cuda/driver"
	"sdgo/internal/cuda/sim"
)

// work is a small program of all kinds of calls. It returns the first error, having given
// back what it took.
func work() (err error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	dev, err := cu.GetDevice(0)
	if err != nil {
		return err
	}
	ctx, err := dev.MakeContext(cu.SchedAuto)
	if err != nil {
		return err
	}
	defer ctx.Destroy()
	mod, err := cu.LoadData(frame(addOne))
	if err != nil {
		return err
	}
	k, err := mod.Function("k")
	if err != nil {
		return err
	}
	host, err := driver.AllocPinned(4 * frameWords)
	if err != nil {
		return err
	}
	defer driver.FreePinned(host)
	p, err := cu.MemAlloc(4 * frameWords)
	if err != nil {
		return err
	}
	defer cu.MemFree(p)
	stream, err := cu.MakeStream(cu.NonBlocking)
	if err != nil {
		return err
	}
	defer stream.Destroy()
	if err := cu.MemcpyHtoD(p, unsafe.Pointer(&host[0]), 4*frameWords); err != nil {
		return err
	}
	for range 2 {
		if err := k.Launch(1, 1, 1, 64, 1, 1, 0, stream, []unsafe.Pointer{unsafe.Pointer(&p), unsafe.Pointer(&p)}); err != nil {
			return err
		}
	}
	if err := cu.MemcpyDtoHAsync(unsafe.Pointer(&host[0]), p, 4*frameWords, stream); err != nil {
		return err
	}
	return stream.Synchronize()
}

var live = []string{"liveBytes", "liveAllocations", "livePinned", "liveContexts", "liveStreams", "liveEvents", "liveModules", "liveGraphs"}

func counts() map[string]int {
	c := map[string]int{}
	for _, name := range live {
		c[name] = sim.Get(name)
	}
	return c
}

// Each kind of call fails where it should, once, with the code that was asked for, and
// the counters see that nothing is left.
func TestInjectedFaults(t *testing.T) {
	onSim(t)
	sim.Reset()
	sim.Set("quiet", 1)
	before := counts()
	for _, tt := range []struct {
		option string
		calls  int // of that kind in work
	}{{"failAlloc", 1}, {"failPinned", 1}, {"failCopy", 2}, {"failLaunch", 2}, {"failLoad", 1}, {"failSync", 1}} {
		for n := range tt.calls + 1 {
			sim.Set(tt.option, n)
			err := work()
			if n < tt.calls {
				assert.Error(t, err, "%s %d", tt.option, n)
			} else {
				assert.NoError(t, err, "%s %d", tt.option, n)
			}
			sim.Reset() // most end all use of CUDA
			sim.Set("quiet", 1)
			assert.NoError(t, work(), "after %s %d", tt.option, n)
			assert.Equal(t, before, counts(), "%s %d", tt.option, n)
		}
	}
	sim.Set("failAlloc", 0)
	sim.Set("failCode", 700)
	assert.EqualError(t, work(), "IllegalAddress")
	sim.Reset()
}

// After every number of calls the device may be lost: everything is an error from then
// on, and destroying the context gives all back.
func TestLostDevice(t *testing.T) {
	onSim(t)
	const givesBack = 3 // calls at the end of work, whose errors it does not look at
	sim.Reset()
	before := counts()
	require.NoError(t, work())
	calls := sim.Get("calls")
	require.Greater(t, calls, 10)
	for n := range calls {
		sim.Reset()
		sim.Set("loseAfter", n)
		sim.Set("loseCode", 999)
		err := work()
		sim.Reset()
		if n < calls-givesBack {
			assert.Error(t, err, "lost after %d calls", n)
		} else {
			assert.NoError(t, err, "lost after %d calls", n)
		}
		assert.Equal(t, before, counts(), "lost after %d calls", n)
	}
	assert.NoError(t, work(), "the device is found again")
}

func TestOutOfMemory(t *testing.T) {
	onSim(t)
	newMachine(t, "memory", 1<<20)
	p, err := cu.MemAlloc(900 << 10)
	require.NoError(t, err)
	_, err = cu.MemAlloc(200 << 10)
	assert.EqualError(t, err, "OutOfMemory")
	free, total, err := cu.MemInfo()
	require.NoError(t, err)
	assert.EqualValues(t, 1<<20, total)
	assert.EqualValues(t, 124<<10, free)
	require.NoError(t, cu.MemFree(p))
	_, err = cu.MemAlloc(200 << 10)
	assert.NoError(t, err)
}

func TestBytesOverTheBus(t *testing.T) {
	onSim(t)
	m := newMachine(t)
	p, q := upload(m, make([]byte, 100)), m.empty(100)
	require.NoError(t, cu.MemcpyDtoD(cu.DevicePtr(q), cu.DevicePtr(p), 50))
	download[byte](m, q, 30)
	assert.Equal(t, []int{100, 30, 50}, []int{sim.Get("toDevice"), sim.Get("toHost"), sim.Get("onDevice")})
	assert.Equal(t, 200, sim.Get("liveBytes"))
	assert.Equal(t, 2, sim.Get("liveAllocations"))
}

// Sectors used of those fetched, passes over banks against the ideal, parted branches:
// each for a pattern whose figures are known.
func TestKernelCounters(t *testing.T) {
	onSim(t)
	for _, tt := range []struct {
		name, body  string
		used, banks float64
		branches    int
	}{
		{"neighbours", "ld.global.u32 %r7, [%d4];", 1, 1, 0},
		{"every fourth word", "and.b32 %r8, %r1, 31; mul.wide.u32 %d6, %r8, 16; add.u64 %d6, %d6, %d1; ld.global.u32 %r7, [%d6];", 0.25, 1, 0},
		{"one word for all", "ld.global.u32 %r7, [%d1];", 1.0 / 8, 1, 0},
		{"words in one bank", "shl.b32 %r8, %r1, 7; and.b32 %r9, %r8, 0xf80; add.u32 %r8, %r9, %r4; setp.lt.u32 %p1, %r1, 32; @%p1 st.shared.u32 [%r8], %r1;", 1, 32, 0},
		{"stride of two", "shl.b32 %r8, %r1, 3; add.u32 %r8, %r8, %r4; st.shared.u32 [%r8], %r1;", 1, 2, 0},
		{"words in all banks", storeOwn, 1, 1, 0},
		{"16 bytes a lane", "shl.b32 %r8, %r1, 4; add.u32 %r8, %r8, %r4; st.shared.v4.u32 [%r8], {%r1,%r1,%r1,%r1};", 1, 1, 0},
		{"odd lanes part", evenLanes + "@%p1 bra L;\nmov.u32 %r12, 1;\nL:", 1, 1, 2},
	} {
		m := newMachine(t, "blocks", 0)
		require.NoError(t, m.frame(tt.body, 1), "%s: %s", tt.name, sim.Fault())
		all := sim.Kernels()
		require.Len(t, all, 1)
		k := all[0]
		assert.Equal(t, "k", k.Name)
		assert.Equal(t, []int{1, 1, tt.branches}, []int{k.Launches, k.Blocks, k.Branches}, tt.name)
		assert.InDelta(t, tt.used, k.Used(), 1e-9, tt.name)
		assert.InDelta(t, tt.banks, k.BankFactor(), 1e-9, tt.name)
	}
}
