package diffusion

import (
	"context"

	"gorgonia.org/tensor"

	"sdgo/unet"
)

// question is what the U-Net is asked of one image.
type question struct {
	image  int       // of the call
	x      []float32 // its latents [C h w] in the window
	window window
	sigma  float64
	of     []*reads // that it reads, one prediction for each
}

// window is the part of the latents that the U-Net sees. What lies beyond their right or
// lower edge is what is at the other side.
type window struct{ top, left, h, w int }

// whole is the window of all latents.
func (r *run) whole() window { return window{h: r.h, w: r.w} }

// crop writes the part of x [C H W] that the window [C h w] shows.
func (v window) crop(dst, x []float32, height, width int) {
	planes := len(x) / (height * width)
	for i := range planes * v.h {
		plane, row := i/v.h, (v.top+i%v.h)%height
		from := x[(plane*height+row)*width:][:width]
		to := dst[i*v.w:][:v.w]
		for left := v.left; len(to) > 0; left = 0 {
			n := copy(to, from[left:])
			to = to[n:]
		}
	}
}

// predictor answers a question: the predictions [K C h w], in the model's own terms. They
// are valid until the next question.
type predictor func(ctx context.Context, q *question) ([]float32, error)

// steer changes an input of the U-Net that is made for reads of a question before it runs.
type steer func(ctx context.Context, q *question, of []*reads, in *unet.Input) error

// joined are tensors [1 T D] of reads as one [K T D], or nil.
func joined(of []*reads, part func(*reads) *tensor.Dense) *tensor.Dense {
	first := part(of[0])
	if first == nil || len(of) == 1 {
		return first
	}
	shape := first.Shape().Clone()
	shape[0] = len(of)
	all := make([]float32, 0, shape.TotalSize())
	for _, r := range of {
		all = append(all, part(r).Float32s()...)
	}
	return tensor.New(tensor.WithShape(shape...), tensor.WithBacking(all))
}

// vectors are numbers [D] of reads as [K D], or as [K] if flat, or nil.
func vectors(of []*reads, flat bool, part func(*reads) []float32) *tensor.Dense {
	d := len(part(of[0]))
	if d == 0 {
		return nil
	}
	all := make([]float32, 0, len(of)*d)
	for _, r := range of {
		all = append(all, part(r)...)
	}
	if flat && d == 1 {
		return tensor.New(tensor.WithShape(len(of)), tensor.WithBacking(all))
	}
	return tensor.New(tensor.WithShape(len(of), d), tensor.WithBacking(all))
}
