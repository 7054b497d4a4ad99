//go:build gpu && cgo && linux

package sim_test

import (
	"errors"
	"fmt"
	"math"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/cu"

	"sdgo/internal/cuda/driver"
	"sdgo/internal/cuda/sim"
)

// The tests of this file pin what an H100 with a driver of CUDA 13.0 answered where the
// manuals leave it open. They run on a real driver, too.

// code is the CUresult of an error; 0 is success.
func code(err error) int {
	var e *driver.Error
	if !errors.As(driver.Wrap("", err), &e) {
		return 0
	}
	return e.Code
}

// What a capture of this thread allows, and what spoils it.
func TestCaptureAnswers(t *testing.T) {
	q := newQueued(t)
	page := make([]byte, 4*frameWords)
	e, err := cu.MakeEvent(cu.DisableTiming)
	require.NoError(t, err)
	p, host := cu.DevicePtr(q.p), unsafe.Pointer(&q.host[0])
	for _, tt := range []struct {
		name string
		call func() error
		want int
	}{
		{"launch", func() error { return q.queue(q.add, grid{x: 1, threads: 64}, q.p, q.p) }, 0},
		{"allocation", func() error { _, err := cu.MemAlloc(64); return err }, 900},
		{"free", func() error { return cu.MemFree(p) }, 900},
		{"pinned allocation", func() error { _, err := driver.AllocPinned(64); return err }, 900},
		{"blocking copy", func() error { return cu.MemcpyHtoD(p, unsafe.Pointer(&page[0]), 64) }, 0},
		{"context synchronisation", cu.Synchronize, 900},
		{"load", func() error { _, err := cu.LoadData(frame(addOne)); return err }, 0},
		{"pinned copy", func() error { return cu.MemcpyHtoDAsync(p, host, 64, q.stream) }, 0},
		{"pageable copy", func() error { return cu.MemcpyHtoDAsync(p, unsafe.Pointer(&page[0]), 64, q.stream) }, 0},
		{"pageable copy back", func() error { return q.copyBack(page) }, 0},
		{"stream synchronisation", q.stream.Synchronize, 900},
		{"query", q.stream.Query, 900},
		{"record", func() error { return e.Record(q.stream) }, 0},
		{"query of a captured event", e.Query, 1},
		{"another capture", func() error { _, err := driver.Capture(q.stream, nil); return err }, 401},
	} {
		var have int
		g, err := driver.Capture(q.stream, func() error { have = code(tt.call()); return nil })
		assert.Equal(t, tt.want, have, tt.name)
		if tt.want == 900 {
			assert.Equal(t, 901, code(err), tt.name)
		} else {
			require.NoError(t, err, tt.name)
			require.NoError(t, g.Destroy())
		}
		q.step(t)
		assert.NoError(t, q.stream.Synchronize(), tt.name)
	}
}

// A pageable copy that was captured uses the memory at each replay.
func TestCapturedPageableCopy(t *testing.T) {
	onSim(t) // the memory is Go's, which may move under a real driver
	q := newQueued(t)
	x := make([]byte, 4*frameWords)
	g, err := driver.Capture(q.stream, func() error {
		if err := cu.MemcpyHtoDAsync(cu.DevicePtr(q.p), unsafe.Pointer(&x[0]), int64(len(x)), q.stream); err != nil {
			return err
		}
		q.step(t)
		return q.copyBack(x)
	})
	require.NoError(t, err)
	x[0] = 5
	for want := byte(6); want < 8; want++ {
		require.NoError(t, g.Launch(q.stream))
		require.NoError(t, q.stream.Synchronize())
		assert.Equal(t, want, x[0])
	}
}

// The errors of modules that cannot be loaded.
func TestLoadAnswers(t *testing.T) {
	newMachine(t, "sm", 90, "driver", 13000)
	const body = ".visible .entry k()\n{%s ret;}\n"
	for _, tt := range []struct {
		name, head, body string
		want             int
	}{
		{"unknown opcode", "8.1 sm_80", "foo.bar;", 218},
		{"PTX of a later driver", "9.9 sm_80", "", 222},
		{"a later architecture", "8.7 sm_100", "", 218},
		{"of this architecture alone", "8.1 sm_90a", "", 0},
		{"a later instruction than the target", "8.1 sm_75", "cp.async.commit_group;", 218},
		{"the name of a special register", "8.1 sm_80", ".reg .b32 %tid;", 0},
		{"no instruction", "8.1 sm_80", "{ ret; };", 218},
	} {
		var version, target string
		fmt.Sscan(tt.head, &version, &target)
		_, err := cu.LoadData(fmt.Sprintf(".version %s\n.target %s\n.address_size 64\n"+body, version, target, tt.body))
		assert.Equal(t, tt.want, code(err), tt.name)
	}
	for _, text := range []string{"", "hello"} {
		_, err := cu.LoadData(text)
		assert.Equal(t, 200, code(err), "%q", text)
	}
}

// Memory: none, too much, what was not allocated.
func TestMemoryAnswers(t *testing.T) {
	m := newMachine(t)
	p := m.empty(64)
	_, none := cu.MemAlloc(0)
	_, most := cu.MemAlloc(1 << 50)
	_, pinned := driver.AllocPinned(0)
	x := make([]byte, 1<<26)
	assert.Equal(t, []int{1, 2, 0, 1, 1, 0, 1}, []int{
		code(none), code(most), code(pinned), code(cu.MemFree(4096)), code(cu.MemFree(cu.DevicePtr(p + 4))), code(cu.MemFree(0)),
		code(cu.MemcpyDtoH(unsafe.Pointer(&x[0]), cu.DevicePtr(p), 1<<26)),
	})
}

