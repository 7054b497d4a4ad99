package kernel

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestAdd(t *testing.T) {
	a, b, out := []float32{1, 2, 3}, []float32{10, 20, 30}, make([]float32, 3)
	Serial(Add(out, a, b))
	assert.Equal(t, []float32{11, 22, 33}, out)
	Serial(Add(a, a, a))
	assert.Equal(t, []float32{2, 4, 6}, a)
	assert.PanicsWithValue(t, "kernel: add: short b", func() { Add(out, a, b[:2]) })
}

// Plans name the functions.
func TestActivationNames(t *testing.T) {
	for a, want := range map[Activation]string{None: "none", SiLU: "SiLU", GELU: "GELU", QuickGELU: "QuickGELU", ReLU: "ReLU", 5: "Activation(5)", -1: "Activation(-1)"} {
		if have := a.String(); have != want {
			t.Errorf("have %q, want %q", have, want)
		}
	}
}

func TestAddPerChannel(t *testing.T) {
	x := []float32{1, 2, 3, 4, 5, 6, 7, 8}
	Serial(AddPerChannel(x, x, []float32{10, 20, 30, 40}, 2, 2, 2))
	assert.Equal(t, []float32{11, 22, 13, 24, 35, 46, 37, 48}, x)
}

// Every element belongs to exactly one task, whatever the shape.
func TestSplitRows(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	for range 50 {
		rows, width := rng.IntN(5000), rng.IntN(3000)
		seen := make([]int, rows)
		Serial(splitRows(rows, width, func(from, to int) {
			for r := from; r < to; r++ {
				seen[r]++
			}
		}))
		for r, n := range seen {
			if n != 1 {
				assert.Failf(t, "split", "row %d of %d×%d in %d tasks", r, rows, width, n)
			}
		}
	}
	assert.Equal(t, 1, splitRows(100, 320, nil).Tasks)
	assert.Equal(t, 21, splitRows(4096, 320, nil).Tasks)
}
