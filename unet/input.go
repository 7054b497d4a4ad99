package unet

import (
	"fmt"
	"math"
	"slices"

	"gorgonia.org/tensor"

	"sdgo/internal/model"
	"sdgo/internal/nn"
)

// Input is what one prediction is made from.
type Input struct {
	// Latents are [N C H W] of unit variance, C being Config.InChannels less the number
	// of Cond.Channels. H and W are any size of 1 or more; what the levels halve is
	// rounded up, but down by the residual blocks that halve in some UNet2DModels, which
	// want 2 or more.
	Latents *tensor.Dense
	// Timesteps holds one time for all samples, or one for each: 0..999,
	// fractions allowed.
	Timesteps []float64
	// TimestepRange is the lowest and the highest time of a model that was trained on
	// others than 0 to 999, which the zero value means.
	TimestepRange [2]float64
	// Cond is what else the prediction depends on: the text, mostly.
	Cond Conditioning[*tensor.Dense]
}

// shape is the shape of a plan's inputs.
type shape struct {
	latents   dims               // [n c h w]
	cond      Conditioning[dims] // without pictures, residuals and features
	images    string             // key of pictures
	residuals bool               // of the skips' shapes
	features  featureCount
}

// size is the number of samples, height, width and the number of tokens.
func (s *shape) size() [4]int {
	return [4]int{s.latents[0], s.latents[2], s.latents[3], s.cond.Tokens[1]}
}

// The names of inputs that are spelled in several places.
const (
	latentsInput     = "latents"
	tokensInput      = "tokens"
	imageTokensInput = "image_tokens"
	timesInput       = "timesteps"
	channelsInput    = "channels"
	timeCondInput    = "time_cond"
)

// inputs checks the input and names its parts as a plan of its shape does.
func (u *UNet) inputs(in Input) (s shape, inputs model.Inputs, err error) {
	latents, err := nn.Floats(latentsInput, in.Latents, -1, u.latentChannels(in.Cond.Channels != nil), -1, -1)
	if err != nil {
		return s, nil, err
	}
	s = shape{latents: dimsOf(in.Latents.Shape()), residuals: in.Cond.Residuals != nil, features: countOf(in.Cond.Features)}
	times, err := in.times(s.latents[0])
	if err != nil {
		return s, nil, err
	}
	if err := u.checkLearned(times); err != nil {
		return s, nil, err
	}
	inputs = model.Inputs{latentsInput: latents, timesInput: times}
	var images []ImageForm
	s.cond, images, err = check(u, &in.Cond, s.latents, func(f field[*tensor.Dense]) ([]int, error) {
		x, err := nn.Floats(f.title(), *f.at, f.shape...)
		if err != nil {
			return nil, err
		}
		inputs[f.name] = x
		return (*f.at).Shape(), nil
	})
	if err != nil {
		return s, nil, err
	}
	s.images = imageKey(images)
	return s, inputs, u.checkValues(&in.Cond)
}

// checkValues wants numbers that make sense, in a Conditioning of the right shapes.
func (u *UNet) checkValues(c *Conditioning[*tensor.Dense]) error {
	if class := u.time.class; class != nil {
		if err := class.check(c.ClassLabels.Float32s()); err != nil {
			return err
		}
	}
	if c.TokenMask == nil {
		return nil
	}
	mask, tokens := c.TokenMask.Float32s(), c.TokenMask.Shape()[1]
	for i, m := range mask {
		if m != 0 && m != 1 {
			return fmt.Errorf("token mask: number %d of sample %d is %v, want 0 or 1", i%tokens, i/tokens, m)
		}
	}
	for i := range len(mask) / tokens {
		if !slices.Contains(mask[i*tokens:(i+1)*tokens], 1) {
			return fmt.Errorf("token mask: have all tokens of sample %d hidden, want one at least that is seen", i)
		}
	}
	return nil
}

// latentChannels is the number of channels that latents must have, or -1 for any if there
// are more beside them.
func (u *UNet) latentChannels(more bool) int {
	if more {
		return -1
	}
	return u.Config.InChannels
}

// times returns the times of n samples.
func (in *Input) times(n int) ([]float32, error) {
	if len(in.Timesteps) != 1 && len(in.Timesteps) != n {
		return nil, fmt.Errorf("timesteps: have %d, want 1 or %d", len(in.Timesteps), n)
	}
	low, high := in.TimestepRange[0], in.TimestepRange[1]
	if in.TimestepRange == [2]float64{} {
		low, high = 0, 999
	}
	for i, t := range in.Timesteps {
		if !(t >= low && t <= high) || math.IsInf(t, 0) {
			return nil, fmt.Errorf("timesteps: number %d is %v, want a number from %v to %v", i, t, low, high)
		}
	}
	times := make([]float32, n)
	for i := range times {
		times[i] = float32(in.Timesteps[min(i, len(in.Timesteps)-1)])
	}
	return times, nil
}

// shape returns the shape of an input of the given sizes, with the conditions that the
// U-Net needs, the one that is added to its times, and the pictures of WithImages.
func (u *UNet) shape(n, h, w, tokens int) (shape, error) {
	if err := u.loaded(); err != nil {
		return shape{}, err
	}
	return u.sized(n, h, w, tokens)
}

// sized is shape for a network that was loaded.
func (u *UNet) sized(n, h, w, tokens int) (shape, error) {
	if err := nn.CheckSize("unet: latents", n, u.Config.BlockOutChannels[0], h, w); err != nil {
		return shape{}, err
	}
	if u.Config.Unconditional != nil {
		if tokens != 0 {
			return shape{}, fmt.Errorf("unet: tokens: have %d, want 0: the U-Net is a UNet2DModel, which reads no text", tokens)
		}
	} else if err := nn.CheckSize("unet: tokens", n, tokens, u.Config.CrossAttentionDim.At(0)); err != nil {
		return shape{}, err
	}
	s := shape{latents: dims{n, u.Config.InChannels, h, w}, images: u.images}
	for _, f := range fields(u, &s.cond, s.latents) {
		if f.needed || f.name == timeCondInput && f.shape != nil {
			*f.at = dimsOf(f.shape)
		}
	}
	if u.position != nil {
		s.cond.Boxes, s.cond.BoxMask = dims{n, MaxBoxes, u.position.features()}, dims{n, MaxBoxes, u.position.known()}
	}
	if u.Config.Unconditional == nil {
		s.cond.Tokens[1], s.cond.Tokens[2] = tokens, max(s.cond.Tokens[2], 1)
	}
	s.residuals, s.features = u.expects.residuals, u.expects.features
	if t := u.time.text; t != nil {
		s.cond.PooledText[1], s.cond.TimeIDs[1] = t.usual()
	}
	return s, nil
}
