package engine_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"

	"sdgo/internal/engine"
	"sdgo/internal/kernel"
	"sdgo/internal/op"
)

// halves is a device whose values take two bytes, in lines of 256, which has no
// Winograd convolution and overwrites nothing.
type halves struct{ op.CPU }

func (halves) Element() int                   { return 2 }
func (halves) Align() int                     { return 256 }
func (halves) InPlace(op.Operation, int) bool { return false }
func (halves) Winograd(kernel.ConvShape) bool { return false }
func (halves) Work(op.Operation) int          { return 0 }
func (halves) Lower(o op.Operation) (op.Operation, error) {
	if strings.HasPrefix(o.String(), "attention") {
		return nil, fmt.Errorf("halves have no form of %v", o)
	}
	if l, ok := o.(op.Lowerer); ok {
		return l.Lower(halves{}), nil
	}
	return o, nil
}

// The planner asks the target for sizes, and an operation that it lacks is an error
// that names it.
func TestTarget(t *testing.T) {
	g := G.NewGraph()
	r := rand.New(rand.NewPCG(1, 1))
	x := input(g, "x", 1, 7, 7, 128)
	y := x
	for i := range 4 {
		var err error
		y, err = op.Conv2D(y, weight(g, r, fmt.Sprint("w", i), 128, 128, 3, 3), nil, 1, op.Same(1))
		require.NoError(t, err)
		y, err = op.Activate(y, kernel.SiLU)
		require.NoError(t, err)
	}
	plan, err := engine.NewPlanFor(halves{}, []*G.Node{x}, []*G.Node{y})
	require.NoError(t, err)
	const value = 2 * 7 * 7 * 128
	assert.EqualValues(t, 2*value, plan.Bytes()) // a multiple of 256
	actions := plan.Actions()
	require.Len(t, actions, 4, "activations are joined with convolutions")
	for _, a := range actions {
		assert.EqualValues(t, value, a.Output)
		assert.NotContains(t, a.Operation.String(), "winograd")
	}

	tokens := input(g, "tokens", 1, 4, 8)
	y, err = op.Attention(tokens, tokens, tokens, 2, false, false)
	require.NoError(t, err)
	_, err = engine.NewPlanFor(halves{}, []*G.Node{tokens}, []*G.Node{y})
	assert.EqualError(t, err, "engine: halves have no form of attention 1×2 heads×4, 4×4")
}
