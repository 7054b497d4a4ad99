package diffusion

import (
	"fmt"

	"gorgonia.org/tensor"

	"sdgo/clip"
	"sdgo/internal/nn"
	"sdgo/scheduler"
	"sdgo/unet"
	"sdgo/vae"
)

// xl says whether this is Stable Diffusion XL, which has two text encoders.
func (p *Pipeline) xl() bool { return p.Tokenizer2 != nil || p.TextEncoder2 != nil }

// NewXL is [New] for Stable Diffusion XL, of whose text encoders the second is a
// CLIPTextModelWithProjection; the first is nil, and its tokenizer, in the refiner. An
// empty negative prompt becomes zeros.
func NewXL(tokenizers [2]*clip.Tokenizer, texts [2]*clip.TextEncoder, u *unet.UNet, v *vae.VAE, s *scheduler.Config) (*Pipeline, error) {
	return assemble(&Pipeline{
		Tokenizer: tokenizers[0], TextEncoder: texts[0], Tokenizer2: tokenizers[1], TextEncoder2: texts[1],
		UNet: u, VAE: v, Scheduler: s, zeroEmpty: true,
	})
}

// withDefaults is that of the options, but for what is another in this model.
func (p *Pipeline) withDefaults(o *Options) (Options, error) {
	v, err := o.withDefaults()
	own := p.Defaults()
	if p.textless() && v.NegativeClass != nil {
		own.Guidance = guidanceOfClasses
	}
	if o == nil || o.Guidance == 0 {
		v.Guidance = own.Guidance
	}
	if o == nil || o.Steps == 0 && o.Sigmas == nil {
		v.Steps = own.Steps
	}
	return v, err
}

// defaultGuidanceXL is the guidance scale of diffusers' pipelines of Stable Diffusion XL.
const defaultGuidanceXL = 5

// refiner says whether this is the refiner of Stable Diffusion XL, which has the second
// text encoder alone.
func (p *Pipeline) refiner() bool { return p.xl() && p.Tokenizer == nil && p.TextEncoder == nil }

// zeros says whether a condition is zeros in place of an empty text.
func (p *Pipeline) zeros(c Condition, w wording) bool {
	return (p.xl() && p.zeroEmpty || p.varies()) && c == Uncond && w.given == nil && w.words+w.other == ""
}

// pooledWidth is how many numbers the embedding of a whole text has.
func (p *Pipeline) pooledWidth() int { return p.TextEncoder2.Config.ProjectionDim }

// checkAdded wants the U-Net to read what there is beside the tokens of a text.
func (p *Pipeline) checkAdded() error {
	c := p.UNet.Config
	switch {
	case c.AdditionEmbedType == nil && p.xl():
		return fmt.Errorf("diffusion: have two text encoders, want one: the U-Net reads no embedding of the whole text (addition_embed_type)")
	case c.AdditionEmbedType == nil:
		return nil
	case !p.xl():
		return fmt.Errorf("diffusion: the U-Net reads more than text (addition_embed_type %s), as that of Stable Diffusion XL, which has a second text encoder (text_encoder_2) for it", *c.AdditionEmbedType)
	}
	pooled, each, want := p.pooledWidth(), *c.AdditionTimeDim, *c.ProjectionInputDim
	if have := pooled + framingIDs*each; have != want && !p.rated() {
		return fmt.Errorf("diffusion: the U-Net reads %d numbers beside the tokens (projection_class_embeddings_input_dim), want %d, for a text of %d (projection_dim of text_encoder_2) and %d numbers for the size and corner of the picture, each as %d (addition_time_embed_dim)", want, have, pooled, framingIDs, each)
	}
	return nil
}

// rated says whether the U-Net reads how good the picture looks, in place of its target
// size.
func (p *Pipeline) rated() bool {
	c := p.UNet.Config
	return p.xl() && c.AdditionEmbedType != nil && *c.ProjectionInputDim == p.pooledWidth()+ratedIDs**c.AdditionTimeDim
}

// checkXL wants no option of Stable Diffusion XL for another model, and what it needs
// for itself.
func (p *Pipeline) checkXL(o *Options) error {
	for _, option := range []struct {
		name string
		set  bool
	}{
		{"Prompt2", o.Prompt2 != ""}, {"NegativePrompt2", o.NegativePrompt2 != ""},
		{"PooledCond", o.PooledCond != nil}, {"NegativePooledCond", o.NegativePooledCond != nil},
		{"Framing", o.Framing != Framing{}}, {"NegativeFraming", o.NegativeFraming != Framing{}},
	} {
		if option.set && !p.xl() {
			return badOption(option.name, "have one, want none: it is for Stable Diffusion XL, which has two text encoders")
		}
	}
	if err := p.checkScores(o); err != nil || !p.xl() {
		return err
	}
	if err := o.Framing.check("Framing"); err != nil {
		return err
	}
	if err := o.NegativeFraming.check("NegativeFraming"); err != nil {
		return err
	}
	if err := p.checkPooled("PooledCond", o.PooledCond, o.Cond); err != nil {
		return err
	}
	return p.checkPooled("NegativePooledCond", o.NegativePooledCond, o.NegativeCond)
}

// checkPooled wants the embedding of a whole text where there are those of its tokens,
// and there alone.
func (p *Pipeline) checkPooled(option string, pooled, tokens *tensor.Dense) error {
	switch {
	case pooled == nil && tokens == nil:
		return nil
	case pooled == nil:
		return badOption(option, "have none, want [1 %d]: there are embeddings of the tokens", p.pooledWidth())
	case tokens == nil:
		return badOption(option, "have it alone, want embeddings of the tokens beside it, or none")
	}
	x, err := nn.Floats(words(option), pooled, 1, p.pooledWidth())
	if err == nil {
		err = checkFinite(words(option), x)
	}
	if err != nil {
		return wrong(option, fmt.Errorf("diffusion: %w", err))
	}
	return nil
}
