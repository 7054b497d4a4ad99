package diffusion

import (
	"context"
	"fmt"

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
		return nil, fmt.Errorf("diffusion: NewNoise: have no noise for seed %d", seed)
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
