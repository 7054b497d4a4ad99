//go:build gpu && cgo && linux

package sim_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
)

// ulp is what rounding adds to the documented errors.
const ulp = 0x1p-23

// Perturbed approximations differ from the near ones, stay within the errors of the
// manual, and are always the same for an argument.
func TestPerturbedApproximations(t *testing.T) {
	onSim(t)
	for _, tt := range []struct {
		op       string
		exact    func(float64) float64
		error    float64
		absolute bool
	}{
		{"ex2.approx.ftz.f32", math.Exp2, math.Exp2(-22.5), false},
		{"rcp.approx.ftz.f32", func(x float64) float64 { return 1 / x }, 0x1p-23, false},
		{"rsqrt.approx.f32", func(x float64) float64 { return 1 / math.Sqrt(x) }, math.Exp2(-22.9), false},
		{"sqrt.approx.f32", math.Sqrt, 0x1p-23, false},
		{"lg2.approx.f32", math.Log2, 0x1p-22, true},
		{"sin.approx.f32", math.Sin, math.Exp2(-20.5), true},
		{"cos.approx.f32", math.Cos, math.Exp2(-20.5), true},
		{"tanh.approx.f32", math.Tanh, 0x1p-11, false},
	} {
		rows := make([][]uint64, 64)
		for i := range rows {
			rows[i] = []uint64{0, f(0.55 + float64(i%32)*0.045)} // each twice
		}
		run := func(seed int) []uint64 {
			m := newMachine(t, "perturb", seed)
			table := make([]uint64, 0, 5*len(rows))
			for _, r := range rows {
				table = append(table, 0, r[1], 0, 0, 0)
			}
			p := upload(m, table)
			m.must(m.function(opcode{tt.op + " %o, %i0", "ff", rows}.program(), "k"), grid{x: 1, threads: len(rows)}, p)
			return download[uint64](m, p, len(table))
		}
		near, other := run(0), run(3)
		assert.NotEqual(t, near, other, tt.op)
		for i := range rows {
			y, x := float64(math.Float32frombits(uint32(other[5*i]))), float64(math.Float32frombits(uint32(rows[i][1])))
			limit := tt.error
			if !tt.absolute {
				limit *= math.Abs(tt.exact(x))
			}
			assert.InDelta(t, tt.exact(x), y, limit+ulp*math.Abs(y), "%s of %g", tt.op, x)
			assert.Equal(t, other[5*(i%32)], other[5*i], "%s of %g", tt.op, x)
		}
	}
}
