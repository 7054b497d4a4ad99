package vae

import (
	"fmt"

	G "gorgonia.org/gorgonia"

	"sdgo/internal/model"
	"sdgo/internal/nn"
	"sdgo/internal/op"
)

// band is the key of a plan: some rows of what the first links of a stage make of an image
// of h×w.
type band struct {
	decode             bool
	stage, links, h, w int
	rows               rows
	wrap               op.Wrap
}

// build makes the graph of a band. Its inputs are x, the rows that it reads [1 rows w C], and
// the statistics of the images that each link normalises, norm0 and so on; it has the
// rows wanted [1 rows w C].
func (v *VAE) buildBand(k band) model.Build {
	return func() (inputs, outputs []*G.Node, err error) {
		s := &v.stages(k.decode)[k.stage]
		r := s.reach(k.links, k.h, k.rows)
		g := nn.NewGraph(G.NewGraph())
		g.Wrap(k.wrap)
		x := g.Input("x", 1, r.reads[0].n(), k.w, s.in)
		inputs = append(inputs, x)
		var before *G.Node // what the block reads
		have := r.reads[0]
		for i := range s.links[:k.links] {
			l := &s.links[i]
			if s.block != nil && k.links == len(s.links) && i == k.links-2 {
				before = someRows(g, x, k.rows.from-have.from, k.rows.n())
			}
			h, w := s.size(i, k.h), s.size(i, k.w)
			if l.norm != nil {
				statistics := g.Input(statisticsName(i), l.norm.Statistics(h*w))
				inputs = append(inputs, statistics)
				x = g.SiLU(l.norm.ForwardPart(g, x, statistics, h*w))
			}
			if l.resize == doubled {
				x = g.Upsample(x, 2*have.n(), 2*w)
			}
			made := r.makes[i]
			x = l.conv.ForwardPart(g, x, made.from == 0 || l.resize == doubled, made.upto == l.size(h) || l.resize != same)
			have = k.rows
			if i+1 < k.links {
				have = r.reads[i+1]
			}
			x = someRows(g, x, have.from-made.from, have.n())
		}
		if before != nil {
			if s.block.shortcut != nil {
				before = s.block.shortcut.Forward(g, before)
			}
			x = g.Add(before, x)
		}
		if s.flat {
			x = g.ChannelsFirst(x)
		}
		return inputs, []*G.Node{x}, g.Err()
	}
}

// someRows returns n rows of x [1 H W C], from first on.
func someRows(g *nn.Graph, x *G.Node, first, n int) *G.Node {
	if first == 0 && n == g.Shape(x)[1] {
		return x
	}
	return g.Slice(x, 1, first, n)
}

// statisticsName is the name of the statistics of what link i reads.
func statisticsName(i int) string { return fmt.Sprintf("norm%d", i) }

// end is the key of a plan: of the first part of the decoder, or the last of the encoder,
// which is computed on the whole, for an image of h×w on the other side of it.
type end struct {
	decode bool
	h, w   int
	wrap   op.Wrap
}

// buildEnd makes the graph of an end.
func (v *VAE) buildEnd(k end) model.Build {
	return func() (inputs, outputs []*G.Node, err error) {
		g := nn.NewGraph(G.NewGraph())
		g.Wrap(k.wrap)
		if k.decode {
			in := g.Input("x", 1, v.Config.LatentChannels, k.h, k.w)
			out := v.decoder.(*decoder).first(g, in)
			return []*G.Node{in}, []*G.Node{out}, g.Err()
		}
		e := v.encoder.(*encoder)
		in := g.Input("x", 1, k.h, k.w, e.stages()[len(e.stages())-1].out())
		out := e.last(g, in)
		return []*G.Node{in}, []*G.Node{out}, g.Err()
	}
}
