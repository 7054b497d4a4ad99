package diffusion

import (
	"context"
	"image"
)

// cutout is the part of an image around a mask, which is drawn alone, as with
// padding_mask_crop of diffusers.
type cutout struct {
	image.Rectangle
	width, height int     // of the picture that is drawn
	gray          []uint8 // the mask of the whole image [H W]
}

// newCutout finds the part that a mask [h w] leaves black around it but for a padding, in the
// proportions of a picture of width×height as far as the image reaches; it is nil if all is
// black.
func newCutout(gray []uint8, w, h, padding, width, height int) *cutout {
	box := bounds(gray, w)
	if box.Empty() {
		return nil
	}
	box = box.Inset(-padding).Intersect(image.Rect(0, 0, w, h))
	have, want := float64(box.Dx())/float64(box.Dy()), float64(width)/float64(height)
	if have > want {
		box.Min.Y, box.Max.Y = widen(box.Min.Y, box.Max.Y, int(float64(box.Dx())/want), h)
	} else {
		box.Min.X, box.Max.X = widen(box.Min.X, box.Max.X, int(float64(box.Dy())*want), w)
	}
	return &cutout{box, width, height, gray}
}

// bounds are those of what is not black in a mask of a width.
func bounds(gray []uint8, width int) (box image.Rectangle) {
	for i, v := range gray {
		if v > 0 {
			box = box.Union(image.Rect(i%width, i/width, i%width+1, i/width+1))
		}
	}
	return box
}

// widen makes an interval as long as wanted, on both sides alike, within 0 to end.
func widen(from, to, want, end int) (int, int) {
	more := max(want-(to-from), 0)
	from, to = from-more/2, to+more-more/2
	if to > end {
		from, to = from-(to-end), end
	}
	if from < 0 {
		from, to = 0, min(to-from, end)
	}
	return from, to
}

// enlarged returns the part of an image in the size of the picture. Where the image ends
// before the picture does, its border goes on.
func (p *cutout) enlarged(ctx context.Context, r rows) (pixels, error) {
	w, h := p.Dx(), p.Dy()
	if p.width*h < w*p.height { // the picture is narrower
		h = max(h*p.width/w, 1)
		w = p.width
	} else {
		w = max(w*p.height/h, 1)
		h = p.height
	}
	small, err := resize(ctx, r.cut(p.Rectangle), w, h).collect()
	if err != nil || w == p.width && h == p.height {
		return small, err
	}
	return small.continued(p.width/2-w/2, p.height/2-h/2, p.width, p.height), nil
}

// reduced returns the picture in the size of the part, without what enlarged added.
func (p *cutout) reduced(ctx context.Context, r rows) rows {
	w, h := p.Dx(), p.Dy()
	if w*p.height > p.width*h { // the part is wider
		h = p.height * w / p.width
	} else {
		w = p.width * h / p.height
	}
	r = resize(ctx, r, w, h)
	left, top := w/2-p.Dx()/2, h/2-p.Dy()/2
	return r.cut(image.Rect(left, top, left+p.Dx(), top+p.Dy()))
}

// into lays the picture of the part into the image by the mask's value.
func (p *cutout) into(ctx context.Context, original *source, img *image.NRGBA) (*image.NRGBA, error) {
	src, err := newSource("picture", img)
	if err != nil {
		return nil, err
	}
	small, err := opaqueImage(p.reduced(ctx, src.rgb(ctx)))
	if err != nil {
		return nil, err
	}
	out := image.NewNRGBA(image.Rect(0, 0, original.width, original.height))
	for y := range p.Dy() {
		copy(out.Pix[out.PixOffset(p.Min.X, p.Min.Y+y):], small.Pix[y*small.Stride:][:4*p.Dx()])
	}
	return out, overlay(out, p.gray, original.nrgba(ctx))
}

// whole is how many bytes the mask and the result of the whole image take.
func (p *painted) whole() int64 { return 6 * int64(p.original.width) * int64(p.original.height) }

// readPart reads the part of the image around the mask.
func (p *painted) readPart(ctx context.Context, r *run) error {
	w, h := p.original.width, p.original.height
	gray, err := r.readBlurred(ctx, p.mask, w, h)
	if err != nil {
		return err
	}
	if p.part = newCutout(gray, w, h, r.MaskPadding, r.Width, r.Height); p.part == nil {
		return r.emptyMask(gray)
	}
	mask, err := p.part.enlarged(ctx, pixels{w, h, 1, gray}.rows())
	if err != nil {
		return err
	}
	if p.area, err = areaIn(ctx, mask.pix, &r.Options, r.h, r.w); err != nil {
		return err
	}
	if p.given, err = p.part.enlarged(ctx, p.original.rgb(ctx)); err != nil {
		return err
	}
	r.note(p.original.what, p.given.pix)
	p.pixels, err = p.given.tensor(ctx)
	return err
}
