package diffusion

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"gorgonia.org/tensor"

	"sdgo/internal/engine"
	"sdgo/internal/model"
	"sdgo/unet"
)

// shown are the pictures of a run's image prompts, as the U-Net reads them.
type shown struct {
	*run
	prompts []*imagePrompt

	keys  map[Condition][]seenAs // of Cond, and of Uncond if there is one; of each prompt
	masks [][]float32            // [H W] of each prompt, nil for none
	reads int                    // that the U-Net may be asked for at once
	sides []*shownSide
	views []*shownView
}

// seenAs are keys and values [T C] of a prompt for each attention, nil where it has no
// scale.
type seenAs struct{ keys, values [][]float32 }

// shownSide is what was made of them for conditions that the U-Net reads side by side.
type shownSide struct {
	words string                      // u or c for each
	shown []unet.Shown[*tensor.Dense] // of each prompt, without masks
}

// shownView is what was made of the masks for a window.
type shownView struct {
	window window
	masks  [][]*tensor.Dense // of each prompt, nil for none
}

// forms are those of the prompts.
func (s *shown) forms() (forms []unet.ImageForm) {
	for _, p := range s.prompts {
		forms = append(forms, p.form())
	}
	return forms
}

// bytes is how many the pictures take in small pieces while the run lasts.
func (s *shown) bytes() (n int64) {
	attentions := s.UNet.CrossAttentions()
	pixels, cells := int64(s.Width)*int64(s.Height), int64(s.w)*int64(s.h)
	for _, p := range s.prompts {
		f := p.form()
		for _, k := range f.Attentions {
			n += 2 * 4 * int64(f.Tokens) * int64(attentions[k].Width) * int64(2+s.reads) // keys and values of two conditions, and side by side
		}
		if p.mask != nil { // its bytes, it, what a window shows of it, and of windows that of all levels
			n += (1+4+4)*pixels + 2*4*cells*maxViews + p.mask.resizing(s.Width, s.Height)
		}
		size := int64(p.Adapter.encoder.Config.ImageSize)
		n += 4 * 3 * size * size
		for _, img := range p.images {
			n += img.resizing(int(size), int(size))
		}
	}
	return n
}

// turn is the most bytes that an encoder or an adapter takes of the run's memory.
func (s *shown) turn() (most int64, err error) {
	if s == nil {
		return 0, nil
	}
	for _, p := range s.prompts {
		a := p.Adapter
		n, err := a.adapter.Values(a.encoder.Config.Tokens())
		if err != nil {
			return 0, err
		}
		most = max(most, n)
		if model.Of(a.encoder).Memory() != a.unet.Memory() {
			continue
		}
		if n, err = a.encoder.Values(1, a.skip()); err != nil {
			return 0, err
		}
		most = max(most, n)
	}
	return most, nil
}

// skip is how many of the encoder's layers the adapter leaves out.
func (a *IPAdapter) skip() int {
	if a.adapter.Embedding() {
		return 0
	}
	return 1
}

// showImages encodes the pictures of the image prompts.
func (r *run) showImages(ctx context.Context) error {
	s := r.shown
	if s == nil {
		return nil
	}
	s.keys = make(map[Condition][]seenAs)
	for _, p := range s.prompts {
		for _, c := range r.textConditions() {
			as, err := p.see(r.in(ctx), c)
			if err != nil {
				if ctx.Err() != nil {
					return ctx.Err()
				}
				return fmt.Errorf("diffusion: image prompt %d: %w", p.number, err)
			}
			s.keys[c] = append(s.keys[c], as)
			for k := range as.keys {
				r.note(fmt.Sprintf("image prompt %d, %s, %d", p.number, c, k), append(as.keys[k][:len(as.keys[k]):len(as.keys[k])], as.values[k]...))
			}
		}
		mask, err := p.readMask(ctx, r.Width, r.Height)
		if err != nil {
			return err
		}
		if s.masks = append(s.masks, mask); mask != nil {
			r.note(fmt.Sprintf("mask of image prompt %d", p.number), mask)
		}
	}
	return nil
}

