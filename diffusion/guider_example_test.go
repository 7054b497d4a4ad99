package diffusion_test

import (
	"context"
	"fmt"
	"math"

	"sdgo/diffusion"
	"sdgo/examples/tinyscenes"
	"sdgo/sampler"
)

// apg is adaptive projected guidance (Sadat et al. 2024, Algorithm 1): the difference of
// the predictions with a momentum over the calls, bounded in length, and of it mostly the
// part that is orthogonal to the prediction with the prompt.
//
// https://arxiv.org/abs/2410.02416
type apg struct {
	Scale    float64 // w, as of classifier-free guidance
	Momentum float64 // β, mostly negative
	Norm     float64 // r, the bound
	Parallel float64 // η, how much of the other part
}

func (apg) Needs(float64) []diffusion.Condition {
	return []diffusion.Condition{diffusion.Cond, diffusion.Uncond}
}

func (g apg) Guide(_ context.Context, p *diffusion.Predictions) (sampler.Estimate, error) {
	cond, uncond, diff := p.Denoised(diffusion.Cond), p.Denoised(diffusion.Uncond), p.State()
	var square, dot, norm float64
	for i, d := range cond {
		diff[i] = d - uncond[i] + float32(g.Momentum)*diff[i]
		square += float64(diff[i]) * float64(diff[i])
		dot += float64(diff[i]) * float64(d)
		norm += float64(d) * float64(d)
	}
	scale := (g.Scale - 1) * min(1, g.Norm/math.Sqrt(square))
	guided := make([]float32, len(cond))
	for i, d := range cond {
		parallel := dot / norm * float64(d)
		guided[i] = d + float32(scale*(float64(diff[i])-parallel+g.Parallel*parallel))
	}
	return sampler.Estimate{Denoised: guided}, nil
}

// Guidance of one's own is a type with two methods.
func ExampleGuider() {
	pipe, err := diffusion.LoadFS(tinyscenes.FS, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer pipe.Close()
	result, err := pipe.TextToImage(context.Background(), "a blue boat on the sea at sunset", &diffusion.Options{
		Steps:            8,
		Guider:           apg{Scale: 6, Momentum: -0.5, Norm: 15},
		GuidanceInterval: diffusion.Interval{Low: 0.3}, // the last steps cost one half
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(len(result.Images), result.Timings.Calls)
	// Output: 1 9
}
