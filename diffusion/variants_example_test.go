package diffusion_test

import (
	"context"
	"fmt"

	"sdgo/diffusion"
	"sdgo/examples/tinyscenes"
	"sdgo/sampler"
	"sdgo/unet"
)

// auto guides away from what a U-Net predicts whose highest layers do not see each other.
type auto struct{ Scale float32 }

func (auto) Needs(float64) []diffusion.Condition {
	return []diffusion.Condition{diffusion.Cond, "weak"}
}

func (auto) Variants() []diffusion.Variant {
	return []diffusion.Variant{{Name: "weak", UNet: func(u *unet.UNet) (*unet.UNet, error) {
		return u.WithPerturbation(unet.Perturbation{Layers: []string{"up"}})
	}}}
}

func (g auto) Guide(_ context.Context, p *diffusion.Predictions) (sampler.Estimate, error) {
	good, weak := p.Denoised(diffusion.Cond), p.Denoised("weak")
	guided := make([]float32, len(good))
	for i, d := range good {
		guided[i] = d + g.Scale*(d-weak[i])
	}
	return sampler.Estimate{Denoised: guided}, nil
}

// Guidance of one's own may need what a variant of the U-Net predicts.
func ExampleVariantGuider() {
	pipe, err := diffusion.LoadFS(tinyscenes.FS, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer pipe.Close()
	result, err := pipe.TextToImage(context.Background(), "a blue boat on the sea at sunset", &diffusion.Options{
		Steps: 8, Guider: auto{Scale: 1},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(len(result.Images), result.Timings.Calls)
	// Output: 1 9
}

// Guidance may be given as a text, as the flag -guider takes it.
func ExampleParseGuider() {
	g, err := diffusion.ParseGuider("cfg:scale=5+pag:scale=3,layers=mid/down_blocks.1+rescaled:share=0.7")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(g.Needs(1))
	text, err := diffusion.FormatGuider(g)
	fmt.Println(text, err)
	// Output:
	// [uncond cond perturbed mid,down_blocks.1]
	// cfg:scale=5+pag:scale=3,layers=mid/down_blocks.1+rescaled:share=0.7 <nil>
}
