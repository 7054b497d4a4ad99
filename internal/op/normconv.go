package op

import (
	"fmt"

	"sdgo/internal/kernel"
)

// stripe is about the number of float32s of a stripe of an image.
const stripe = 4 << 20

// normConv is group normalisation and a 3×3 convolution of what it gives. It goes
// through a large image by stripes of rows, from the top to the bottom, so that the
// normalised image is never stored. The bytes are those of one after the other:
// the statistics are those of the whole image, and a row of the convolution is the
// same in any stripe.
//
//	x       ─────────────────────────────
//	         ↓ norm, activation     rows r-1 to r+S, two of them from the last stripe
//	stripe          ───────────
//	         ↓ convolution          rows r to r+S-1
//	out     ─────────────────────────────
//
// A Winograd convolution by blocks of tiles goes without stripes, as each block normalises
// what it reads, unless the output lies over x.
type normConv struct {
	norm   groupNorm
	conv   conv2d
	rows   int // of a stripe
	blocks bool
}

// newNormConv joins the two if the image is large enough for it.
func newNormConv(t Target, norm groupNorm, conv conv2d) (Operation, bool) {
	s := conv.s
	same := s.KH == 3 && s.KW == 3 && s.Stride == 1 && s.PadTop == 1 && s.PadLeft == 1 && s.OutH == s.H && s.OutW == s.W && s.UpH == 0
	if !same || conv.unpacked || !t.Stripes(s.N*s.H*s.W*s.InC) || norm.s.Pixels != s.H*s.W || norm.s.N != s.N || norm.s.C != s.InC {
		return nil, false
	}
	k := normConv{norm: norm, conv: conv, rows: stripeRows(conv), blocks: byBlocks(conv)}
	return k, k.rows+2 < s.H
}

// byBlocks says whether a convolution goes by blocks of Winograd's tiles.
func byBlocks(conv conv2d) bool { return conv.winograd && !conv.rounds() && conv.s.WinogradByBlocks() }

// stripeRows is the height of a stripe: whole tiles of Winograd's convolution, as
// many as it transforms together, or else about the size of stripe.
func stripeRows(conv conv2d) int {
	s := conv.s
	tiles := stripe / 16 / s.InC
	switch {
	case byBlocks(conv): // leaves room for the weights
		tiles = tiles * 2 / 3
	case conv.winograd:
		tiles = kernel.WinogradRound(s)
	}
	return 4 * max(1, tiles/((s.W+3)/4))
}

func (k normConv) String() string {
	by := "blocks"
	if !k.blocks {
		by = fmt.Sprintf("%d rows", k.rows)
	}
	return fmt.Sprintf("%v, then %v by %s", k.norm, k.conv, by)
}

// inStripe is the shape of the convolution of a stripe with n rows of output.
func (k normConv) inStripe(first, n int) kernel.ConvShape {
	s := k.conv.s
	s.N, s.OutH = 1, n
	s.PadTop = 0
	if s.WrapY { // the stripe has the rows beyond the image
		s.H, s.WrapY = n+2, false
		return s
	}
	if first == 0 {
		s.PadTop = 1
	}
	s.H = min(first+n+1, k.conv.s.H) - max(first-1, 0)
	return s
}

// parts are the sizes of the work space's parts: the statistics, a stripe with a
// row above and one below, and what Winograd's convolution needs.
func (k normConv) parts() (statistics, stripe, conv int) {
	s := k.inStripe(k.rows, k.rows)
	s.H = k.rows + 2 // the second stripe may be the last one, and lower
	return (k.norm.Work() + 15) / 16 * 16, ((k.rows+2)*s.W*s.InC + 15) / 16 * 16, k.conv.algorithmWork(s)
}

func (k normConv) Cost() Cost { return k.conv.Cost() }

func (k normConv) Work() int {
	statistics, stripe, conv := k.parts()
	n := statistics + stripe + conv
	if k.blocks {
		n = max(n, kernel.WinogradNormedWork(k.norm.s, k.conv.s))
	}
	return n
}

// InPlace lets the output lie over x, whose rows are in the stripe before they are
// overwritten unless the last stripe needs the first one, or over the residual, which
// blocks like better.
func (k normConv) InPlace(i int) bool {
	return i == 0 && !k.conv.s.WrapY && !(k.blocks && k.conv.ep.residual) || k.conv.ep.inPlace(i-2)
}

// Shrinks says that x may be larger.
func (k normConv) Shrinks(i int) bool {
	return i == 0 && k.InPlace(0) && k.conv.s.OutC <= k.conv.s.InC
}

func (k normConv) Fuse(t Target, next Operation, arg int) (Operation, bool) {
	ep, ok := k.conv.ep.fuse(t, next, arg)
	k.conv.ep = ep
	return k, ok
}

func (k normConv) Phases(out []float32, in []Arg, work []float32) []kernel.Phase {
	s := k.conv.s
	x, gamma, beta, w := in[0].Data, in[1].Data, in[2].Data, in[3]
	ep := k.conv.ep.bind(in[4:], k.conv.rounding)
	if k.blocks && &out[0] != &x[0] {
		norm := kernel.Norm{NormShape: k.norm.s, Gamma: gamma, Beta: beta, Eps: k.norm.eps, Act: k.norm.act}
		return kernel.WinogradNormed(out, x, norm, s, w.packed(s.OutC, s.InC, s.KH, s.KW), ep, work)
	}
	nStatistics, nStripe, _ := k.parts()
	statistics, stripe, rest := work[:nStatistics], work[nStatistics:][:nStripe], work[nStatistics+nStripe:]
	row, outRow := s.W*s.InC, s.W*s.OutC

	normed := func(to []float32, n, from, upto int) kernel.Phase {
		return kernel.GroupNormPart(to, x, k.norm.s, n, from*s.W, upto*s.W, gamma, beta, k.norm.eps, k.norm.act, statistics)
	}
	phases := []kernel.Phase{kernel.GroupNormStatistics(x, k.norm.s, statistics)}
	for n := range s.N {
		for first := 0; first < s.H; first += k.rows {
			// Row i of the stripe is row first-1+i of the image.
			above, begin, have := 1, 1, 0 // at the top there is no row above
			if first == 0 && s.WrapY {    // or it is the last one
				above = 0
				phases = append(phases, normed(stripe, n, s.H-1, s.H))
			}
			if first > 0 {
				above, begin, have = 0, 2, first+1
				phases = append(phases, kernel.Copy(stripe[:2*row], stripe[k.rows*row:]))
			}
			rows := min(k.rows, s.H-first)
			if upto := min(first+rows+1, s.H); upto > have {
				phases = append(phases, normed(stripe[begin*row:], n, have, upto))
			}
			if first+rows == s.H && s.WrapY { // below the last row is the first
				phases = append(phases, normed(stripe[(rows+1)*row:], n, 0, 1))
			}

			part := ep
			part.Rows = rows * s.W
			if ep.PerSample != nil {
				part.PerSample = ep.PerSample[n*s.OutC:][:s.OutC]
			}
			at := (n*s.H + first) * outRow
			if ep.Residual != nil {
				part.Residual = ep.Residual[at:]
			}
			conv := k.conv
			conv.s = k.inStripe(first, rows)
			phases = append(phases, conv.convolve(out[at:][:rows*outRow], stripe[above*row:], w, part, rest)...)
		}
	}
	return phases
}
