//go:build gpu && cgo && linux

package sim_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/cu"

	"sdgo/internal/cuda/sim"
)

// frame puts a body into a kernel of two pointers: p, 256 words with values, in %d1, and
// q, 256 without, in %d2; %d4 and %d5 are the thread's own words in them. %r1 is the
// thread, %r2 the block, %r5 its own word in shared memory, which begins at %r4.
func frame(body string) string {
	return `.version 8.1
.target sm_80
.address_size 64
.visible .entry k(.param .u64 p, .param .u64 q)
{
.reg .pred %p<4>; .reg .b16 %h<4>; .reg .b32 %r<20>; .reg .f32 %f<8>; .reg .b64 %d<16>;
.shared .align 16 .b8 s[4096];
ld.param.u64 %d1, [p]; ld.param.u64 %d2, [q];
mov.u32 %r1, %tid.x; mov.u32 %r2, %ctaid.x;
shl.b32 %r3, %r1, 2; mov.u32 %r4, s; add.u32 %r5, %r4, %r3;
mul.wide.u32 %d3, %r1, 4; add.u64 %d4, %d1, %d3; add.u64 %d5, %d2, %d3;
` + body + "\nret;\n}\n"
}

const frameWords = 256

// Pieces of bodies.
const (
	storeOwn   = "st.shared.u32 [%r5], %r1;\n"
	barrier    = "bar.sync 0;\n"
	syncWarp   = "bar.warp.sync 0xffffffff;\n"
	loadNext   = "xor.b32 %r6, %r5, 4; ld.shared.u32 %r7, [%r6];\n"   // of the other lane of a pair
	loadFar    = "xor.b32 %r6, %r5, 128; ld.shared.u32 %r7, [%r6];\n" // of another warp
	copyTo     = "shl.b32 %r8, %r1, 4; add.u32 %r8, %r8, %r4; and.b32 %r9, %r1, 15; mul.wide.u32 %d6, %r9, 16; add.u64 %d6, %d6, %d1;\n cp.async.cg.shared.global [%r8], [%d6], 16;\n"
	copyTo2    = "add.u32 %r10, %r8, 1024; cp.async.cg.shared.global [%r10], [%d6], 16;\n"
	commit     = "cp.async.commit_group;\n"
	evenLanes  = "and.b32 %r11, %r1, 1; setp.eq.u32 %p1, %r11, 0;\n"
	firstLane  = "setp.eq.u32 %p1, %r1, 0;\n"
	firstBlock = "setp.eq.u32 %p1, %r2, 0;\n"
)

