package kernel

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// Every kernel: each number of rows, both widths, one or more taps, rows of
// zeros, sums that continue, and a prefetch that points anywhere.
func TestTileSameBytes(t *testing.T) {
	eachISA(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(50, 51))
		for rows := 1; rows <= tileRows; rows++ {
			for variant := range 8 {
				narrow, add, taps := variant&1 != 0, variant&2 != 0, 1+3*(variant>>2)
				t.Run(fmt.Sprintf("%dx narrow=%t add=%t taps=%d", rows, narrow, add, taps), func(t *testing.T) {
					testTile(t, rng, rows, narrow, add, taps)
				})
			}
		}
	})
}

func testTile(t *testing.T, rng *rand.Rand, rows int, narrow, add bool, taps int) {
	k, ldc := 1+rng.IntN(20), panel+rng.IntN(9)
	a, _ := guarded(randoms(rng, 500))
	b, _ := guarded(randoms(rng, taps*k*panel))
	zero, _ := guarded(make([]float32, k))
	offsets := make([]int32, taps*tileRows)
	for i := range offsets {
		offsets[i] = int32(rng.IntN(len(a)-k+2)) - 1
	}
	cols := panel
	if narrow {
		cols /= 2
	}
	initial := randoms(rng, (rows-1)*ldc+cols)
	want := append([]float32(nil), initial...)
	got, check := guarded(initial)

	one := tile{a: a, b: b, zero: zero, c: want, offsets: offsets, taps: taps, k: k, ldc: ldc, rows: rows, narrow: narrow, add: add}
	tileGeneric(&one)
	one.c = got
	one.next, one.fetch = a[len(a)-1:], 100
	if rng.IntN(2) == 0 {
		one.out, one.stride = got, ldc
	}
	multiply(&one)
	check(t)
	requireSame(t, want, got)
}
