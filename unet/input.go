package unet

import (
	"fmt"
	"math"

	"gorgonia.org/tensor"

	"sdgo/internal/model"
	"sdgo/internal/nn"
)

// Input is what one prediction is made from.
type Input struct {
	// Latents are [N C H W] of unit variance, C being Config.InChannels. H and W
	// are any size of 1 or more; what the levels halve is rounded up.
	Latents *tensor.Dense
	// Timesteps holds one time for all samples, or one for each: 0..999,
	// fractions allowed.
	Timesteps []float64
	// TimestepRange is the lowest and the highest time of a model that was trained on
	// others than 0 to 999, which the zero value means.
	TimestepRange [2]float64
	// Cond is the text embedding [N T D] of any number of tokens.
	Cond *tensor.Dense
	// ClassLabels holds one label for each sample, for models that have classes
	// (an upscaler's noise level); else it is nil.
	ClassLabels []int
	// TimeCond [N D], D being Config.TimeCondProjDim, is added to the embedding of
	// the times, for models that have such a condition: mostly the guidance scale,
	// see GuidanceEmbedding. With nil nothing is added.
	TimeCond *tensor.Dense
	// Residuals are what a ControlNet adds. With nil nothing is added.
	Residuals *Residuals[*tensor.Dense]
}

// Residuals are what a ControlNet adds to the U-Net (Zhang et al. 2023, section 3.1), as
// tensors or as nodes of a graph.
//
// https://arxiv.org/abs/2302.05543
type Residuals[T any] struct {
	Down []T // [N C H W] for each of the U-Net's Branches, conv_in's first, added where it enters the way up
	Mid  T   // [N C H W], added to the middle block's output
}

// shape is the shape of a plan's inputs.
type shape struct {
	n, h, w, tokens int
	residuals       bool
}

// inputs checks the input and names its parts as a plan of its shape does.
func (u *UNet) inputs(in Input) (s shape, inputs model.Inputs, err error) {
	c := &u.Config
	latents, err := nn.Floats("latents", in.Latents, -1, c.InChannels, -1, -1)
	if err != nil {
		return s, nil, err
	}
	ls := in.Latents.Shape()
	s = shape{n: ls[0], h: ls[2], w: ls[3]}
	cond, err := nn.Floats("cond", in.Cond, s.n, -1, c.CrossAttentionDim.At(0))
	if err != nil {
		return s, nil, err
	}
	s.tokens = in.Cond.Shape()[1]
	if len(in.Timesteps) != 1 && len(in.Timesteps) != s.n {
		return s, nil, fmt.Errorf("timesteps: have %d, want 1 or %d", len(in.Timesteps), s.n)
	}
	low, high := in.TimestepRange[0], in.TimestepRange[1]
	if in.TimestepRange == [2]float64{} {
		low, high = 0, 999
	}
	for i, t := range in.Timesteps {
		if !(t >= low && t <= high) || math.IsInf(t, 0) {
			return s, nil, fmt.Errorf("timesteps: number %d is %v, want a number from %v to %v", i, t, low, high)
		}
	}
	times := make([]float32, s.n)
	for i := range times {
		times[i] = float32(in.Timesteps[min(i, len(in.Timesteps)-1)])
	}
	inputs = model.Inputs{latentsInput: latents, "timesteps": times, "cond": cond}
	for name, further := range map[string]func(Input, int) ([]float32, error){"class_labels": u.classLabels, "time_cond": u.timeCond} {
		x, err := further(in, s.n)
		if err != nil {
			return s, nil, err
		}
		if x != nil {
			inputs[name] = x
		}
	}
	if in.Residuals != nil {
		s.residuals = true
		err = u.residualInputs(*in.Residuals, s, inputs)
	}
	return s, inputs, err
}

// classLabels returns the labels of n samples, or nil if the model has no classes.
func (u *UNet) classLabels(in Input, n int) ([]float32, error) {
	classes := u.Config.NumClassEmbeds
	if classes == nil {
		if in.ClassLabels != nil {
			return nil, fmt.Errorf("class labels: have %v, want none: the model has no classes", in.ClassLabels)
		}
		return nil, nil
	}
	if len(in.ClassLabels) != n {
		return nil, fmt.Errorf("class labels: have %d, want %d", len(in.ClassLabels), n)
	}
	labels := make([]float32, n)
	for i, l := range in.ClassLabels {
		if l < 0 || l >= *classes {
			return nil, fmt.Errorf("class labels: have %d, want 0 to %d", l, *classes-1)
		}
		labels[i] = float32(l)
	}
	return labels, nil
}

// timeCond returns the condition of n samples, zeros for none, or nil if the model
// takes none.
func (u *UNet) timeCond(in Input, n int) ([]float32, error) {
	dim := u.Config.TimeCondProjDim
	switch {
	case dim == nil && in.TimeCond != nil:
		return nil, fmt.Errorf("time cond: have a tensor %v, want none: the model takes no condition (time_cond_proj_dim)", []int(in.TimeCond.Shape()))
	case dim == nil:
		return nil, nil
	case in.TimeCond == nil:
		return make([]float32, n**dim), nil
	}
	return nn.Floats("time cond", in.TimeCond, n, *dim)
}

// residualInputs checks the residuals of a ControlNet and adds them to inputs.
func (u *UNet) residualInputs(r Residuals[*tensor.Dense], s shape, inputs model.Inputs) error {
	shapes, mid := u.residualShapes(s)
	if have, want := len(r.Down), len(shapes); have != want {
		return fmt.Errorf("residuals: have %d for the way down, want %d", have, want)
	}
	for i, x := range r.Down {
		numbers, err := nn.Floats(fmt.Sprintf("residual %d of the way down", i), x, shapes[i]...)
		if err != nil {
			return err
		}
		inputs[downResidual(i)] = numbers
	}
	numbers, err := nn.Floats("residual of the middle", r.Mid, mid...)
	inputs[midResidual] = numbers
	return err
}

// residualShapes returns the shapes [N C H W] of the residuals of a ControlNet: those of
// the skips, and of the middle, which has that of the last one.
func (u *UNet) residualShapes(s shape) (down [][]int, mid []int) {
	h, w := s.h, s.w
	for _, l := range u.downs {
		if l.conv != nil {
			h, w = l.conv.Size(h, w)
		}
		down = append(down, []int{s.n, l.out, h, w})
	}
	return down, down[len(down)-1]
}
