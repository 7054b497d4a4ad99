package diffusion

import "errors"

// ready wants a pipeline with all of its parts, each from its constructor.
func (p *Pipeline) ready() error {
	switch {
	case p == nil:
		return errors.New("diffusion: have a nil pipeline, want one from Load, LoadFS or New")
	case p.Tokenizer == nil || p.TextEncoder == nil || p.UNet == nil || p.VAE == nil || p.Scheduler == nil:
		return errors.New("diffusion: a part of the pipeline is nil")
	case p.Tokenizer.MaxLength < 2 || p.TextEncoder.Config.HiddenSize < 1 || p.UNet.Branches() == 0 || len(p.VAE.Config.BlockOutChannels) == 0:
		return errors.New("diffusion: a part of the pipeline was not loaded")
	}
	return nil
}
