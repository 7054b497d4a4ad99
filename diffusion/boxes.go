package diffusion

import (
	"context"
	"fmt"

	"gorgonia.org/tensor"

	"sdgo/internal/engine"
	"sdgo/internal/nn"
	"sdgo/unet"
)

// Box is a part of the picture and what is to stand in it, for a model that was taught
// layouts (GLIGEN, by Li et al. 2023, whose U-Net has the attention_type gated or
// gated-text-image).
//
// https://arxiv.org/abs/2301.07093
type Box struct {
	// Left, Top, Right and Bottom are shares of the picture's width and height, 0 to 1.
	Left, Top, Right, Bottom float64

	// Phrase says what is in the box. It may be empty beside a Picture.
	Phrase string

	// Picture [1 D] is the embedding of a picture of it, D being as wide as those of
	// tokens: for a model of attention_type gated-text-image alone. The reference takes
	// CLIP's of the picture, projected to that of texts, of a length of 28.7.
	Picture *tensor.Dense `json:"-"`
}

// What diffusers' pipelines take: the share of calls in which boxes count, of a model that
// knows phrases alone.
const defaultBoxShare = 0.3

// checkBoxes wants boxes that the model can draw.
func (p *Pipeline) checkBoxes(o *Options) error {
	if !(o.BoxShare >= 0 && o.BoxShare <= 1) {
		return badOption("BoxShare", "have %v, want above 0, to 1", o.BoxShare)
	}
	if len(o.Boxes) == 0 {
		if o.BoxShare != 0 {
			return badOption("BoxShare", "have %v, want 0: there are no boxes", o.BoxShare)
		}
		return nil
	}
	kind := p.UNet.Config.AttentionType
	switch {
	case kind == attentionPlain:
		return badOption("Boxes", "have %d, want none: the U-Net takes no boxes (attention_type %s), want a model of GLIGEN's (gated)", len(o.Boxes), kind)
	case p.xl():
		return badOption("Boxes", "have %d, want none: the model has two text encoders, of which none makes phrases for boxes", len(o.Boxes))
	case p.trainedToInpaint():
		return badOption("Boxes", "have %d, want none: inpainting with a U-Net that takes boxes and a mask is not supported", len(o.Boxes))
	case len(o.Boxes) > unet.MaxBoxes:
		return badOption("Boxes", "have %d, want at most %d", len(o.Boxes), unet.MaxBoxes)
	}
	for i, b := range o.Boxes {
		if err := b.check(kind, p.textWidth()); err != nil {
			return badOption("Boxes", "number %d: %w", i, err)
		}
	}
	return nil
}

// The values of attention_type.
const (
	attentionPlain  = "default"
	attentionPhrase = "gated"
)

// check wants a box that a U-Net of a kind draws.
func (b *Box) check(kind string, width int) error {
	inside := b.Left >= 0 && b.Left < b.Right && b.Right <= 1 && b.Top >= 0 && b.Top < b.Bottom && b.Bottom <= 1
	switch {
	case !inside:
		return fmt.Errorf("have left %v, top %v, right %v and bottom %v, want 0 ≤ left < right ≤ 1 and 0 ≤ top < bottom ≤ 1", b.Left, b.Top, b.Right, b.Bottom)
	case b.Phrase == "" && b.Picture == nil:
		return fmt.Errorf("have no phrase, want what is in the box")
	case b.Picture == nil:
		return nil
	case kind == attentionPhrase:
		return fmt.Errorf("have a picture, want none: the U-Net knows phrases alone (attention_type %s)", kind)
	}
	x, err := nn.Floats("picture", b.Picture, 1, width)
	if err != nil {
		return err
	}
	return checkFinite("picture", x)
}

// grounding are boxes as the U-Net reads them.
type grounding struct {
	given       []Box
	boxes, mask []float32 // [30 F] and [30 M]
	last        float64   // the lowest time of a call in which they count
}

// ground makes the U-Net read the boxes. With the negative prompt it reads that there are
// none, and in the last part of the run nothing.
func (r *run) ground(ctx context.Context) error {
	if len(r.Boxes) == 0 {
		return nil
	}
	share := r.BoxShare
	if share == 0 {
		share = 1
		if r.UNet.Config.AttentionType == attentionPhrase {
			share = defaultBoxShare
		}
	}
	times := r.schedule.Timesteps
	calls := int(share * float64(len(times)))
	if calls == 0 {
		return nil
	}
	if calls < len(times) && r.Reuse.on() {
		return badOption("Reuse", "have it beside boxes that count in a share of %v of the run, want none, or a BoxShare of 1", share)
	}
	g := &grounding{given: r.Boxes, last: times[calls-1]}
	for i := range unet.MaxBoxes {
		var b *Box
		if i < len(r.Boxes) {
			b = &r.Boxes[i]
		}
		if err := g.add(ctx, r, b); err != nil {
			return fmt.Errorf("diffusion: boxes: number %d: %w", i, err)
		}
	}
	r.note("boxes", g.boxes)
	r.note("box share", share)
	r.steers = append(r.steers, func(_ context.Context, q *question, of []*reads, in *unet.Input) error {
		in.Cond.Boxes, in.Cond.BoxMask = nil, nil
		if r.schedule.Timestep(q.sigma) >= g.last {
			in.Cond.Boxes, in.Cond.BoxMask = g.within(q.window, r.h, r.w).of(of)
		}
		return nil
	})
	return nil
}

// add adds a box, or with nil one that is not there.
func (g *grounding) add(ctx context.Context, r *run, b *Box) error {
	width, pictures := r.textWidth(), r.UNet.Config.AttentionType != attentionPhrase
	phrase, picture, corners := make([]float32, width), make([]float32, width), make([]float32, unet.BoxFeatures)
	var hasPhrase, hasPicture, there float32
	if b != nil {
		there = 1
		copy(corners, unet.BoxCorners(b.Left, b.Top, b.Right, b.Bottom))
		if b.Phrase != "" {
			e, err := r.phrase(ctx, b.Phrase)
			if err != nil {
				return err
			}
			copy(phrase, e)
			hasPhrase = 1
		}
		if b.Picture != nil {
			copy(picture, b.Picture.Float32s())
			hasPicture = 1
		}
	}
	g.boxes, g.mask = append(g.boxes, phrase...), append(g.mask, hasPhrase)
	if pictures {
		g.boxes, g.mask = append(g.boxes, picture...), append(g.mask, hasPicture)
	}
	g.boxes, g.mask = append(g.boxes, corners...), append(g.mask, there)
	return nil
}

// phrase is the embedding of a phrase as a whole.
func (r *run) phrase(ctx context.Context, phrase string) ([]float32, error) {
	s := r.textStages()[0]
	text, err := s.tokens(ctx, "phrase", phrase)
	if err != nil {
		return nil, err
	}
	e, err := s.encode(r.in(ctx), text, 0)
	if err != nil {
		return nil, err
	}
	return e.Pooled.Float32s(), nil
}

// of are the boxes beside what the U-Net reads side by side.
func (g *grounding) of(of []*reads) (boxes, mask *tensor.Dense) {
	var x, m []float32
	for _, one := range of {
		if one.condition == Uncond {
			x, m = append(x, make([]float32, len(g.boxes))...), append(m, make([]float32, len(g.mask))...)
		} else {
			x, m = append(x, g.boxes...), append(m, g.mask...)
		}
	}
	n := len(of)
	return engine.Tensor(x, n, unet.MaxBoxes, len(g.boxes)/unet.MaxBoxes), engine.Tensor(m, n, unet.MaxBoxes, len(g.mask)/unet.MaxBoxes)
}
