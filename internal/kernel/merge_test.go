package kernel

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// matchReference is what MatchTokens does for one image, in float64 and without
// its layout.
func matchReference(x []float32, time float32, s MergeShape) []float32 {
	m := matching{MergeShape: s, time: []float32{time}}
	cosine := func(a, b int) float64 {
		var dot, aa, bb float64
		for i := range s.C {
			u, v := float64(x[a*s.C+i]), float64(x[b*s.C+i])
			dot, aa, bb = dot+u*v, aa+u*u, bb+v*v
		}
		return dot / math.Sqrt(aa*bb)
	}
	type pair struct {
		token, into int
		like        float64
	}
	var pairs []pair
	for t := range s.Tokens() {
		if m.isDestination(t) {
			continue
		}
		p := pair{t, -1, math.Inf(-1)}
		for cell := range s.Destinations() {
			if d := m.destination(cell); cosine(t, d) > p.like {
				p.into, p.like = d, cosine(t, d)
			}
		}
		pairs = append(pairs, p)
	}
	slices.SortFunc(pairs, func(a, b pair) int { return cmp.Compare(b.like, a.like) })
	into := map[int]int{}
	for _, p := range pairs[:s.Merge] {
		into[p.token] = p.into
	}
	match, row := make([]float32, s.Tokens()), 0
	for t := range match {
		if _, merged := into[t]; !merged {
			match[t] = float32(row)
			row++
		}
	}
	for t, d := range into {
		match[t] = match[d]
	}
	return match
}

func TestMatchTokens(t *testing.T) {
	shapes := []MergeShape{
		{N: 2, H: 6, W: 8, C: 20, Merge: 20},
		{N: 1, H: 7, W: 5, C: 33, Merge: 13, Salt: 5},
		{N: 3, H: 2, W: 2, C: 1, Merge: 0},
		{N: 1, H: 2, W: 3, C: 16, Merge: 5},
		{N: 1, H: 100, W: 62, C: 8, Merge: 3000}, // several chunks
	}
	assert.Less(t, shapes[4].chunk(), shapes[4].Tokens())
	eachISA(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(8, 1))
		for _, s := range shapes {
			x := randoms(rng, s.N*s.Tokens()*s.C)
			times := []float32{981, 1, 500.5}[:s.N]
			match := make([]float32, s.N*s.Tokens())
			work, check := guarded(make([]float32, MatchTokensWork(s)))
			for i := range work {
				work[i] = float32(math.NaN())
			}
			runGuarded(t, rng, MatchTokens(match, x, times, s, work)...)
			check(t)
			for i := range s.N {
				want := matchReference(x[i*s.Tokens()*s.C:], times[i], s)
				require.Equal(t, want, match[i*s.Tokens():][:s.Tokens()], "%+v, image %d", s, i)
			}
		}
	})
}

// Equal tokens are one token: merging and handing out loses nothing.
func TestMergeEqualTokens(t *testing.T) {
	s := MergeShape{N: 2, H: 6, W: 8, C: 70, Merge: 36}
	rng := rand.New(rand.NewPCG(8, 2))
	cells := randoms(rng, s.N*s.Destinations()*s.C)
	x := make([]float32, s.N*s.Tokens()*s.C)
	for i := range s.N * s.Tokens() {
		image, y, column := i/s.Tokens(), i%s.Tokens()/s.W, i%s.W
		copy(x[i*s.C:][:s.C], cells[(image*s.Destinations()+y/2*4+column/2)*s.C:])
	}
	match := make([]float32, s.N*s.Tokens())
	Serial(MatchTokens(match, x, []float32{3, 4}, s, make([]float32, MatchTokensWork(s)))...)
	merged, out := make([]float32, s.N*s.Kept()*s.C), make([]float32, len(x))
	runGuarded(t, rng, MergeTokens(merged, x, match, s))
	runGuarded(t, rng, UnmergeTokens(out, merged, match, nil, s))
	assert.Equal(t, x, out)

	copy(out, x) // as residual, in place
	Serial(UnmergeTokens(out, merged, match, out, s))
	for i, v := range x {
		assert.Equal(t, v+v, out[i])
	}
}

// Zeros, NaN and infinity have no direction, and do no harm.
func TestMatchTokensOddNumbers(t *testing.T) {
	s := MergeShape{N: 1, H: 4, W: 4, C: 3, Merge: 12}
	for _, v := range []float32{0, float32(math.NaN()), float32(math.Inf(1))} {
		x := slices.Repeat([]float32{v}, 48)
		match := make([]float32, 16)
		Serial(MatchTokens(match, x, []float32{v}, s, make([]float32, MatchTokensWork(s)))...)
		for _, row := range match {
			assert.True(t, row >= 0 && row < 4)
		}
	}
	assert.Panics(t, func() {
		s.Merge++
		MatchTokens(make([]float32, 16), make([]float32, 48), []float32{1}, s, make([]float32, MatchTokensWork(s)))
	})
}

// A cell's destination is each of its tokens about as often.
func TestDestinations(t *testing.T) {
	var count [4]int
	for time := range 100 {
		m := matching{MergeShape: MergeShape{H: 2, W: 200, Salt: 7}, time: []float32{float32(time)}}
		for cell := range 100 {
			d := m.destination(cell)
			assert.True(t, m.isDestination(d))
			count[d/200*2+d%2]++
		}
	}
	const often = 150 // three and a half standard deviations of 10⁴ draws of one in four
	for _, n := range count {
		assert.InDelta(t, 2500, n, often)
	}
}
