package main

import (
	"fmt"
	"math"
	"strings"

	"sdgo/internal/kernel/_asm/asm"
)

// weighName is the function for blocks of some keys and 16 or 32 queries.
func weighName(rows, vecs int) string { return fmt.Sprintf("weigh%dx%dBF16", rows, vecs*16) }

// The constants of the weights, by the names of weightConstants.
var weightConstants = []struct {
	name string
	bits uint32
}{
	{"weight3", math.Float32bits(0x1.3baa9ap-04)},
	{"weight2", math.Float32bits(0x1.d23794p-03)},
	{"weight1", math.Float32bits(0x1.63e658p-01)},
	{"weight0", math.Float32bits(1 + 0x1p-8)},
	{"ones", 0x3f803f80}, // pairs of 1
	{"leastSum", math.Float32bits(0x1p-40)},
}

// weighers writes the functions that turn keys and queries into weights.
func (t target) weighers(f *asm.File) {
	for _, vecs := range t.vecs {
		for rows := 1; rows <= t.rows; rows++ {
			w := weigher{target: t, File: f, rows: rows, vecs: vecs}
			w.write()
		}
	}
	var bits []uint32
	for _, c := range weightConstants {
		bits = append(bits, c.bits)
	}
	f.Uint32s("weightConstants", bits...)
}

// weigher is one function: the scores of a block of keys stay in the registers of a
// product until they are weights.
type weigher struct {
	target
	*asm.File
	rows, vecs int
	held       map[string]string // registers of what is in memory too
	free       []string
}

func (w *weigher) acc(i, j int) string { return w.reg(w.regs - w.rows*w.vecs + i*w.vecs + j) }

// Words of the frame.
var (
	weighBase   = asm.Local("base", 8) // the end of the block's first key
	weighK      = asm.Local("k", 16)
	weighPairs  = asm.Local("pairs", 24)
	weighScores = asm.Local("scores", 32)
	weighBlocks = asm.Local("blocks", 40)
	weighFetch  = asm.Local("fetch", 48)
	weighNext   = asm.Local("next", 56)
)

// Registers beside the scores while they become weights.
const (
	weighLow, weighHigh = "Z1", "Z2" // of a pair
	weighTemp           = "Z0"
	weighOnes           = "Z3"
)

func weighSum(j int) string { return asm.Z(4 + j) }
func weighTop(j int) string { return asm.Z(6 + j) }

// Rows of the state, each of 32 float32s.
const (
	stateShift = 128 * iota
	stateLow
	stateHigh
	stateTop
	stateSum
)

func (w *weigher) write() {
	name := weighName(w.rows, w.vecs)
	w.Func(name, 56, 8, "func "+name+"(w *weighing)")
	w.I("MOVQ", asm.Arg("w", 0), "DI")
	w.I("MOVQ", "weighing_k(DI)", "AX")
	w.I("MOVQ", "weighing_keys(DI)", "BX")
	w.I("LEAQ", "(BX)(AX*4)", "BX")
	w.I("MOVQ", "BX", weighBase)
	w.I("NEGQ", "AX")
	w.I("MOVQ", "AX", weighK)
	for _, v := range []struct{ field, local string }{
		{"pairs", weighPairs}, {"scores", weighScores}, {"blocks", weighBlocks}, {"fetch", weighFetch}, {"next", weighNext},
	} {
		w.I("MOVQ", "weighing_"+v.field+"(DI)", "AX")
		w.I("MOVQ", "AX", v.local)
	}
	w.I("MOVL", asm.Imm(0xaaaaaaaa), "AX")
	w.I("KMOVD", "AX", "K7") // the second of each pair

	w.Label("block")
	w.I("MOVQ", asm.Arg("w", 0), "DI")
	w.I("MOVQ", weighK, "AX")
	w.I("TESTQ", "AX", "AX")
	w.I("JZ", "given")
	w.multiplyKeys()
	w.I("JMP", "weigh")

	w.Label("given")
	w.I("MOVQ", weighScores, "AX")
	for i := range w.rows {
		for j := range w.vecs {
			w.I("VMOVUPS", asm.Mem("AX", 128*i+64*j), w.acc(i, j))
		}
	}
	w.I("ADDQ", asm.Imm(128*w.rows), "AX")
	w.I("MOVQ", "AX", weighScores)

	w.Label("weigh")
	w.weigh()
	w.I("DECQ", weighBlocks)
	w.I("JNZ", "block")
	w.check()
	w.I("VZEROUPPER")
	w.I("RET")
}