// Each bug is found, with kernel, thread and line; the same without the bug is not
// reported, in any order and with and without sharing of registers. In one piece: a
// table.
func TestChecks(t *testing.T) {
	for _, b := range []struct {
		name, bug, right string
		blocks, code     int
		want             string
	}{
		{"no barrier at first", storeOwn + loadFar, storeOwn + barrier + loadFar, 1, 719, "uninitialised: reads shared memory"},
		{"no barrier", storeOwn + barrier + storeOwn + loadFar, storeOwn + barrier + storeOwn + barrier + loadFar, 1, 719, "race: writes shared memory"},
		{"written again before all have read", storeOwn + barrier + loadFar + storeOwn, storeOwn + barrier + loadFar + barrier + storeOwn, 1, 719, "race: reads shared memory"},
		{"no __syncwarp", storeOwn + loadNext, storeOwn + syncWarp + loadNext, 1, 719, "race: reads shared memory"},
		{"no __syncwarp before the next write", storeOwn + syncWarp + loadNext + storeOwn, storeOwn + syncWarp + loadNext + syncWarp + storeOwn, 1, 719, "race: writes shared memory"},
		{"a __syncwarp of half a warp",
			storeOwn + "and.b32 %r11, %r1, 16; setp.eq.u32 %p1, %r11, 0;\n @%p1 bar.warp.sync 0xffff;\n xor.b32 %r6, %r5, 64; ld.shared.u32 %r7, [%r6];",
			storeOwn + "and.b32 %r11, %r1, 16; setp.eq.u32 %p1, %r11, 0;\n @%p1 bar.warp.sync 0xffff;\n @%p1 ld.shared.u32 %r7, [%r5];\n @%p1 xor.b32 %r6, %r5, 32;\n @%p1 ld.shared.u32 %r7, [%r6];", 1, 719, "race: reads shared memory"},
		{"two lanes write different values", "st.shared.u32 [%r4], %r1;", "mov.u32 %r6, 5; and.b32 %r7, %r1, 32; add.u32 %r7, %r7, %r4; st.shared.u32 [%r7], %r6;", 1, 719, "race: writes shared memory"},
		{"a lane writes what all have read", firstLane + "@%p1 st.shared.u32 [%r4], %r1;\n" + barrier + "ld.shared.u32 %r7, [%r4];\n@%p1 st.shared.u32 [%r4], %r1;",
			firstLane + "@%p1 st.shared.u32 [%r4], %r1;\n" + barrier + "setp.lt.u32 %p2, %r1, 32;\n@%p2 ld.shared.u32 %r7, [%r4];\n" + syncWarp + "@%p1 st.shared.u32 [%r4], %r1;", 1, 719, "race: writes shared memory"},

		{"read before the copy is waited for", copyTo + commit + "ld.shared.u32 %r7, [%r8];\ncp.async.wait_group 0;", copyTo + commit + "cp.async.wait_group 0;\nld.shared.u32 %r7, [%r8];", 1, 719, "under way: reads shared memory"},
		{"one group too few is waited for", copyTo + commit + copyTo2 + commit + "cp.async.wait_group 1;\nld.shared.u32 %r7, [%r10];\ncp.async.wait_group 0;", copyTo + commit + copyTo2 + commit + "cp.async.wait_group 1;\nld.shared.u32 %r7, [%r8];\ncp.async.wait_group 0;", 1, 719, "under way: reads shared memory"},
		{"written while it is copied to", copyTo + commit + "st.shared.u32 [%r8], %r1;\ncp.async.wait_all;", copyTo + "cp.async.wait_all;\nst.shared.u32 [%r8], %r1;", 1, 719, "under way: writes shared memory"},
		{"nobody waits", copyTo + commit, copyTo + commit + "cp.async.wait_group 0;", 1, 719, "nothing waited for"},
		{"others' copies without a barrier", copyTo + commit + "cp.async.wait_group 0;\n" + barrier + copyTo + commit + "cp.async.wait_group 0;\nxor.b32 %r8, %r8, 512; ld.shared.u32 %r7, [%r8];", copyTo + commit + "cp.async.wait_group 0;\n" + barrier + "xor.b32 %r8, %r8, 512; ld.shared.u32 %r7, [%r8];", 1, 719, "race: copies asynchronously to shared memory"},

		{"read past the end", "ld.global.u32 %r7, [%d4+960];", "ld.global.u32 %r7, [%d4+768];", 1, 700, "bytes past an allocation of 1024"},
		{"written past the end", "st.global.u32 [%d5+960], %r1;", "st.global.u32 [%d5+768], %r1;", 1, 700, "out of bounds: writes 4 bytes of global memory"},
		{"read before the beginning", "ld.global.u32 %r7, [%d1+-4];", "ld.global.u32 %r7, [%d1+4];", 1, 700, "4 bytes before an allocation"},
		{"past the end of shared memory", "st.shared.u32 [%r5+4000], %r1;", "st.shared.u32 [%r5+3000], %r1;", 1, 700, "out of bounds: writes 4 bytes of shared memory"},
		{"a null pointer", "mov.u64 %d7, 0; ld.global.u32 %r7, [%d7];", "ld.global.u32 %r7, [%d4];", 1, 700, "no allocation is there"},
		{"misaligned", "ld.global.u32 %r7, [%d4+2];", "ld.global.u16 %h1, [%d4+2];", 1, 716, "misaligned: reads 4 bytes of global memory"},
		{"misaligned vector", "ld.global.v4.u32 {%r7,%r8,%r9,%r10}, [%d4];", "ld.global.v4.u32 {%r7,%r8,%r9,%r10}, [%d1+16];", 1, 716, "misaligned: reads 16 bytes"},
		{"misaligned in shared memory", "st.shared.u32 [%r5+2], %r1;", "cvt.u16.u32 %h1, %r1; st.shared.u16 [%r5+2], %h1;", 1, 716, "misaligned: writes 4 bytes of shared memory"},

		{"global memory is not set", "ld.global.u32 %r7, [%d5];", "st.global.u32 [%d5], %r1;\nld.global.u32 %r7, [%d5];", 1, 719, "uninitialised: reads global memory"},
		{"shared memory is not set", "ld.shared.u32 %r7, [%r5];", storeOwn + "ld.shared.u32 %r7, [%r5];", 1, 719, "uninitialised: reads shared memory"},
		{"half of it is not set", "cvt.u16.u32 %h1, %r1; st.shared.u16 [%r5], %h1; ld.shared.u32 %r7, [%r5];", "cvt.u16.u32 %h1, %r1; st.shared.u16 [%r5], %h1; st.shared.u16 [%r5+2], %h1; ld.shared.u32 %r7, [%r5];", 1, 719, "uninitialised: reads shared memory"},
		{"a register is not set", evenLanes + "@%p1 mov.u32 %r12, 1;\nadd.u32 %r13, %r12, 1;", evenLanes + "@%p1 mov.u32 %r12, 1;\n@%p1 add.u32 %r13, %r12, 1;", 1, 719, "uninitialised: reads register %r12"},
		{"a register is not set, behind a copy", evenLanes + "@%p1 mov.u32 %r12, 1;\nmov.u32 %r14, %r12; add.u32 %r13, %r14, 1;", evenLanes + "@%p1 mov.u32 %r12, 1;\nselp.b32 %r14, %r12, 3, %p1; add.u32 %r13, %r14, 1;", 1, 719, "uninitialised: reads register %r14"},
		{"a predicate is not set", "@%p2 mov.u32 %r12, 1;", "setp.eq.u32 %p2, %r1, 3;\n@%p2 mov.u32 %r12, 1;", 1, 719, "uninitialised: reads register %p2"},
		{"a branch on what is not set", "@%p2 bra L;\nmov.u32 %r12, 1;\nL:", firstLane + "@%p1 bra L;\nmov.u32 %r12, 1;\nL:", 1, 719, "uninitialised: reads register %p2"},

		{"a barrier that some lanes do not reach", evenLanes + "@%p1 bra L;\nbar.sync 0;\nL:", evenLanes + "@%p1 bra L;\nmov.u32 %r12, 1;\nL:\nbar.sync 0;", 1, 715, "divergent barrier"},
		{"a shuffle without all lanes", "setp.lt.u32 %p1, %r1, 20;\n@%p1 shfl.sync.bfly.b32 %r7, %r1, 1, 31, 0xffffffff;", "shfl.sync.bfly.b32 %r7, %r1, 1, 31, 0xffffffff;", 1, 715, "diverged: lanes 000fffff"},
		{"a shuffle from a lane outside", "setp.lt.u32 %p1, %r1, 20;\n@%p1 shfl.sync.bfly.b32 %r7, %r1, 16, 31, 0xfffff;", "setp.lt.u32 %p1, %r1, 20;\nand.b32 %r12, %r1, 32; setp.lt.and.u32 %p1, %r12, 1, %p1;\n@%p1 shfl.sync.bfly.b32 %r7, %r1, 1, 31, 0xfffff;", 1, 715, "takes no part"},
		{"matrices without all lanes", evenLanes + "mov.u32 %r12, 0; mov.f32 %f1, 0f00000000;\n@%p1 mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%f2,%f3,%f4,%f5}, {%r12,%r12}, {%r12}, {%f1,%f1,%f1,%f1};", "mov.u32 %r12, 0; mov.f32 %f1, 0f00000000;\nmma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%f2,%f3,%f4,%f5}, {%r12,%r12}, {%r12}, {%f1,%f1,%f1,%f1};", 1, 715, "diverged: lanes 55555555"},

		{"two blocks write one place", "st.global.u32 [%d5], %r2;", firstBlock + "@%p1 st.global.u32 [%d5], %r2;", 2, 719, "race between blocks: writes global memory"},
		{"a block reads what another writes", firstBlock + "@%p1 st.global.u32 [%d4], %r1;\n@!%p1 ld.global.u32 %r7, [%d4];", firstBlock + "@%p1 st.global.u32 [%d5], %r1;\n@!%p1 ld.global.u32 %r7, [%d4];", 2, 719, "race between blocks: "},
		{"the last of many readers writes", "setp.eq.u32 %p1, %r2, 2;\nld.global.u32 %r7, [%d4];\n@%p1 st.global.u32 [%d4], %r1;", "setp.eq.u32 %p1, %r2, 2;\nld.global.u32 %r7, [%d4];\n@%p1 st.global.u32 [%d5], %r1;", 3, 719, "race between blocks: "},

		{"infinity less infinity", "mov.f32 %f1, 0f7f800000;\nsub.f32 %f2, %f1, %f1;\nst.global.f32 [%d5], %f2;", "mov.f32 %f1, 0f7fc00000;\nsub.f32 %f2, %f1, %f1;\nst.global.f32 [%d5], %f2;", 1, 719, "not a number"},
		{"zero times infinity, in place", "mov.f32 %f1, 0f00000000;\nrcp.approx.ftz.f32 %f2, %f1;\nmul.f32 %f1, %f1, %f2;\nst.global.f32 [%d5], %f1;", "mov.f32 %f1, 0f3f800000;\nrcp.approx.ftz.f32 %f2, %f1;\nmul.f32 %f1, %f1, %f2;\nst.global.f32 [%d5], %f1;", 1, 719, "not a number"},
		{"a matrix with infinity and zero", "mov.u32 %r12, 0x7c00; mov.u32 %r13, 0; mov.f32 %f1, 0f00000000;\nmma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%f1,%f2,%f4,%f5}, {%r12,%r12}, {%r13}, {%f1,%f1,%f1,%f1};\ncvt.rn.f16x2.f32 %r14, %f1, %f2;\nst.global.u32 [%d5], %r14;", "mov.u32 %r12, 0x7e00; mov.u32 %r13, 0; mov.f32 %f1, 0f00000000;\nmma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%f1,%f2,%f4,%f5}, {%r12,%r12}, {%r13}, {%f1,%f1,%f1,%f1};\ncvt.rn.f16x2.f32 %r14, %f1, %f2;\nst.global.u32 [%d5], %r14;", 1, 719, "not a number: writes a NaN, which PTX line 13 made of numbers: mma.sync"},
		{"a NaN in the lower half", "mov.f32 %f1, 0f7f800000; mov.f32 %f3, 0f3f800000;\nsub.f32 %f2, %f1, %f1;\ncvt.rn.bf16x2.f32 %r14, %f3, %f2;\nst.global.u32 [%d5], %r14;", "mov.f32 %f1, 0f7f800000; mov.f32 %f3, 0f3f807fff;\nsub.f32 %f2, %f1, %f1;\nst.global.f32 [%d5], %f3;", 1, 719, "not a number"},
		{"the root of less than nothing", "mov.f32 %f1, 0fbf800000;\nsqrt.rn.f32 %f2, %f1;\nst.shared.f32 [%r5], %f2;", "mov.f32 %f1, 0fbf800000;\nsqrt.rn.f32 %f2, %f1;\nst.shared.f32 [%r5], %f1;", 1, 719, "not a number"},
		{"a trap", "trap;", firstBlock + "@!%p1 trap;", 1, 719, "trap"},
	} {
		t.Run(b.name, func(t *testing.T) {
			onSim(t)
			for _, options := range [][]any{nil, {"order", 1, "sharing", 0}, {"order", 9, "threads", 1}} {
				m := newMachine(t, options...)
				err := m.frame(b.bug, b.blocks)
				if assert.Error(t, err, "%v", options) {
					assert.Equal(t, cuError(b.code), err.Error())
				}
				assert.Contains(t, sim.Fault(), b.want, "%v", options)
				if b.want != "nothing waited for" {
					assert.Regexp(t, `by k, block \(\d,0,0\), thread \d+, PTX line \d+: `, sim.Fault())
				}
				assert.NoError(t, newMachine(t, options...).frame(b.right, b.blocks), sim.Fault())
			}
		})
	}
}

