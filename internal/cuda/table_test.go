//go:build gpu && cgo && linux

package cuda_test

import (
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"

	"sdgo/internal/device"
	"sdgo/internal/op"
	"sdgo/internal/op/optest"
)

// weighted are the operations of the table whose inputs but the first are weights.
var weighted = regexp.MustCompile("^(linear|conv2d|group norm|layer norm|embed)")

// lacking are the operations of the table that have no form for devices: what only
// gradients need. Graphs with them are refused.
var lacking = []string{"pad", "dilate", "unpack", "multiply"}

// The table of all targets holds on a device, too: an operation gives what its reference
// in float64 gives, or its name in an error when the plan is made.
func TestTable(t *testing.T) {
	d := open(t)
	target := op.Device{Target: d.Target(device.F32)}
	onDevice := engineOn(t, d)
	var without []string
	for _, c := range optest.Cases() {
		if c.Reference == nil {
			continue
		}
		row := deviceCase{c.Name, c.Shapes, len(c.Shapes), c.Fixed, c.Make}
		if weighted.MatchString(c.Name) {
			row.weights = 1
		}
		values, wide := c.Values(-1)
		if _, _, _, err := row.plan(t, target, values, d); err != nil {
			assert.ErrorContains(t, err, "no form for CUDA", c.Name)
			without = append(without, c.Name)
			continue
		}
		want := c.Reference(wide)
		narrow := make([]float32, len(want))
		for i, v := range want {
			narrow[i] = float32(v)
		}
		compare(t, narrow, row.run(t, onDevice, target, values, d), tolerances[device.F32])
	}
	assert.Equal(t, lacking, without)
}
