package diffusion

import (
	"context"
	"errors"
	"fmt"
	"math"

	"gorgonia.org/tensor"

	"sdgo/internal/engine"
	"sdgo/sampler"
	"sdgo/unet"
)

// predictor is the network as it was trained: it maps x = x₀ + σ·ε [N 4 H W] to
// noise, velocity or clean latents. Uncond is the same without the prompt, for a
// sampler that needs it, or nil. What it returns is valid until the next call, and the
// caller may write into uncond.
type predictor func(ctx context.Context, x []float32, sigma float64) (y, uncond []float32, err error)

// denoiser composes the network, guidance and the kind of prediction. Extra
// [C H W] holds further input channels of each image, or is nil. What Wrap gets ends
// with the run.
func (r *run) denoiser(extra [][]float32) (sampler.Denoiser, error) {
	predict := r.network(extra, r.cond)
	if r.guided() {
		predict = r.guide(r.network(extra, r.both), predict)
	}
	denoise := fromPrediction(r.schedule.Prediction, predict)
	if r.Wrap == nil {
		return denoise, nil
	}
	denoise, r.endWrapped = sampler.Exclusive(denoise, r.Images*r.VAE.Config.LatentChannels*r.h*r.w)
	if denoise = r.Wrap(denoise); denoise == nil {
		return nil, errors.New("diffusion: wrap: have a nil Denoiser, want the one given or another")
	}
	return denoise, nil
}

// network calls the U-Net for one image after the other, so that neither memory
// nor result depend on the number of images. Each image is predicted for all the
// texts of cond [K 77 D] side by side: the result is [N K 4 H W].
func (r *run) network(extra [][]float32, cond *tensor.Dense) predictor {
	texts := cond.Shape()[0]
	channels, in := r.VAE.Config.LatentChannels, r.UNet.Config.InChannels
	size := channels * r.h * r.w
	input := engine.Tensor(make([]float32, texts*in*r.h*r.w), texts, in, r.h, r.w)
	out := make([]float32, r.Images*texts*size)
	guidance := r.guidanceCond()
	return func(ctx context.Context, x []float32, sigma float64) ([]float32, []float32, error) {
		r.keeper.begin()
		scale := float32(1 / math.Sqrt(sigma*sigma+1)) // to unit variance
		low, high := r.schedule.TimestepRange()
		for i := range r.Images {
			data := input.Float32s()
			for j, v := range x[i*size : (i+1)*size] {
				data[j] = v * scale
			}
			if extra != nil {
				copy(data[size:], extra[i])
			}
			for k := 1; k < texts; k++ {
				copy(data[k*in*r.h*r.w:], data[:in*r.h*r.w])
			}
			y, err := r.predict(ctx, i, unet.Input{
				Latents: input, Timesteps: []float64{r.schedule.Timestep(sigma)}, TimestepRange: [2]float64{low, high},
				Cond: unet.Conditioning[*tensor.Dense]{Tokens: cond, TimeCond: guidance},
			})
			if err != nil {
				return nil, nil, err
			}
			if err := checkFinite("unet", y.Float32s()); err != nil {
				return nil, nil, err
			}
			copy(out[i*texts*size:], y.Float32s())
		}
		return out, nil, nil
	}
}

// predict runs the U-Net for image i.
func (r *run) predict(ctx context.Context, i int, in unet.Input) (*tensor.Dense, error) {
	if r.keeper != nil {
		return r.keeper.predict(r.in(ctx), i, in)
	}
	return r.net.Predict(r.in(ctx), in)
}

// fromPrediction turns what the network predicts into the clean latents.
func fromPrediction(kind string, predict predictor) sampler.Denoiser {
	var out []float32
	return func(ctx context.Context, x []float32, sigma float64) (sampler.Estimate, error) {
		y, uncond, err := predict(ctx, x, sigma)
		if err != nil {
			return sampler.Estimate{}, err
		}
		if out == nil {
			out = make([]float32, len(x))
		}
		const stretch = 1 << 17 // between two looks at ctx
		for from := 0; from < len(x); from += stretch {
			if err := ctx.Err(); err != nil {
				return sampler.Estimate{}, err
			}
			to := min(from+stretch, len(x))
			clean(out[from:to], kind, x[from:to], y[from:to], sigma)
			if uncond != nil {
				clean(uncond[from:to], kind, x[from:to], uncond[from:to], sigma)
			}
		}
		return sampler.Estimate{Denoised: out, Uncond: uncond}, nil
	}
}

// clean writes the clean latents that prediction y of a kind means for x. Out may be y.
func clean(out []float32, kind string, x, y []float32, sigma float64) {
	switch kind {
	case "epsilon": // x₀ = x − σ·ε
		s := float32(sigma)
		for i, eps := range y {
			out[i] = x[i] - float32(s*eps)
		}
	case "v_prediction": // Salimans and Ho 2022, with x = x₀ + σ·ε
		a := float32(1 / (sigma*sigma + 1))
		b := float32(sigma / math.Sqrt(sigma*sigma+1))
		for i, v := range y {
			out[i] = float32(x[i]*a) - float32(b*v)
		}
	default: // "sample"
		copy(out, y)
	}
}

// checkFinite returns an error that names the module whose output holds a NaN or
// an infinity.
func checkFinite(module string, x []float32) error {
	for i, v := range x {
		if math.Float32bits(v)&0x7f800000 == 0x7f800000 {
			return fmt.Errorf("%s: element %d is %v, want finite numbers", module, i, v)
		}
	}
	return nil
}