// steer is a [steer] that shows the pictures.
func (s *shown) steer(ctx context.Context, q *question, of []*reads, in *unet.Input) error {
	var words strings.Builder
	for _, r := range of {
		if s.negative(r.condition) {
			words.WriteByte('u')
		} else {
			words.WriteByte('c')
		}
	}
	masks, err := s.masksIn(ctx, q.window)
	if err != nil {
		return err
	}
	in.Cond.Images = &unet.Images[*tensor.Dense]{Shown: slices.Clone(s.sideBySide(words.String()))}
	for i := range masks {
		in.Cond.Images.Shown[i].Masks = masks[i]
	}
	return nil
}

// negative says whether a condition has the words of the negative prompt.
func (r *run) negative(c Condition) bool {
	for _, o := range r.others {
		if o.name == c {
			return o.words == Uncond
		}
	}
	return c == Uncond
}

// sideBySide returns the tensors for conditions. It keeps as many as one question has, the
// last ones.
func (s *shown) sideBySide(words string) []unet.Shown[*tensor.Dense] {
	kept := len(words)
	for _, side := range s.sides {
		if side.words == words {
			return side.shown
		}
		kept += len(side.words)
	}
	for ; len(s.sides) > 0 && kept > s.reads; s.sides = s.sides[1:] {
		kept -= len(s.sides[0].words)
	}
	side := &shownSide{words: words}
	attentions := s.UNet.CrossAttentions()
	for i, p := range s.prompts {
		one := unet.Shown[*tensor.Dense]{Keys: make([]*tensor.Dense, len(attentions)), Values: make([]*tensor.Dense, len(attentions))}
		join := func(k int, part func(seenAs) [][]float32) *tensor.Dense {
			var all []float32
			for _, word := range words {
				c := Cond
				if word == 'u' {
					c = Uncond
				}
				all = append(all, part(s.keys[c][i])[k]...)
			}
			return engine.Tensor(all, len(words), len(all)/len(words)/attentions[k].Width, attentions[k].Width)
		}
		for k, scale := range p.scales {
			if scale != 0 {
				one.Keys[k] = join(k, func(as seenAs) [][]float32 { return as.keys })
				one.Values[k] = join(k, func(as seenAs) [][]float32 { return as.values })
			}
		}
		side.shown = append(side.shown, one)
	}
	s.sides = append(s.sides, side)
	return side.shown
}

// maxViews is of how many windows the masks are kept.
const maxViews = 16

// masksIn returns the masks of the prompts for a window.
func (s *shown) masksIn(ctx context.Context, v window) ([][]*tensor.Dense, error) {
	for _, view := range s.views {
		if view.window == v {
			return view.masks, nil
		}
	}
	view := &shownView{v, make([][]*tensor.Dense, len(s.masks))}
	for i, mask := range s.masks {
		if mask == nil {
			continue
		}
		var err error
		if view.masks[i], err = s.maskIn(ctx, mask, v); err != nil {
			return nil, err
		}
	}
	if len(s.views) == maxViews {
		s.views = s.views[1:]
	}
	s.views = append(s.views, view)
	return view.masks, nil
}

// maskIn returns the part of a mask [H W] that a window shows for each level of the U-Net,
// shrunk as IPAdapterMaskProcessor of diffusers does.
func (s *shown) maskIn(ctx context.Context, mask []float32, v window) (masks []*tensor.Dense, err error) {
	f := s.VAE.Config.Factor()
	pixels := window{f * v.top, f * v.left, f * v.h, f * v.w}
	part := make([]float32, pixels.h*pixels.w)
	pixels.crop(part, mask, s.Height, s.Width)
	for _, size := range s.UNet.LevelSizes(v.h, v.w) {
		x, err := torchCubic.resample(ctx, part, pixels.h, pixels.w, size[0], size[1])
		if err != nil {
			return nil, err
		}
		masks = append(masks, engine.Tensor(x, len(x)))
	}
	return masks, nil
}
