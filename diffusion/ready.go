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
	case p.Tokenizer == nil || p.TextEncoder == nil || p.UNet == nil || p.VAE == nil || p.Scheduler == nil:
		return errors.New("diffusion: a part of the pipeline is nil")
	case p.Tokenizer.Size() == 0 || p.TextEncoder.Config.HiddenSize < 1 || p.UNet.Branches() == 0 || len(p.VAE.Config.BlockOutChannels) == 0:
		return errors.New("diffusion: a part of the pipeline was not loaded")
	}
	return p.checkLength()
}

// checkLength wants prompts of a length that the text encoder reads.
func (p *Pipeline) checkLength() error {
	if have, most := p.Tokenizer.MaxLength, p.TextEncoder.Config.MaxPositions; have < 2 || have > most {
		return fmt.Errorf("diffusion: the tokenizer writes %d tokens (model_max_length), want 2 to %d, as many as the text encoder reads (max_position_embeddings)", have, most)
	}
	return nil
}