// mma adds all products of an instruction and the sum so far at once: bits below the 25th
// after the point of the largest are dropped, and those of the result that float32 lacks.
func TestProductRounding(t *testing.T) {
	m := newMachine(t, "sm", 90, "truncate", 1)
	rep := func(x float64, n int) []float64 {
		s := make([]float64, n)
		for i := range s {
			s[i] = x
		}
		return s
	}
	for _, tt := range []struct {
		a, b    []float64
		c, want float64
	}{
		{rep(0x1p-12, 1), rep(0x1p-12, 1), 1, 1},
		{rep(0x1.8p-12, 1), rep(0x1p-12, 1), 1, 1},
		{rep(0x1.8p-12, 1), rep(0x1p-11, 1), 1, 1 + 0x1p-23},
		{rep(-0x1.cp-12, 1), rep(0x1p-11, 1), -1, -1 - 0x1p-23},
		{rep(0x1p-12, 2), rep(0x1p-12, 2), 1, 1 + 0x1p-23},
		{rep(0x1p-12, 4), rep(0x1p-13, 4), 1, 1 + 0x1p-23},
		{rep(0x1p-13, 8), rep(0x1p-13, 8), 1, 1},
		{[]float64{0x1p-12, 0, 0, 0, 0, 0, 0, 0, 0x1p-12}, rep(0x1p-12, 9), 1, 1 + 0x1p-23},
		{rep(0x1p-12, 16), rep(0x1p-13, 16), 1, 1 + 0x1p-21},
		{[]float64{1, -1}, rep(1, 2), 0x1p-24, 0x1p-24},
		{[]float64{1, -1}, rep(1, 2), 0x1p-26, 0},
		{[]float64{1, 0x1p-12, -1}, []float64{1, 0x1p-13, 1}, 0, 0x1p-25},
		{[]float64{1, 0x1p-13, 0x1p-13, 0x1p-13}, []float64{1, 0x1p-13, 0x1p-13, 0x1p-13}, 0, 1},
		{nil, nil, 0x1p-140, 0x1p-140},
	} {
		assert.Equal(t, float32(tt.want), m.product(tt.a, tt.b, tt.c), "%v · %v + %v", tt.a, tt.b, tt.c)
	}
}

// product is a row of bfloat16 times a column, by m16n8k16.
func (m *machine) product(a, b []float64, c float64) float32 {
	const text = `.version 8.1
.target sm_80
.address_size 64
.visible .entry k(.param .u64 in, .param .u64 out, .param .f32 c)
{
	.reg .b32 %r<8>; .reg .f32 %f<8>; .reg .b64 %d<5>;
	ld.param.u64 %d1, [in]; ld.param.u64 %d2, [out]; ld.param.f32 %f5, [c];
	mov.u32 %r1, %tid.x; mul.wide.u32 %d3, %r1, 16; add.u64 %d4, %d1, %d3;
	ld.global.v4.u32 {%r2, %r3, %r4, %r5}, [%d4];
	mov.b32 %r6, 0; mov.f32 %f6, 0f00000000;
	mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%f1, %f2, %f3, %f4}, {%r2, %r6, %r3, %r6}, {%r4, %r5}, {%f5, %f6, %f6, %f6};
	mul.wide.u32 %d3, %r1, 4; add.u64 %d4, %d2, %d3; st.global.f32 [%d4], %f1;
	ret;
}
`
	bf := func(x []float64, i int) uint32 {
		if i >= len(x) {
			return 0
		}
		return math.Float32bits(float32(x[i])) >> 16
	}
	words := make([]uint32, 4*32)
	for lane := range 4 { // row 0 of a, column 0 of b
		for half := range 2 {
			k := 8*half + 2*lane
			words[4*lane+half] = bf(a, k) | bf(a, k+1)<<16
			words[4*lane+2+half] = bf(b, k) | bf(b, k+1)<<16
		}
	}
	out := m.empty(4 * 32)
	m.must(m.function(text, "k"), grid{x: 1, threads: 32}, upload(m, words), out, float32(c))
	return download[float32](m, out, 1)[0]
}

// After an illegal address every call fails, contexts can be destroyed, and a new one
// cannot be made: the process can make no more use of CUDA.
func TestStickyError(t *testing.T) {
	onSim(t) // it would end the other tests on a real driver
	m := newMachine(t)
	p := m.empty(64)
	e, err := cu.MakeEvent(cu.DefaultEvent)
	require.NoError(t, err)
	k := m.function(frame(addOne), "k")
	require.NoError(t, m.queue(k, grid{x: 1, threads: 32}, uint64(16), p))
	assert.Equal(t, 700, code(m.stream.Synchronize()))
	_, alloc := cu.MemAlloc(64)
	_, _, info := cu.MemInfo()
	for i, err := range []error{alloc, info, cu.MemFree(cu.DevicePtr(p)), m.queue(k, grid{x: 1, threads: 32}, p, p), e.Query(), m.stream.Destroy()} {
		assert.Equal(t, 700, code(err), i)
	}
	_, err = cu.NumDevices()
	assert.NoError(t, err)
	assert.NoError(t, m.ctx.Destroy())
	_, err = cu.Device(0).MakeContext(cu.SchedAuto)
	assert.Equal(t, 700, code(err), "a new context")
	_, err = cu.MemAlloc(64)
	assert.Equal(t, 201, code(err), "there is none")
	sim.Reset() // as if in another process
	assert.NoError(t, newMachine(t).frame(addOne, 1))
}
