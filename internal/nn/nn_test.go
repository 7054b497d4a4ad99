package nn

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"
)

// After its first error a Graph does nothing, whatever it is asked.
func TestGraphKeepsFirstError(t *testing.T) {
	g := NewGraph(G.NewGraph())
	x := g.Input("x", 2, 3)
	bad := g.Add(x, g.Input("y", 3, 2))
	assert.Nil(t, bad)
	assert.Nil(t, g.SiLU(g.Reshape(bad, 6)))
	assert.Len(t, g.Shape(bad), 4)
	assert.EqualError(t, g.Err(), "op: add: have b [3 2], want [2 3]")
}

func TestFloats(t *testing.T) {
	x := Tensor(2, 3)
	_, err := Floats("x", x, -1, 3)
	assert.NoError(t, err)
	_, err = Floats("x", x, 3, -1)
	assert.EqualError(t, err, "x: have shape [2 3], want [3 -1]")
	require.NoError(t, x.T())
	_, err = Floats("x", x, 3, 2)
	assert.ErrorContains(t, err, "not contiguous")
	assert.Error(t, CheckSize("x", 1<<30, 1<<30))
	assert.NoError(t, CheckSize("x", 1<<10, 1<<10))
	assert.EqualError(t, CheckSize("x", 0, 3), "x: have shape [0 3], want sizes of 1 or more")
	assert.Error(t, CheckSize("x", 2, -1))
}
