package kernel

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// blockShapes are convolutions by blocks: of several images, with edges that no tile
// reaches, of more than one chunk of channels, and of images that go on with their other
// side or are enlarged.
func blockShapes() []ConvShape {
	around, up := same(1, 29, 30, 32, 40, 3), same(1, 26, 50, 16, 33, 3)
	around.WrapX, around.WrapY = true, true
	up.H, up.W, up.UpH, up.UpW = 13, 25, 26, 50
	return []ConvShape{same(2, 25, 45, 48, 40, 3), same(1, 9, 100, 144, 40, 3), around, up}
}

// teams are numbers of threads, for which blocks have other sizes.
var teams = []int{1, 3, 64}

// Blocks of any size have the bytes of rounds.
func TestWinogradBlocksSameBytes(t *testing.T) {
	rng := rand.New(rand.NewPCG(80, 81))
	for _, s := range blockShapes() {
		x, weight := s.data(rng)
		ep := someEpilogue(rng, s.N*s.OutH*s.OutW, s.OutC)
		for _, format := range []Format{Float32, Float16} {
			w := PackConv(make([]float32, PackedLen(9*s.InC, s.OutC, format)), weight, s.OutC, s.InC, 3, 3, format)
			want := make([]float32, s.N*s.OutH*s.OutW*s.OutC)
			a := newWinograd(s)
			require.True(t, a.byBlocks(), "%+v", s)
			a.bind(want, x, w, ep)
			Serial(a.rounds(make([]float32, a.roundsLen()))...)
			eachISA(t, func(t *testing.T) { requireSame(t, want, runWinogradIn(t, x, weight, s, ep, format)) })
			for _, threads := range teams {
				t.Run(fmt.Sprintf("%+v/%v/%d", s, format, threads), func(t *testing.T) {
					out, check := guarded(make([]float32, len(want)))
					work, checkWork := guarded(make([]float32, WinogradWork(s)))
					runGuarded(t, rng, phasesFor(threads, Winograd(out, x, s, w, ep, work))...)
					check(t)
					checkWork(t)
					requireSame(t, want, out)
				})
			}
		}
	}
}

// phasesFor are phases cut for a team of so many threads.
func phasesFor(threads int, phases []Phase) (list []Phase) {
	for _, p := range phases {
		list = append(list, p.For(threads))
	}
	return list
}

// A normalisation in the blocks has the bytes of one before them.
func TestWinogradNormedSameBytes(t *testing.T) {
	rng := rand.New(rand.NewPCG(82, 83))
	for i, s := range blockShapes() {
		x, weight := s.data(rng)
		gamma, beta := randoms(rng, s.InC), randoms(rng, s.InC)
		ep := someEpilogue(rng, s.N*s.OutH*s.OutW, s.OutC)
		norm := Norm{NormShape{s.N, s.H * s.W, s.InC, 8}, gamma, beta, 1e-5, []Activation{SiLU, None, GELU, SiLU}[i]}
		eachISA(t, func(t *testing.T) {
			normed := runGroupNorm(t, x, norm.NormShape, gamma, beta, norm.Act)
			want := runWinograd(t, normed, weight, s, ep)
			w := PackConv(make([]float32, PackedLen(9*s.InC, s.OutC, Float32)), weight, s.OutC, s.InC, 3, 3, Float32)
			for _, threads := range teams {
				in, _ := guarded(x)
				out, check := guarded(make([]float32, len(want)))
				work, checkWork := guarded(make([]float32, WinogradNormedWork(norm.NormShape, s)))
				runGuarded(t, rng, phasesFor(threads, WinogradNormed(out, in, norm, s, w, ep, work))...)
				check(t)
				checkWork(t)
				requireSame(t, want, out)
			}
		})
	}
}

// Weights that take more memory than the transformed input, or too many channels for a
// block, go by rounds.
func TestWinogradByBlocks(t *testing.T) {
	for _, tt := range []struct {
		s    ConvShape
		want bool
	}{
		{same(1, 512, 512, 128, 128, 3), true}, {same(1, 256, 256, 256, 256, 3), true},
		{same(1, 256, 256, 512, 256, 3), false}, {same(1, 256, 256, 256, 480, 3), false},
		{same(1, 44, 44, 128, 128, 3), false}, {same(2, 44, 44, 128, 128, 3), true},
	} {
		assert.Equal(t, tt.want, tt.s.WinogradByBlocks(), "%+v", tt.s)
		assert.LessOrEqual(t, WinogradWork(tt.s), winWork+winPoints*1024, "%+v", tt.s)
	}
}

func TestWinogradNormedChecks(t *testing.T) {
	s := same(1, 24, 24, 16, 3, 3)
	x, weight := s.data(rand.New(rand.NewPCG(84, 85)))
	w := PackConv(make([]float32, PackedLen(9*16, 3, Float32)), weight, 3, 16, 3, 3, Float32)
	out := make([]float32, 24*24*3)
	norm := Norm{NormShape: NormShape{1, 24 * 24, 16, 4}, Gamma: x[:16], Beta: x[:16]}
	work := make([]float32, WinogradNormedWork(norm.NormShape, s))
	assert.PanicsWithValue(t, "kernel: winograd: short work", func() { WinogradNormed(out, x, norm, s, w, Epilogue{}, work[1:]) })
	norm.Pixels--
	assert.PanicsWithValue(t, "kernel: winograd: normalisation of another shape", func() { WinogradNormed(out, x, norm, s, w, Epilogue{}, work) })
	s.H, s.OutH = 4, 4
	assert.PanicsWithValue(t, "kernel: winograd: not by blocks", func() { WinogradNormed(out, x, norm, s, w, Epilogue{}, work) })
}
