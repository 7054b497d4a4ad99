package diffusion

import "context"

// TextToImage makes pictures of the prompt. In it and in the negative prompt the
// token of a textual inversion stands for all its vectors, see
// clip.Tokenizer.Expand. Prompts are cut to 77 tokens; the result says what was cut.
// Options.Syntax reads them in other ways, of any length. Options may be nil; Options.Cond
// are embeddings in the prompt's place, and Options.HighRes makes the picture in two
// passes. When ctx is
// done it returns ctx's error within 100 ms, and leaves no goroutine behind.
func (p *Pipeline) TextToImage(ctx context.Context, prompt string, o *Options) (*Result, error) {
	if o != nil && o.HighRes.on() {
		return p.twoPasses(ctx, prompt, o)
	}
	return p.do(ctx, textToImage{}, prompt, o)
}

// textToImage begins with noise alone.
type textToImage struct{ plain }

func (textToImage) about() about {
	return about{name: "text-to-image", inputs: []input{latentsAlone}}
}

func (textToImage) prepare(r *run) ([]*source, error) {
	width, height := r.controls.size(r.defaultSize())
	if r.DenoisingStart > 0 && r.Latents != nil && r.Latents.Dims() == 4 { // of the size that it had
		shape, factor := r.Latents.Shape(), r.VAE.Config.Factor()
		width, height = factor*shape[3], factor*shape[2]
	}
	return nil, r.prepare(width, height)
}

func (textToImage) start(ctx context.Context, r *run) ([]float32, error) {
	if r.DenoisingStart > 0 {
		return r.handed(ctx, nil)
	}
	x, err := r.initialNoise(ctx)
	if err != nil {
		return nil, err
	}
	return pureNoise(x, r.schedule.InitNoiseSigma), nil
}
