package diffusion

import (
	"context"
	"fmt"
)

// Windows make pictures that are larger than those that the U-Net was trained on, such as
// panoramas: it sees the latents through windows that overlap, one after the other, and
// where several show a place their predictions are averaged, with each condition. That is
// MultiDiffusion (Bar-Tal et al. 2023, equation 5), as diffusers'
// StableDiffusionPanoramaPipeline has it for the same windows; there steps are averaged
// rather than predictions, which is the same for samplers whose steps are linear in them.
// The memory for the U-Net is that of one window. Any sampler, guidance, mask or region goes
// with them, but not Options.Reuse. The zero value has no windows.
//
// https://arxiv.org/abs/2302.08113
type Windows struct {
	// Width and Height are the size of a window in pixels, multiples of the VAE's factor,
	// mostly those of the pictures that the model was trained on. Where one of them is zero
	// it is as the other. A picture that is no larger is seen whole.
	Width  int `json:"width,omitzero"`
	Height int `json:"height,omitzero"`

	// Overlap is how many pixels a window has in common with the next one, a multiple of
	// the VAE's factor and less than a side. Zero means a half of the smaller side.
	// diffusers has 448 of 512. The more there is the more work it is, and the better hidden
	// are the seams. The last window of a row may overlap more.
	Overlap int `json:"overlap,omitzero"`

	// Wrap joins the right edge to the left one, as for a view of 360°: windows go on over
	// the edge, and so does what the VAE decodes.
	Wrap bool `json:"wrap,omitzero"`
}

// on says whether there are any.
func (v Windows) on() bool { return v != Windows{} }

// sides are the width and height.
func (v Windows) sides() (width, height int) {
	width, height = v.Width, v.Height
	if width == 0 {
		width = height
	}
	if height == 0 {
		height = width
	}
	return width, height
}

// overlap is the Overlap, or what zero means, for cells of factor×factor pixels.
func (v Windows) overlap(factor int) int {
	if v.Overlap != 0 {
		return v.Overlap
	}
	return min(v.sides()) / 2 / factor * factor
}

// check wants windows that can be.
func (v Windows) check(factor int, reuse bool) error {
	if !v.on() {
		return nil
	}
	width, height := v.sides()
	switch overlap := v.overlap(factor); {
	case min(v.Width, v.Height) < 0 || max(width, height) > maxSide || width == 0 || width%factor != 0 || height%factor != 0:
		return badOption("Windows", "have windows of %d×%d pixels, want multiples of %d to %d", v.Width, v.Height, factor, maxSide)
	case overlap < 0 || overlap >= min(width, height) || overlap%factor != 0:
		return badOption("Windows", "have an overlap of %d pixels, want a multiple of %d, less than the %d of a side", overlap, factor, min(width, height))
	case reuse:
		return badOption("Windows", "have windows beside Reuse, want one of the two: features are kept of the whole")
	}
	return nil
}

// windowSize is the size in cells of what the U-Net sees at once of h×w cells.
func (o *Options) windowSize(h, w, factor int) (int, int) {
	if !o.Windows.on() {
		return h, w
	}
	width, height := o.Windows.sides()
	return min(h, height/factor), min(w, width/factor)
}

// views are the windows by which the U-Net sees a window.
func (r *run) views(of window) (views []window) {
	factor := r.VAE.Config.Factor()
	h, w := r.windowSize(of.h, of.w, factor)
	overlap := r.Windows.overlap(factor) / factor
	wrap := (r.Windows.Wrap || r.Seamless.X) && of.w == r.w
	for _, top := range positions(of.h, h, h-overlap, r.Seamless.Y && of.h == r.h) {
		for _, left := range positions(of.w, w, w-overlap, wrap) {
			views = append(views, window{of.top + top, of.left + left, h, w})
		}
	}
	return views
}

// positions are where windows of a size begin that cover a length: a stride apart, and the
// last one at the end, or over it if the length goes round.
func positions(length, size, stride int, round bool) (list []int) {
	if length <= size {
		return []int{0}
	}
	for at := 0; ; at += max(stride, 1) {
		switch {
		case round && at >= length:
			return list
		case !round && at+size >= length:
			return append(list, length-size)
		}
		list = append(list, at)
	}
}

// throughWindows is a layer around a predictor that asks it of each view.
func (r *run) throughWindows(inner predictor) predictor {
	var x, sum, count []float32
	return func(ctx context.Context, q *question) ([]float32, error) {
		views := r.views(q.window)
		if len(views) == 1 {
			return inner(ctx, q)
		}
		cells := q.window.h * q.window.w
		sum = append(sum[:0], make([]float32, len(q.of)*len(q.x))...)
		count = append(count[:0], make([]float32, len(q.of)*cells)...)
		for _, v := range views {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			part := *q
			part.window, part.of = v, nil
			var which []int
			for k, of := range q.of {
				if of.place.in(v, r.h, r.w) {
					part.of, which = append(part.of, of), append(which, k)
				}
			}
			if len(which) == 0 {
				continue
			}
			at := window{v.top - q.window.top, v.left - q.window.left, v.h, v.w}
			x = append(x[:0], make([]float32, len(q.x)/cells*v.h*v.w)...)
			at.crop(x, q.x, q.window.h, q.window.w)
			part.x = x
			y, err := inner(ctx, &part)
			if err != nil {
				return nil, err
			}
			if have, want := len(y), len(part.of)*len(x); have != want {
				return nil, fmt.Errorf("unet: have %d numbers, want %d", have, want)
			}
			for i, k := range which {
				at.add(sum[k*len(q.x):(k+1)*len(q.x)], y[i*len(x):(i+1)*len(x)], q.window.h, q.window.w)
				at.count(count[k*cells:(k+1)*cells], q.window.h, q.window.w)
			}
		}
		for i := range sum {
			k, cell := i/len(q.x), i%cells
			if n := count[k*cells+cell]; n > 0 {
				sum[i] /= n
			}
		}
		return sum, nil
	}
}

// each calls f with where each number of the window [C h w] is in the window, and in
// latents [C H W].
func (v window) each(planes, height, width int, f func(inside, outside int)) {
	for i := range planes * v.h {
		plane, row := i/v.h, (v.top+i%v.h)%height
		for column := range v.w {
			f(i*v.w+column, (plane*height+row)*width+(v.left+column)%width)
		}
	}
}

// add adds what is in the window, src [C h w], to dst [C H W].
func (v window) add(dst, src []float32, height, width int) {
	v.each(len(dst)/(height*width), height, width, func(inside, outside int) { dst[outside] += src[inside] })
}

// count adds one to each cell [H W] in the window.
func (v window) count(dst []float32, height, width int) {
	v.each(1, height, width, func(_, outside int) { dst[outside]++ })
}