// frame runs a body in a frame, two warps a block.
func (m *machine) frame(body string, blocks int) error {
	x := make([]uint32, frameWords)
	for i := range x {
		x[i] = uint32(i)
	}
	return m.run(m.function(frame(body), "k"), grid{x: blocks, threads: 64}, upload(m, x), m.empty(4*frameWords))
}

// cuError is how package cu spells an error.
func cuError(code int) string {
	return map[int]string{700: "IllegalAddress", 702: "LaunchTimeout", 715: "IllegalInstruction", 716: "MisalignedAddress", 719: "LaunchFailed"}[code]
}

// A kernel whose loop never ends is stopped.
func TestEndless(t *testing.T) {
	onSim(t)
	m := newMachine(t, "budget", 100000)
	err := m.frame("L:\nadd.u32 %r3, %r3, 1;\nbra L;", 1)
	require.Error(t, err)
	assert.Equal(t, cuError(702), err.Error())
	assert.Contains(t, sim.Fault(), "endless: more than 100000 instructions of one warp, by k, block (0,0,0), thread 0, PTX line 14: bra L")
}

// What the interpreter does not know is an error with the line.
func TestUnknownPTX(t *testing.T) {
	onSim(t)
	newMachine(t)
	for _, tt := range []struct{ body, want string }{
		{"add.s32 %r7, %r1, 1;\nfoo.u32 %r7, %r1;", "PTX line 13: unknown instruction: foo.u32 %r7, %r1"},
		{"add.rn.relu.f32 %f1, %f2, %f3;", "PTX line 12: unknown instruction: add.rn.relu.f32"},
		{"add.s32 %r7, %x, 1;", "PTX line 12: unknown operand %x"},
		{"add.s32 %r7, %d1, 1;", "PTX line 12: %d1 has 64 bits, the instruction wants 32"},
		{"add.s32 %r7, %r1;", "PTX line 12: 2 operands, 3 are wanted"},
		{"bra NOWHERE;", "no such label"},
		{"bar.sync 1;", "PTX line 12: of barriers only number 0"},
		{"mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 {%r1,%r1,%r1,%r1}, {%r1,%r1,%r1,%r1}, {%r1,%r1}, {%r1,%r1,%r1,%r1};", "unknown product"},
		{"ld.global.u32 %r7, [%d1", "PTX line"},
		{"mov.u32 %r7, %clock;", "unknown operand %clock"},
	} {
		_, err := cu.LoadData(frame(tt.body))
		if assert.Error(t, err, tt.body) {
			assert.Contains(t, sim.Fault(), tt.want)
		}
	}
	old := strings.Replace(frame(copyTo), "sm_80", "sm_75", 1)
	_, err := cu.LoadData(old)
	require.Error(t, err)
	assert.Contains(t, sim.Fault(), "PTX line 13: cp.async needs sm_80, the target is sm_75")
}
