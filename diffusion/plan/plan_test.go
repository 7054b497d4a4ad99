package plan_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/diffusion/plan"
)

// full is a writer without room.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no room") }

func TestPart(t *testing.T) {
	p := &plan.Part{Model: "net", Values: 2 << 20, Weights: 100, Steps: []plan.Operation{
		{Layer: "conv_in", Operation: "conv", Format: "f32", Weights: 100, Output: 50, FLOPs: 2e9, Predicted: 1500 * time.Microsecond},
		{Operation: "add", Output: 50, Predicted: 500 * time.Microsecond},
	}}
	assert.Equal(t, 2*time.Millisecond, p.Time())
	assert.Equal(t, 1500*time.Microsecond, p.Steps[0].Time())
	assert.Equal(t, "net: weights 100 bytes, values 2.0 MiB, 2 operations, about 2ms", p.Total())
	var b strings.Builder
	n, err := p.WriteTo(&b)
	require.NoError(t, err)
	assert.Equal(t, int64(b.Len()), n)
	assert.Equal(t, p.Total()+`
layer    operation  weights    in   output    GFLOP  ms
conv_in  conv       100 bytes  f32  50 bytes  2.00   1.50
         add                        50 bytes         0.50
`, b.String())
	p.Steps[0].Launches, p.Steps[0].Moved, p.Steps[0].Roof = 2, 3<<20, 12*time.Microsecond
	b.Reset()
	_, err = p.WriteTo(&b)
	require.NoError(t, err)
	assert.Equal(t, `net: weights 100 bytes, values 2.0 MiB, 2 operations in 2 launches, about 2ms
layer    operation  weights    in   output    GFLOP  launches  moved    roof ms  ms
conv_in  conv       100 bytes  f32  50 bytes  2.00   2         3.0 MiB  0.0120   1.5000
         add                        50 bytes         0         0 bytes  0.0000   0.5000
`, b.String())
	_, err = p.WriteTo(full{})
	assert.EqualError(t, err, "no room")
	_, err = (*plan.Part)(nil).WriteTo(&b)
	assert.Error(t, err)
	assert.Zero(t, (*plan.Part)(nil).Time()+(*plan.Operation)(nil).Time())
	assert.Equal(t, "no plan", (*plan.Part)(nil).Total())
}
