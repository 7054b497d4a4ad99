package diffusion

import (
	"context"
	"fmt"
	"image"
	"image/draw"
	"reflect"
)

// ImageChecker looks at the pictures of a call when they are finished. [CheckFunc] makes
// one of a function, and [LoadSafetyChecker] loads Stable Diffusion's own.
type ImageChecker interface {
	// CheckImage says what to do with a picture, of which each call has one after the other,
	// on its goroutine. It may be called by several calls at once. An error ends the call,
	// and a panic passes through to the caller.
	CheckImage(ctx context.Context, img *image.NRGBA) (Verdict, error)
}

// Verdict is what an [ImageChecker] says of a picture.
type Verdict struct {
	// Flagged is what Result.Flagged then says.
	Flagged bool
	// Replacement takes the picture's place, such as a black or blurred one. Nil leaves the
	// picture in it.
	Replacement *image.NRGBA
}

// CheckFunc is an [ImageChecker] that is a function.
type CheckFunc func(ctx context.Context, img *image.NRGBA) (Verdict, error)

// CheckImage implements [ImageChecker].
func (f CheckFunc) CheckImage(ctx context.Context, img *image.NRGBA) (Verdict, error) {
	if f == nil {
		return Verdict{}, badOption("Checker", "have a nil function, want one")
	}
	return f(ctx, img)
}

// BlackImage returns an opaque black picture of the size of another, which is what
// diffusers puts in the place of flagged ones. Nil gives nil, and bounds that are empty or
// larger than those of any picture give an empty one, which is an error as a Replacement.
func BlackImage(img *image.NRGBA) *image.NRGBA {
	if img == nil {
		return nil
	}
	if checkBounds(img.Rect) != nil {
		return new(image.NRGBA)
	}
	black := image.NewNRGBA(img.Bounds())
	draw.Draw(black, black.Bounds(), image.Black, image.Point{}, draw.Src)
	return black
}

// checkChecker wants a checker that is none or something.
func (o *Options) checkChecker() error {
	if v := reflect.ValueOf(o.Checker); (v.Kind() == reflect.Pointer || v.Kind() == reflect.Func) && v.IsNil() {
		return badOption("Checker", "have a nil %T, want a checker, or none", o.Checker)
	}
	return nil
}

// check has the finished pictures checked.
func (r *run) check(ctx context.Context) error {
	var checkers []ImageChecker
	if r.Safety != nil {
		checkers = append(checkers, r.Safety)
	}
	if r.Checker != nil {
		checkers = append(checkers, r.Checker)
	}
	if len(checkers) == 0 {
		return nil
	}
	r.result.Flagged = make([]bool, len(r.result.Images))
	for i := range r.result.Images {
		for _, c := range checkers {
			if err := ctx.Err(); err != nil {
				return err
			}
			v, err := c.CheckImage(r.in(ctx), r.result.Images[i])
			if err != nil {
				if ctx.Err() != nil {
					return ctx.Err()
				}
				return fmt.Errorf("diffusion: check of picture %d: %w", i, err)
			}
			r.result.Flagged[i] = r.result.Flagged[i] || v.Flagged
			if v.Replacement == nil {
				continue
			}
			if _, err := newSource(fmt.Sprintf("replacement of picture %d", i), v.Replacement); err != nil {
				return err
			}
			r.result.Images[i] = v.Replacement
		}
	}
	return nil
}
