package vae

import "sdgo/internal/nn"

// rows are those of an image from one up to another.
type rows struct{ from, upto int }

func (r rows) n() int { return r.upto - r.from }

// within leaves out what an image of h rows has not.
func (r rows) within(h int) rows { return rows{max(r.from, 0), min(r.upto, h)} }

// wider are n more rows on both sides.
func (r rows) wider(n int) rows { return rows{r.from - n, r.upto + n} }

// tileRows is the height of a tile of Winograd's convolution, whose rows are computed
// together: their last bits depend on which these are, and on all that they read.
const tileRows = 4

// aligned are whole tiles.
func (r rows) aligned() rows {
	return rows{r.from &^ (tileRows - 1), (r.upto + tileRows - 1) &^ (tileRows - 1)}
}

// link is a convolution with what stands before it: a normalisation and its activation.
// Some rows of what it makes need some rows of what it reads.
type link struct {
	norm   *nn.GroupNorm // nil: none
	conv   *nn.Conv2D
	resize resize
	out    int // channels that it makes
}

// resize is what a link does to the size of an image.
type resize int

const (
	same    resize = iota
	doubled        // first by nearest neighbour
	halved         // by the stride
)

// size is the size of what a link makes of n rows or columns.
func (l *link) size(n int) int {
	switch l.resize {
	case doubled:
		return 2 * n
	case halved:
		return n / 2
	}
	return n
}

// reach says, for rows wanted of what the link makes of h rows, which it reads, and which
// it makes of them: those wanted, around them whole tiles, and where a neighbour is
// missing, which only those beside an edge may, others that are not right.
func (l *link) reach(want rows, h int) (reads, makes rows) {
	switch l.resize {
	case doubled:
		makes = want.aligned().wider(tileRows).within(2 * h)
		return rows{makes.from / 2, makes.upto / 2}, makes
	case halved:
		reads = rows{2 * want.from, 2*want.upto + 2}.within(h)
		return reads, rows{want.from, want.from + reads.n()/2}
	}
	makes = want.aligned().within(h)
	return makes.wider(1).within(h), makes
}

// maxLinks is the most links of a stage: those of a residual block behind an enlargement.
const maxLinks = 3

// stage is a part of the encoder or decoder that is computed from an image, and to
// another, band by band: a residual block and what stands before it, or one convolution.
//
//	image ─ [enlarge ─ conv] ─┬─ norm ─ SiLU ─ conv ─ norm ─ SiLU ─ conv ─ + ─ image
//	                          └───────────────── shortcut ─────────────────┘
type stage struct {
	in    int // channels
	links []link
	block *resBlock // whose two convolutions are the last links; nil if there is none
	flat  bool      // makes channels first, for the caller
}

func (s *stage) out() int { return s.links[len(s.links)-1].out }

// size is the size of what the first n links make of an image's h rows or w columns.
func (s *stage) size(n, h int) int {
	for i := range n {
		h = s.links[i].size(h)
	}
	return h
}

// reach is that of each link.
type reach struct{ reads, makes [maxLinks]rows }

// reach says which rows the first n links read and make for those wanted of what they
// make of an image of h rows.
func (s *stage) reach(n, h int, want rows) (r reach) {
	for i := n - 1; i >= 0; i-- {
		r.reads[i], r.makes[i] = s.links[i].reach(want, s.size(i, h))
		want = r.reads[i]
	}
	return r
}

// edge says whether the upper or lower edge of an image of h rows is in reach.
func (s *stage) edge(n, h int, r reach) bool {
	for i := range n {
		in, out := s.size(i, h), s.size(i+1, h)
		if r.reads[i].from == 0 || r.makes[i].from == 0 || r.reads[i].upto >= in || r.makes[i].upto >= out {
			return true
		}
	}
	return false
}
