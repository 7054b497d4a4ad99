package unet

import (
	"math"

	G "gorgonia.org/gorgonia"

	"sdgo/internal/nn"
)

// The values of attention_type beside default: layouts of phrases, and of phrases and
// pictures, by boxes.
const (
	gated          = "gated"
	gatedTextImage = "gated-text-image"
)

// BoxFeatures is how many numbers tell the corners of a box; see [BoxCorners].
const BoxFeatures = 4 * 2 * boxFrequencies

// MaxBoxes is with how many boxes, unused ones included, the published models were trained.
const MaxBoxes = 30

// boxFrequencies is fourier_freqs of diffusers' GLIGENTextBoundingboxProjection.
const boxFrequencies = 8

// BoxCorners returns the Fourier features [BoxFeatures] of a box, in shares of the picture's
// width and height, 0 to 1: for each of eight frequencies, 1 to 100^(7/8), the sines of left,
// top, right and bottom, then the cosines. It is in float32 throughout as in the reference.
func BoxCorners(left, top, right, bottom float64) []float32 {
	out := make([]float32, 0, BoxFeatures)
	for i := range boxFrequencies {
		frequency := float32(math.Pow(100, float64(i)/boxFrequencies))
		for _, wave := range []func(float64) float64{math.Sin, math.Cos} {
			for _, at := range []float64{left, top, right, bottom} {
				out = append(out, float32(wave(float64(frequency*float32(at)))))
			}
		}
	}
	return out
}

// positionNet maps what stands in boxes to tokens, to which pixels attend in a [fuser] (Li
// et al. 2023, section 3.2). Features that are not there are learned ones instead. Of a
// model that reads pictures, too, each box has a second token.
//
//	features, corners ─ + ─ linears.0 ─ SiLU ─ linears.2 ─ SiLU ─ linears.4 ─ tokens
//	mask ─ null ────────┘
//
// https://arxiv.org/abs/2301.07093
type positionNet struct {
	width    int // of one embedding
	kinds    []*groundingKind
	position *nn.Linear // the null features of a box
}

// groundingKind is what there is for phrases, or for pictures.
type groundingKind struct {
	null   *nn.Linear
	layers [3]*nn.Linear
}

// newPositionNet returns nil if the model takes no boxes.
func newPositionNet(p *nn.Params, c *Config) *positionNet {
	kinds := map[string][2][]string{
		gated:          {{"linears"}, {"null_positive_feature"}},
		gatedTextImage: {{"linears_text", "linears_image"}, {"null_text_feature", "null_image_feature"}},
	}[c.AttentionType]
	if kinds[0] == nil {
		return nil
	}
	p = p.Precise()
	width, hidden := c.CrossAttentionDim.At(0), 512
	n := &positionNet{width: width, position: p.Column("null_position_feature", BoxFeatures)}
	for i, name := range kinds[0] {
		n.kinds = append(n.kinds, &groundingKind{
			null: p.Column(kinds[1][i], width),
			layers: [3]*nn.Linear{
				p.Linear(name+".0", width+BoxFeatures, hidden), p.Linear(name+".2", hidden, hidden), p.Linear(name+".4", hidden, width),
			},
		})
	}
	return n
}

// shape is that of the boxes, or of their mask, of n samples; nil if there are none.
func (p *positionNet) shape(n int, boxes bool) []int {
	switch {
	case p == nil:
		return nil
	case boxes:
		return []int{n, -1, p.features()}
	}
	return []int{n, -1, p.known()}
}

// features is how many numbers there are for a box, and known of how many parts the mask
// says whether they are there: an embedding of each kind, and the corners.
func (n *positionNet) features() int { return len(n.kinds)*n.width + BoxFeatures }
func (n *positionNet) known() int    { return len(n.kinds) + 1 }

// forward maps features [N K features] and their mask [N K known] to tokens [N K' width],
// K' being K or 2K.
func (n *positionNet) forward(g *nn.Graph, features, mask *G.Node) *G.Node {
	missing := g.Affine(mask, -1, 1)
	part := func(kind, width int, null *nn.Linear) *G.Node {
		x := g.Slice(features, 2, kind*n.width, width)
		return g.Add(x, null.Forward(g, g.Slice(missing, 2, kind, 1)))
	}
	corners := part(len(n.kinds), BoxFeatures, n.position)
	var tokens *G.Node
	for i, kind := range n.kinds {
		x := kind.layers[0].Forward(g, g.Concat(part(i, n.width, kind.null), corners))
		x = kind.layers[1].Forward(g, g.SiLU(x))
		x = kind.layers[2].Forward(g, g.SiLU(x))
		if i > 0 {
			x = g.JoinTokens(tokens, x)
		}
		tokens = x
	}
	return g.Mark("position_net", tokens)
}

// fuser lets pixels attend to the tokens of boxes beside themselves, through two gates
// that began at zero (Li et al. 2023, equation 8).
//
//	x ─┬─ norm1 ─ attn, to tokens, too ─ ·tanh(α₁) ─ + ─┬─ norm2 ─ GEGLU ─ out ─ ·tanh(α₂) ─ + ─
//	   └────────────────────────────────────────────────┘└──────────────────────────────────┘
type fuser struct {
	path          string
	linear        *nn.Linear // of the tokens
	norm1, norm2  *nn.LayerNorm
	attn          *attention
	proj, out     *nn.Linear
	first, second *nn.Gate
}

func newFuser(p *nn.Params, d, condDim, heads int) *fuser {
	return &fuser{
		path:   p.Path(),
		linear: p.Linear("linear", condDim, d),
		norm1:  p.LayerNorm("norm1", d, layerNormEps),
		norm2:  p.LayerNorm("norm2", d, layerNormEps),
		attn:   newAttention(p.At("attn"), d, d, heads, false),
		proj:   p.Linear("ff.net.0.proj", d, 2*4*d),
		out:    p.Linear("ff.net.2", 4*d, d),
		first:  p.Gate("alpha_attn"),
		second: p.Gate("alpha_dense"),
	}
}

// forward maps x [N T C] and the tokens of boxes [N K D] to [N T C].
func (f *fuser) forward(g *nn.Graph, x, boxes *G.Node) *G.Node {
	own := f.norm1.Forward(g, x)
	all := g.JoinTokens(own, f.norm1.Forward(g, f.linear.Forward(g, boxes)))
	x = g.Add(x, f.first.Forward(g, f.attn.forward(g, own, source{tokens: all})))
	h := g.GEGLU(f.proj.Forward(g, f.norm2.Forward(g, x)))
	return g.Mark(f.path, g.Add(x, f.second.Forward(g, f.out.Forward(g, h))))
}
