package diffusion

import (
	"errors"
	"fmt"
)

// ready wants a pipeline with all of its parts, each from its constructor.
func (p *Pipeline) ready() error {
	switch {
	case p == nil:
		return errors.New("diffusion: have a nil pipeline, want one from Load, LoadFS or New")
	case p.UNet == nil || p.VAE == nil || p.Scheduler == nil:
		return errors.New("diffusion: a part of the pipeline is nil")
	case p.UNet.Branches() == 0 || len(p.VAE.Config.BlockOutChannels) == 0:
		return errors.New("diffusion: a part of the pipeline was not loaded")
	}
	return p.checkText()
}

// checkText wants text stages that make as many tokens each.
func (p *Pipeline) checkText() error {
	if p.xl() && p.TextEncoder2 != nil && !p.TextEncoder2.Projects() {
		return errors.New("diffusion: the second text encoder has no projection (text_projection), want a CLIPTextModelWithProjection")
	}
	for i, s := range p.textStages() {
		if err := s.ready(); err != nil {
			return err
		}
		if have, want := s.tokenizer.MaxLength, p.textLength(); have != want {
			return fmt.Errorf("diffusion: tokenizer %d writes %d tokens (model_max_length), want %d, as the first does", i+1, have, want)
		}
	}
	return nil
}
