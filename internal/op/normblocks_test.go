package op

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A normalisation and a convolution by blocks have the bytes of one after the other, over
// the residual and over x too, if there is no residual.
func TestNormConvBlocks(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	for _, wrap := range []Wrap{{}, {X: true}, {X: true, Y: true}} {
		for _, full := range []bool{false, true} {
			c := newNormConvCase(r, 2, 41, 36, 48, 48, true, false, full, wrap)
			k := normConv{norm: c.norm, conv: c.conv, rows: 12, blocks: true}
			assert.Equal(t, fmt.Sprintf("%v, then %v by blocks", c.norm, c.conv), k.String())
			c.check(t, r, k, make([]float32, len(c.want)), k.String())
			assert.Equal(t, !full && !wrap.Y, k.InPlace(0))
			assert.Equal(t, full, k.InPlace(6))
			switch {
			case full:
				c.check(t, r, k, c.inputs[6].Data, k.String()+", over the residual")
			case k.InPlace(0):
				c.check(t, r, k, c.inputs[0].Data, k.String()+", over x")
			}
		}
	}
}

// An image that is large enough goes by blocks, with less memory than it has pixels, if
// its convolution does.
func TestNormConvByBlocks(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	c := newNormConvCase(r, 1, 600, 500, 32, 32, true, false, false, Wrap{})
	for winograd, want := range map[bool]bool{true: true, false: false} {
		c.conv.winograd = winograd
		k, ok := newNormConv(CPU{}, c.norm, c.conv)
		require.True(t, ok)
		assert.Equal(t, want, k.(normConv).blocks)
		assert.Less(t, k.(Phaser).Work(), 600*500*32/2)
	}
}
