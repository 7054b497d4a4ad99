package diffusion

import (
	"context"
	"fmt"

	"gorgonia.org/tensor"

	"sdgo/internal/nn"
	"sdgo/sampler"
)

// stream is the noise of one image: everything that is random in its picture, in
// the order in which diffusers draws it.
type stream struct {
	begin func() sampler.Noise // starts it anew
	noise sampler.Noise
	draws []int // numbers drawn so far, by draw
}

// newStream returns the noise of a seed: torch's, unless the caller has its own.
func newStream(seed uint64, own func(seed uint64) sampler.Noise) (*stream, error) {
	s := &stream{begin: func() sampler.Noise { return sampler.NewTorch(seed).Normal }}
	if own != nil {
		s.begin = func() sampler.Noise { return own(seed) }
	}
	if s.noise = s.begin(); s.noise == nil {
		return nil, wrong("NewNoise", fmt.Errorf("diffusion: NewNoise: have no noise for seed %d", seed))
	}
	return s, nil
}

// draw fills dst.
func (s *stream) draw(dst []float32) {
	s.noise(dst)
	s.draws = append(s.draws, len(dst))
}

// rewind puts the stream where it was after the given draws, if it begins again.
func (s *stream) rewind(draws []int) (ok bool) {
	s.noise, s.draws = s.begin(), nil
	if s.noise == nil {
		return false
	}
	for _, n := range draws {
		s.draw(make([]float32, n))
	}
	return true
}

// samplingNoise returns a func that starts the noise of all images from where it
// is now, so that a resumed run draws the same. It returns nil, which samplers
// that add noise refuse, if that of an image does not begin again. When ctx is done
// it draws no more, and the run ends at its next model call.
func (r *run) samplingNoise(ctx context.Context) func() sampler.Noise {
	begin := make([][]int, len(r.noise))
	for i, s := range r.noise {
		begin[i] = s.draws
	}
	return func() sampler.Noise {
		for i, s := range r.noise {
			if ctx.Err() != nil {
				break
			}
			if !s.rewind(begin[i]) {
				return nil
			}
		}
		return func(dst []float32) { r.drawNoise(ctx, dst) }
	}
}

// initialNoise returns the noise [Images 4 h w] that a run starts from: the
// caller's, or else drawn.
func (r *run) initialNoise(ctx context.Context) ([]float32, error) {
	x := make([]float32, r.Images*r.VAE.Config.LatentChannels*r.h*r.w)
	if r.Latents == nil {
		r.drawNoise(ctx, x)
		return x, ctx.Err()
	}
	want := tensor.Shape{r.Images, r.VAE.Config.LatentChannels, r.h, r.w}
	given, err := nn.Floats("", r.Latents, want...)
	if err != nil {
		kind := "nothing" // of a zero tensor
		if t := r.Latents.Dtype(); t.Type != nil {
			kind = t.Name()
		}
		return nil, badOption("Latents", "have %v of %s, want contiguous %v of float32", []int(r.Latents.Shape()), kind, []int(want))
	}
	copy(x, given)
	if err := checkFinite("initial latents", x); err != nil {
		return nil, wrong("Latents", fmt.Errorf("diffusion: %w", err))
	}
	return x, nil
}

// drawNoise fills x [Images ...] with normal noise, each image from its stream, until
// ctx is done.
func (r *run) drawNoise(ctx context.Context, x []float32) {
	size := len(x) / r.Images
	for i, stream := range r.noise {
		if ctx.Err() != nil {
			return
		}
		stream.draw(x[i*size : (i+1)*size])
	}
}

// pureNoise scales noise in place to the level that a run begins with.
func pureNoise(noise []float32, sigma float64) []float32 {
	scale := float32(sigma)
	for i := range noise {
		noise[i] *= scale
	}
	return noise
}

// addNoise returns x₀ + σ·ε.
func addNoise(clean, noise []float32, sigma float64) []float32 {
	x := make([]float32, len(clean))
	for i, c := range clean {
		x[i] = c + float32(float32(sigma)*noise[i])
	}
	return x
}
