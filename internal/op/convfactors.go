package op

import "sdgo/internal/kernel"

// Factors says which convolutions of several pixels have factors that are rounded to
// bfloat16. Sums are float32.
type Factors uint8

const (
	Exact         Factors = iota // none
	RoundDirect                  // all but Winograd's
	RoundWinograd                // Winograd's too, whose transforms make the error larger
)

// rounds says whether the factors are rounded, with the algorithm that was chosen.
func (k conv2d) rounds() bool {
	return k.s.Rounds() && (k.factors == RoundWinograd || k.factors == RoundDirect && !k.winograd)
}

// algorithmWork is the part of the work that the algorithm takes for a shape.
func (k conv2d) algorithmWork(s kernel.ConvShape) int {
	switch {
	case k.winograd && k.rounds():
		return kernel.RoundedWinogradWork(s)
	case k.winograd:
		return kernel.WinogradWork(s)
	case k.rounds():
		return kernel.RoundedWork(s)
	}
	return 0
}

// convolve is the work for x and a weight.
func (k conv2d) convolve(out, x []float32, weight Arg, ep kernel.Epilogue, work []float32) []kernel.Phase {
	s := k.s
	w := weight.packed(s.OutC, s.InC, s.KH, s.KW)
	switch {
	case k.rounding.from:
		return []kernel.Phase{kernel.GemmRounded(out, x, s.N*s.H*s.W, w, ep)}
	case k.winograd && k.rounds():
		return kernel.RoundedWinograd(out, x, s, w, ep, work)
	case k.winograd:
		return kernel.Winograd(out, x, s, w, ep, work)
	case k.rounds():
		return kernel.RoundedConv2D(out, x, s, w, ep, work)
	}
	return kernel.Conv2D(out, x, s, w, ep)
}
