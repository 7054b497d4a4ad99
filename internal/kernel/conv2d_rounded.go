package kernel

// roundedConv is a convolution of several pixels whose factors are rounded to bfloat16, in
// pairs of input channels, as those of [rounded]. The weights are in a format of float32
// arithmetic, which [Winograd] reads too, and become pairs in scratch.
//
// It has rounds of two phases: the first rounds the rows of the input that some rows of
// the output see, once each, the second multiplies. A task of the second takes a block of
// pixels times a band of panels, and goes through K by chunks, so that a chunk of a panel
// stays in the second-level cache while the pixels pass by.
type roundedConv struct {
	ConvShape
	out, x, work, zero []float32
	w                  Packed
	ep                 Epilogue
	ys                 []int32 // where in an image of x each row of the padded input begins
	xs                 []int32 // and in words of a row, each column
	words              int     // of a pixel
	chunks             []chunk // of words
	native             bool    // there is an instruction for the products
}

const (
	roundedWork = 1 << 20 // words of input that are rounded in one round
	convTiles   = 48      // most tiles of pixels of a task
	convWords   = 2048    // fewest words of K of a task's panels, which pay for finding the pixels
)

// Rounds says whether [RoundedConv2D] can do the convolution: of several pixels, and an
// even number of input channels.
func (s ConvShape) Rounds() bool { return s.KH*s.KW > 1 && s.InC%PerWord(BFloat16) == 0 }

// RoundedWork returns the float32s of shared work space of [RoundedConv2D], which are
// fewer for a smaller image or batch.
func RoundedWork(s ConvShape) int {
	row := s.W * roundedLen(s.InC)
	return max(min(s.N*s.H*row, roundedWork), min(s.H, s.KH)*row)
}

// roundedLen is the words that channels take, or the float32s without the instruction.
func roundedLen(channels int) int {
	if dots.bf16 {
		return channels / PerWord(BFloat16)
	}
	return channels
}

// RoundedConv2D is [Conv2D] with factors that are rounded to bfloat16, for shapes that
// s.Rounds() accepts, of weights in a format of float32 arithmetic.
func RoundedConv2D(out, x []float32, s ConvShape, w Packed, ep Epilogue, work []float32) []Phase {
	w.Format.mustBe("rounded convolution", Float32, Float16)
	s.check("rounded convolution", x, w)
	w.check("rounded convolution")
	ep.check(s.N*s.OutH*s.OutW, s.OutC)
	switch {
	case !s.Rounds():
		panic("kernel: rounded convolution: of one pixel, or an odd number of channels")
	case w.stored() && w.Taps != s.KH*s.KW:
		panic("kernel: rounded convolution: stored weights of other taps")
	case ep.Gated:
		panic("kernel: rounded convolution: gated")
	case len(out) < s.N*s.OutH*s.OutW*s.OutC:
		panic("kernel: rounded convolution: short out")
	case len(work) < RoundedWork(s):
		panic("kernel: rounded convolution: short work space")
	}
	c := &roundedConv{ConvShape: s, out: out, x: x, w: w, ep: ep, work: work, words: roundedLen(s.InC), native: dots.bf16}
	c.zero = make([]float32, c.words)
	c.chunks = cut(s.KH*s.KW, c.words)
	c.ys, _ = s.padded()
	inWords := s
	inWords.InC = c.words
	_, c.xs = inWords.padded()
	var phases []Phase
	for _, r := range c.rounds() {
		phases = append(phases, r.rounding(), r.products())
	}
	return phases
}

// rounds splits the output: into whole images if one fits into the work space, or the
// rows of each.
func (c *roundedConv) rounds() []*convRound {
	if c.N*c.OutH*c.OutW*c.OutC == 0 {
		return nil
	}
	var rounds []*convRound
	row := c.W * c.words
	if images := roundedWork / (c.H * row); images > 0 {
		n := ceilDiv(c.N, images)
		for i := range n {
			first := c.N * i / n
			rounds = append(rounds, c.newRound(first, c.N*(i+1)/n-first, 0, c.OutH))
		}
		return rounds
	}
	n := ceilDiv(c.OutH, max(1, (roundedWork/row-c.KH)/c.Stride+1))
	for image := range c.N {
		for i := range n {
			rounds = append(rounds, c.newRound(image, 1, c.OutH*i/n, c.OutH*(i+1)/n))
		}
	}
	return rounds
}

// weights returns a panel's weights of a chunk as the products want them. Stored ones are
// made with the first chunk, for their rows have each input's taps side by side.
func (c *roundedConv) weights(wide, temp []float32, col int, k chunk) []float32 {
	if c.w.stored() {
		if k.tap == 0 {
			c.w.storedPanel(wide, temp, col, 0, c.InC)
			c.pair(wide, c.w.K/2)
		}
		return wide[k.tap*c.words*panel:][:k.taps*k.k*panel]
	}
	row, pairs := col*c.w.K+k.tap*c.InC, k.taps*c.InC/2
	switch {
	case c.w.Format == Float32:
		copy(wide[:2*pairs*panel], c.w.Data[row*panel:])
		c.pair(wide, pairs)
	case c.native:
		pairHalves(wide, halves(c.w.Data)[row*panel:], pairs)
	default:
		widenHalves(wide[:2*pairs*panel], halves(c.w.Data)[row*panel:])
		c.pair(wide, pairs)
	}
	return wide[:k.taps*k.k*panel]
}

// pair makes pairs of the rows of a panel [2·pairs][32], or rounds and turns them.
func (c *roundedConv) pair(x []float32, pairs int) {
	if c.native {
		pairRows(x, pairs, panel)
	} else {
		turnRows(x, pairs)
	}
}

// wideLen is the float32s that weights takes.
func (c *roundedConv) wideLen() int {
	if c.w.stored() {
		return c.w.K * panel
	}
	most := 0
	for _, k := range c.chunks {
		most = max(most, k.taps)
	}
	if c.native && c.w.Format == Float16 {
		return most * c.words * panel
	}
	return most * c.InC * panel
}