// multiplyKeys is the product of the block's keys with the queries.
func (w *weigher) multiplyKeys() {
	temp := func(i int) string { return asm.Z(w.vecs + i%6) }
	for i := range w.rows {
		for j := range w.vecs {
			w.I("VXORPS", w.acc(i, j), w.acc(i, j), w.acc(i, j))
		}
	}
	w.I("MOVQ", "weighing_stride(DI)", "SI")
	w.I("MOVQ", weighBase, rowRegs[0])
	for i := 1; i < w.rows; i++ {
		w.I("LEAQ", asm.MemIndex(rowRegs[i-1], 0, "SI", 4), rowRegs[i])
	}
	w.I("LEAQ", asm.MemIndex(rowRegs[w.rows-1], 0, "SI", 4), "SI")
	w.I("MOVQ", "SI", weighBase)
	w.I("MOVQ", weighNext, next)
	w.I("MOVQ", "weighing_q(DI)", b)
	w.I("MOVQ", weighK, count)
	w.Label("loop")
	for j := range w.vecs {
		w.I("VMOVUPS", asm.Mem(b, 64*j), asm.Z(j))
	}
	for i := range w.rows {
		w.I("VBROADCASTSS", asm.MemIndex(rowRegs[i], 0, count, 4), temp(i))
		for j := range w.vecs {
			w.multiply(w.File, temp(i), asm.Z(j), w.acc(i, j))
		}
	}
	w.I("PREFETCHT1", asm.Mem(next, 0))
	w.I("ADDQ", weighFetch, next)
	w.I("ADDQ", asm.Imm(4*32), b)
	w.I("INCQ", count)
	w.I("JNZ", "loop")
	w.I("MOVQ", next, weighNext)
}

// weigh turns the scores in the registers into pairs of weights.
func (w *weigher) weigh() {
	w.held, w.free = map[string]string{}, nil
	for r := 8; r < w.regs-w.rows*w.vecs; r++ {
		w.free = append(w.free, w.reg(r))
	}
	w.I("MOVQ", asm.Arg("w", 0), "DI")
	w.I("MOVQ", "weighing_state(DI)", "AX")
	w.I("MOVQ", weighPairs, "BX")
	w.I("VPBROADCASTD", weightConstant("ones"), weighOnes)
	for j := range w.vecs {
		w.I("VMOVUPS", asm.Mem("AX", stateSum+64*j), weighSum(j))
		w.I("VMOVUPS", asm.Mem("AX", stateTop+64*j), weighTop(j))
	}
	for i := 0; i < w.rows; i += 2 {
		w.hold()
		for j := range w.vecs {
			w.weight(w.acc(i, j), weighLow, j)
			w.I("VPSRLD", asm.Imm(16), weighLow, weighLow)
			if i+1 < w.rows {
				w.weight(w.acc(i+1, j), weighHigh, j)
				w.I("VMOVDQU16", weighHigh, "K7", weighLow)
			}
			asm.VDPBF16PS(w.File, weighLow, weighOnes, weighSum(j))
			w.I("VMOVUPS", weighLow, asm.Mem("BX", 64*i+64*j))
		}
		for j := range w.vecs {
			w.free = append(w.free, w.acc(i, j))
			if i+1 < w.rows {
				w.free = append(w.free, w.acc(i+1, j))
			}
		}
	}
	for j := range w.vecs {
		w.I("VMOVUPS", weighSum(j), asm.Mem("AX", stateSum+64*j))
		w.I("VMOVUPS", weighTop(j), asm.Mem("AX", stateTop+64*j))
	}
	w.I("ADDQ", asm.Imm((w.rows+1)/2*128), "BX")
	w.I("MOVQ", "BX", weighPairs)
}

