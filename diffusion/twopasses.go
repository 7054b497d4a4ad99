package diffusion

import (
	"cmp"
	"context"
	"fmt"
	"image"
)

// twoPasses makes pictures as Options.HighRes says.
func (p *Pipeline) twoPasses(ctx context.Context, prompt string, o *Options) (*Result, error) {
	first, second, err := o.passes()
	if err != nil {
		return nil, err
	}
	if err := p.plan(ctx, prompt, &first, &second, o.HighRes); err != nil {
		return nil, err
	}
	made, err := p.do(ctx, textToImage{}, prompt, &first)
	if err != nil {
		return nil, err
	}
	again, err := p.again(ctx, prompt, made, o.HighRes.Upscaler, &second)
	if err != nil {
		return nil, err
	}
	again.Timings = again.Timings.plus(made.Timings)
	again.made = ofPasses(made.made, again.made, o)
	for i := range again.Reused {
		again.Reused[i] += made.Reused[i]
	}
	return again, nil
}

// passes are the options of the two passes, without what the first one decides.
func (o *Options) passes() (first, second Options, err error) {
	first, second = *o, *o
	if err := o.HighRes.check(); err != nil {
		return first, second, err
	}
	for _, option := range []struct {
		name string
		set  bool
	}{
		{"Resume", o.Resume != nil}, {"Sigmas", o.Sigmas != nil}, {"Latents", o.Latents != nil},
		{"DenoisingStart", o.DenoisingStart != 0}, {"DenoisingEnd", o.DenoisingEnd != 0}, {"Strength", o.Strength != 0},
	} {
		if option.set {
			return first, second, badOption(option.name, "have it beside HighRes, want none: it is of one run, and the two calls that HighRes stands for can have one each")
		}
	}
	first.HighRes, second.HighRes = HighRes{}, HighRes{}
	second.Width, second.Height = 0, 0
	first.Output = OutputImage
	if o.HighRes.Upscaler.OfLatents() {
		first.Output = OutputLatent
	}
	return first, second, nil
}

// plan settles the size and the steps of the second pass, which must be possible before
// the first one is made. It encodes pictures if they are what is enlarged.
func (p *Pipeline) plan(ctx context.Context, prompt string, first, second *Options, h HighRes) error {
	err := p.dry(ctx, textToImage{}, prompt, first, func(r *run) (err error) {
		if _, err = r.task.prepare(r); err != nil {
			return err
		}
		if second.Width, second.Height, err = h.Size(r.Width, r.Height, r.VAE.Config.Factor()); err != nil {
			return err
		}
		if second.Steps, second.Strength = h.Second(r.Options.Steps); second.Steps > maxSteps {
			return badOption("HighRes", "have a second pass of the last %d steps of %d, as its Strength is %v, want them to be of %d at most",
				cmp.Or(h.Steps, r.Options.Steps), second.Steps, cmp.Or(h.Strength, defaultHighResStrength), maxSteps)
		}
		second.Regions = enlarged(first.Regions, image.Pt(r.Width, r.Height), image.Pt(second.Width, second.Height))
		return nil
	})
	if err != nil {
		return err
	}
	err = p.dry(ctx, &latentsToImage{}, prompt, second, func(r *run) error {
		if !h.Upscaler.OfLatents() {
			return r.prepareImage(second.Width, second.Height)
		}
		if err := r.shorten(); err != nil {
			return err
		}
		return r.prepare(second.Width, second.Height)
	})
	if err != nil {
		return fmt.Errorf("%w (in the second pass, of %d×%d pixels)", err, second.Width, second.Height)
	}
	return nil
}

// dry begins a call and does no more of it than prepare.
func (p *Pipeline) dry(ctx context.Context, t task, prompt string, o *Options, prepare func(*run) error) error {
	r, err := p.newRun(ctx, t, prompt, o)
	if err != nil {
		return err
	}
	defer r.close()
	return prepare(r)
}

// again makes the second pass.
func (p *Pipeline) again(ctx context.Context, prompt string, first *Result, u Upscaler, o *Options) (*Result, error) {
	if u.OfLatents() {
		factor := p.VAE.Config.Factor()
		large, err := u.Latents(first.Latents, o.Width/factor, o.Height/factor)
		if err != nil {
			return nil, err
		}
		return p.LatentsToImage(ctx, prompt, large, o)
	}
	var large []image.Image
	for _, img := range first.Images {
		x, err := u.Image(img, o.Width, o.Height)
		if err != nil {
			return nil, err
		}
		large = append(large, x)
	}
	return p.ImageToImageEach(ctx, prompt, large, o)
}
