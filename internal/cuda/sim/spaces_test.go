//go:build gpu && cgo && linux

package sim_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/cuda/sim"
)

// Two kernels of one module that use every space, by its own instructions and by generic
// addresses: a table with values, external and static shared memory, local memory, a
// struct as parameter.
const spaces = `.version 8.1
.target sm_80
.address_size 64
.extern .shared .align 16 .b8 dynamic[];
.global .align 4 .u32 table[3] = {10, 20, 30};
.const .align 2 .b16 small[2] = {7, 9};
.visible .entry first(
	.param .u64 .ptr .global .align 16 out,
	.param .align 8 .b8 args[24]
)
.maxntid 32, 1, 1
{
	.reg .b32 %r<20>; .reg .b64 %d<20>; .reg .b16 %h<2>;
	.shared .align 4 .b8 fixed[128];
	.local .align 8 .b8 __local_depot0[16];
	ld.param.u64 %d1, [out];
	mov.u32 %r1, %tid.x;
	mul.wide.u32 %d2, %r1, 4;
	add.u64 %d3, %d1, %d2;
	// the struct, through a generic address and directly
	mov.b64 %d4, args;
	cvta.param.u64 %d5, %d4;
	ld.u32 %r2, [%d5+20];
	ld.param.v2.u32 {%r3, %r4}, [args+16];
	sub.u32 %r2, %r2, %r4;
	// shared memory: the external part begins behind the fixed one
	mov.u32 %r5, fixed;
	mov.u32 %r6, dynamic;
	sub.u32 %r7, %r6, %r5;
	shl.b32 %r8, %r1, 2;
	add.u32 %r9, %r6, %r8;
	st.shared.u32 [%r9], %r3;
	cvt.u64.u32 %d6, %r9;
	cvta.shared.u64 %d7, %d6;
	ld.u32 %r10, [%d7];
	// local memory
	mov.u64 %d8, __local_depot0;
	cvta.local.u64 %d9, %d8;
	st.u32 [%d9+8], %r1;
	ld.local.u32 %r11, [%d8+8];
	// tables
	ld.global.u32 %r12, [table+8];
	ld.const.u16 %h1, [small+2];
	cvt.u32.u16 %r13, %h1;
	add.u32 %r14, %r2, %r7;   // 0 + 128
	add.u32 %r14, %r14, %r10; // + the struct's number
	add.u32 %r14, %r14, %r11; // + the thread
	add.u32 %r14, %r14, %r12; // + 30
	add.u32 %r14, %r14, %r13; // + 9
	st.global.u32 [%d3], %r14;
	ret;
}
.visible .entry second(.param .u64 out)
{
	.reg .b32 %r<4>; .reg .b64 %d<4>;
	ld.param.u64 %d1, [out];
	mov.u32 %r1, dynamic;
	st.global.u32 [%d1], %r1;
	ret;
}
`

func TestSpaces(t *testing.T) {
	m := newMachine(t)
	out := m.empty(4 * 32)
	first, second := m.function(spaces, "first"), m.function(spaces, "second")
	require.Error(t, m.run(second, grid{x: 1, threads: 1025}, out))
	m.must(second, grid{x: 1, threads: 1, shared: 16}, out)
	assert.EqualValues(t, 1024, download[uint32](m, out, 1)[0], "what the system keeps; the memory of another kernel is not counted")

	// The struct goes word by word: package cu lays them side by side.
	m.must(first, grid{x: 1, threads: 32, shared: 128}, out, uint64(1), uint64(2), uint64(1000|5<<32))
	want := make([]uint32, 32)
	for i := range want {
		want[i] = uint32(128 + 1000 + i + 30 + 9)
	}
	assert.Equal(t, want, download[uint32](m, out, 32))
}

// Atomic operations of several blocks on one place are no race, and none is lost; a plain
// write between them is one.
func TestAtomics(t *testing.T) {
	m := newMachine(t)
	x := make([]uint32, frameWords)
	p, q := upload(m, x), upload(m, x)
	all := m.function(frame(`
		atom.global.add.u32 %r7, [%d1], 2;
		red.global.max.u32 [%d1+4], %r1;
		mov.f32 %f1, 0f3f000000;
		atom.global.add.f32 %f2, [%d1+8], %f1;
		atom.cas.b32 %r8, [%d1+12], 0, 7;
		red.global.or.b32 [%d1+16], %r1;
		bar.sync 0;
		st.shared.u32 [%r5], 0;
		bar.sync 0;
		atom.shared.add.u32 %r9, [%r4], 1;
		bar.sync 0;
		ld.shared.u32 %r10, [%r4];
		st.global.u32 [%d2], %r10;`), "k")
	m.must(all, grid{x: 1, threads: 64}, p, q)
	assert.Equal(t, []uint32{128, 63, math.Float32bits(32), 7, 63}, download[uint32](m, p, 5))
	assert.EqualValues(t, 64, download[uint32](m, q, 1)[0])
	many := m.function(frame("atom.global.add.u32 %r7, [%d1], 2;"), "k")
	m.must(many, grid{x: 9, threads: 64}, p, q)
	assert.EqualValues(t, 128+9*128, download[uint32](m, p, 1)[0])
	if !real {
		mixed := m.function(frame("setp.eq.u32 %p1, %r2, 3;\n@%p1 bra L;\natom.global.add.u32 %r7, [%d1], 2;\nret;\nL:\nsetp.eq.u32 %p2, %r1, 0;\n@%p2 st.global.u32 [%d1], %r1;"), "k")
		assert.Error(t, m.run(mixed, grid{x: 9, threads: 64}, p, q))
		assert.Contains(t, sim.Fault(), "race between blocks")
	}
}
