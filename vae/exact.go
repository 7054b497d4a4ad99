package vae

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"sdgo/internal/model"
	"sdgo/internal/op"
)

// Exact tiles are bands of the whole width, and the picture has the bytes of the whole.
// Between two stages there is one image in memory. A stage goes over it once for each
// normalisation inside it, whose statistics are gathered from all bands, and once to
// write the next image, in the place of the one that it reads:
//
//	memory  ......XXXXXXXXXXXX   what a stage reads lies at the end
//	        YYYYYYYYY...XXXXXX   bands of what it writes follow what is not needed any more
//	        YYYYYYYYYYYYYYYYYY
//
// What has the size of the latents, where every pixel attends to all, is computed whole.
type exact struct {
	stages []stage
	h, w   int // of the image that the first stage reads
	budget int // numbers of a band of one image
	memory int // numbers of the images
	band   int // of a band whose statistics are gathered
	wrap   op.Wrap
}

// checkBands wants attention in the lowest level alone, where exact tiles are whole, and
// latents that are quantized as always.
func (c *Config) checkBands(w Work) error {
	last := len(c.BlockOutChannels) - 1
	for i := range last {
		if strings.HasPrefix(c.DownBlockTypes[i], attnPrefix) || strings.HasPrefix(c.UpBlockTypes[last-i], attnPrefix) {
			return fmt.Errorf("vae: tiles: have attention in level %d, where every pixel attends to all, want none for exact ones", i)
		}
	}
	if w.Unquantized {
		return errors.New("vae: tiles: have latents that are not quantized, want others for exact ones")
	}
	return nil
}

// stages returns those of the decoder or of the encoder, or nil of an AutoencoderTiny.
func (v *VAE) stages(decode bool) []stage {
	if decode {
		if d, ok := v.decoder.(*decoder); ok {
			return d.stages(&v.Config)
		}
	} else if e, ok := v.encoder.(*encoder); ok {
		return e.stages()
	}
	return nil
}

// newExact divides a call whose tiles are exact into bands.
func (v *VAE) newExact(decode bool, h, w, tile int) *exact {
	e := &exact{stages: v.stages(decode), h: h, w: w, budget: tile * tile * v.Config.BlockOutChannels[0]}
	for i := range e.stages {
		s := &e.stages[i]
		n := len(s.links)
		e.memory = max(e.memory, h*w*s.in)
		outH, outW := s.size(n, h), s.size(n, w)
		for r := range e.bands(s, n, h, w) {
			if s.flat {
				break
			}
			rest := 0 // rows that the next bands read: they must lie behind what was made
			if r.upto < outH {
				rest = h - s.reach(n, h, rows{r.upto, min(r.upto+r.n(), outH)}).reads[0].from
			}
			e.memory = max(e.memory, r.upto*outW*s.out()+rest*w*s.in)
		}
		for _, j := range s.passes() {
			if j < n || s.flat {
				e.band = max(e.band, min(e.height(s, w), s.size(j, h))*s.size(j, w)*s.links[j-1].out)
			}
		}
		h, w = outH, outW
	}
	return e
}

// leastRows is the least height of a band: four tiles of Winograd's convolution, from
// which on it is chosen as for the whole.
const leastRows = 4 * tileRows

// height is that of a stage's bands, for an image of width w.
func (e *exact) height(s *stage, w int) int {
	widest := w * s.in // numbers for a row
	if s.links[0].resize == halved {
		widest *= 2
	}
	for i := range s.links {
		widest = max(widest, s.size(i+1, w)*s.links[i].out)
	}
	return max(leastRows, e.budget/widest/leastRows*leastRows)
}

// bands are those of what a stage's first n links make of an image of h×w.
func (e *exact) bands(s *stage, n, h, w int) iter.Seq[rows] {
	height, size := e.height(s, w), s.size(n, h)
	return func(yield func(rows) bool) {
		for y := 0; y < size; y += height {
			if !yield(rows{y, min(y+height, size)}) {
				return
			}
		}
	}
}

// inner is the first band that reaches no edge, if there is one: all such have the same
// plan, and those at an edge are no larger.
func (e *exact) inner(s *stage, n, h, w int) (rows, bool) {
	for r := range e.bands(s, n, h, w) {
		if !s.edge(n, h, s.reach(n, h, r)) {
			return r, true
		}
	}
	return rows{}, false
}

// passes are for each time that a stage goes over its image the number of links.
func (s *stage) passes() (list []int) {
	for i := 1; i < len(s.links); i++ {
		if s.links[i].norm != nil {
			list = append(list, i)
		}
	}
	return append(list, len(s.links))
}

// plannable is what a plan is made by.
type plannable struct {
	key   any
	build model.Build
}

// plans are those of a call, of which one is the largest; the ends have the size of
// latents h×w.
func (v *VAE) plans(e *exact, decode bool, h, w int) []plannable {
	k := end{decode, h, w, e.wrap}
	list := []plannable{{k, v.buildEnd(k)}}
	h, w = e.h, e.w
	for i := range e.stages {
		s := &e.stages[i]
		for _, n := range s.passes() {
			largest := slices.Collect(e.bands(s, n, h, w))
			if r, ok := e.inner(s, n, h, w); ok {
				largest = []rows{r}
			}
			for _, r := range largest {
				b := band{decode, i, n, h, w, r, e.wrap}
				list = append(list, plannable{b, v.buildBand(b)})
			}
		}
		h, w = s.size(len(s.links), h), s.size(len(s.links), w)
	}
	return list
}
