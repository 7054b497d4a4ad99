package diffusion

import (
	"context"
	"errors"
	"fmt"
)

// Unconditional makes pictures with a model that reads no text, a UNet2DModel: on pixels
// (Ho et al. 2020) or on the latents of an autoencoder (Rombach et al. 2022). Of a model
// with classes it makes one of Options.Class, which such a model needs. Options.NegativeClass
// is mostly the class, often the last one, that stood for none in training: without it there
// is no guidance, and with it Options.Guidance zero means 3. Options may be nil; those for
// text are errors, and so are classes for models without. [New] makes a pipeline of such
// parts without a text encoder, and of a model on pixels with vae.Pixels. See TextToImage.
// ImageToImage, LatentsToImage, Inpaint and Outpaint take such a model, too, with an empty
// prompt.
//
// https://arxiv.org/abs/2006.11239
func (p *Pipeline) Unconditional(ctx context.Context, o *Options) (*Result, error) {
	return p.do(ctx, unconditional{}, "", o)
}

// unconditional begins with noise alone, as textToImage does.
type unconditional struct{ textToImage }

func (unconditional) about() about {
	return about{name: "unconditional", inputs: []input{latentsAlone}, textless: textlessOnly}
}

// textless says which models a task is for.
type textless int

const (
	textAlone    textless = iota // models that read a text
	textOrNot                    // others with an empty prompt, too
	textlessOnly                 // others alone
)

// textless says whether the model reads no text.
func (p *Pipeline) textless() bool {
	return p.UNet != nil && p.UNet.Config.Unconditional != nil && p.Tokenizer == nil && p.TextEncoder == nil && !p.xl()
}

// checkTextless wants a task that the model is for, and of one that reads no text no
// option that says something in words.
func (r *run) checkTextless(of textless) error {
	switch {
	case !r.textless() && of == textlessOnly:
		return r.wrongTask("a model that reads no text", "a model of text, for TextToImage, whose prompt may be empty")
	case !r.textless():
		return r.checkClasses()
	case of == textAlone:
		return r.wrongTask("a model that reads a text", "a model that reads none, for "+r.textlessTask())
	}
	if r.prompt != "" {
		return errors.New("diffusion: prompt: have one, want none: the model reads no text")
	}
	for _, option := range []struct {
		name string
		set  bool
	}{
		{"NegativePrompt", r.NegativePrompt != ""}, {"Cond", r.Cond != nil}, {"NegativeCond", r.NegativeCond != nil},
		{"ClipSkip", r.ClipSkip != 0}, {"Embeddings", len(r.Embeddings) > 0}, {"Syntax", r.Syntax != SyntaxPlain},
		{"Regions", len(r.Regions) > 0}, {"BaseWeight", r.BaseWeight != 0}, {"ImagePrompts", len(r.ImagePrompts) > 0},
	} {
		if option.set {
			return badOption(option.name, "have one, want none: the model reads no text")
		}
	}
	return r.checkClasses()
}

// wrongTask is the error of a task that the model is not for.
func (r *run) wrongTask(want, is string) error {
	return fmt.Errorf("diffusion: %s wants %s: this is %s", r.task.about().name, want, is)
}