// hold fills the free registers with what is needed most.
func (w *weigher) hold() {
	wanted := []string{"weight3", "weight2", "weight1", "weight0"}
	for j := range w.vecs {
		wanted = append(wanted, w.state(stateShift, j))
	}
	for j := range w.vecs {
		wanted = append(wanted, w.state(stateLow, j))
	}
	for _, name := range wanted {
		if w.held[name] != "" || len(w.free) == 0 {
			continue
		}
		reg := w.free[0]
		w.free, w.held[name] = w.free[1:], reg
		if strings.HasPrefix(name, "weight") {
			w.I("VBROADCASTSS", weightConstant(name), reg)
		} else {
			w.I("VMOVUPS", name, reg)
		}
	}
}

func (w *weigher) state(row, j int) string { return asm.Mem("AX", row+64*j) }

// operand is where a row of the state is: held in a register, or in memory.
func (w *weigher) operand(name string) string {
	if reg := w.held[name]; reg != "" {
		return reg
	}
	return name
}

// multiplyAdd sets p to p·x + a constant.
func (w *weigher) multiplyAdd(name, x, p string) {
	if reg := w.held[name]; reg != "" {
		w.I("VFMADD213PS", reg, x, p)
		return
	}
	w.I("VFMADD213PS.BCST", weightConstant(name), x, p)
}

// weight sets to to the bits of a weight, of which the upper 16 count. It spoils the
// score. See weightOf for the order.
func (w *weigher) weight(s, to string, j int) {
	const notLess = 5
	shift, low := w.state(stateShift, j), w.state(stateLow, j)
	w.I("VMAXPS", weighTop(j), s, weighTop(j)) // the order drops NaN
	w.I("VCMPPS", asm.Imm(notLess), w.operand(low), s, "K1")
	floor := w.held[shift]
	if floor == "" {
		floor = weighTemp
		w.I("VMOVUPS", shift, floor)
	}
	w.I("VADDPS.RD_SAE", floor, s, weighTemp)
	w.I("VSUBPS", w.operand(shift), weighTemp, to)
	w.I("VSUBPS", to, s, s)
	if reg := w.held["weight3"]; reg != "" {
		w.I("VMOVAPS", reg, to)
	} else {
		w.I("VBROADCASTSS", weightConstant("weight3"), to)
	}
	for _, name := range []string{"weight2", "weight1", "weight0"} {
		w.multiplyAdd(name, s, to)
	}
	w.I("VPSLLD", asm.Imm(23), weighTemp, weighTemp)
	w.I("VPADDD.Z", weighTemp, to, "K1", to)
}

// check tells whether a score was far above the rest, or all far below: see
// weighing.
func (w *weigher) check() {
	const greater, less = 0x1e, 0x11
	w.I("VBROADCASTSS", weightConstant("leastSum"), "Z0")
	w.I("XORL", "DX", "DX")
	for j := range w.vecs {
		w.I("VCMPPS", asm.Imm(greater), asm.Mem("AX", stateHigh+64*j), weighTop(j), "K1")
		w.I("VCMPPS", asm.Imm(less), "Z0", weighSum(j), "K2")
		for _, k := range []string{"K1", "K2"} {
			w.I("KMOVW", k, "CX")
			w.I("ORL", "CX", "DX")
		}
	}
	w.I("MOVQ", "DX", "weighing_off(DI)")
}

func weightConstant(name string) string {
	for i, c := range weightConstants {
		if c.name == name {
			return asm.Symbol("weightConstants", 4*i)
		}
	}
	panic("no constant " + name)
}
