package diffusion

import (
	"gorgonia.org/tensor"

	"sdgo/unet"
)

// reads is what the U-Net reads with a condition, beside the latents and their time. Once
// it is made it stays as it is, and what is the same is the same pointer.
type reads struct {
	condition Condition
	text      int           // the number of the text in a phrase
	tokens    *tensor.Dense // [1 T D]
	images    *tensor.Dense // image tokens [1 T D], or nil
	pooled    []float32     // [D], of Stable Diffusion XL
	ids       []float32     // numbers beside pooled, or nil
	classes   []float32     // label or vector of a class, or nil
	extra     [][]float32   // further channels [C h w] of each image, or nil: those of the task
	net       *unet.UNet    // a variant of the run's, or nil: that itself

	weight *float64 // among those that AND joins to a condition, or nil: 1
	place  *place   // the region that it is for, or nil: all that regions leave
}

// share is the weight.
func (r *reads) share() float64 {
	if r.weight == nil {
		return 1
	}
	return *r.weight
}

// form is what must be the same for reads that the U-Net reads side by side. It is known
// before there are any.
type form struct {
	tokens, images int
	net            *unet.UNet // a variant of the run's, or nil: that itself
}

// numbers are those of the tokens, of which there are none without a text.
func (r *reads) numbers() []float32 {
	if r.tokens == nil {
		return nil
	}
	return r.tokens.Float32s()
}

func (r *reads) form() form {
	f := form{net: r.net}
	if r.tokens != nil {
		f.tokens = r.tokens.Shape()[1]
	}
	if r.images != nil {
		f.images = r.images.Shape()[1]
	}
	return f
}

// on returns the U-Net for the form.
func (f form) on(own *unet.UNet) *unet.UNet {
	if f.net != nil {
		return f.net
	}
	return own
}

// reading returns what the U-Net reads with a condition in the next call: one after the
// other, whose predictions then make that of the condition.
func (r *run) reading(c Condition) (of []*reads) {
	for _, p := range r.said[c] {
		of = append(of, p.texts[p.at(r.position())])
	}
	return of
}

// step is the number, from 0, of the step that a call at a noise level belongs to.
func (r *run) step(sigma float64) int { return stepAt(sigma, r.schedule.Sigmas) }

func stepAt(sigma float64, sigmas []float64) int {
	step := 0
	for step < len(sigmas)-2 && sigma <= sigmas[step+1] {
		step++
	}
	return step
}
