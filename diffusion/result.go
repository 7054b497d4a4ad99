package diffusion

import (
	"image"
	"time"

	"gorgonia.org/tensor"
)

// Result is what a call made.
type Result struct {
	Images []*image.NRGBA // empty with OutputLatent
	Seeds  []uint64       // the seed of each image

	// Latents [N 4 H/8 W/8] are the final latents, scaled to unit variance; of a run that
	// ends early (Options.DenoisingEnd) with the noise that is left, as diffusers' class of
	// the noise levels keeps them.
	Latents *tensor.Dense

	// Truncated is the part of the prompt, and TruncatedNegative of the negative
	// prompt, that did not fit into the text encoder's 77 tokens and had no effect. It is
	// empty where Options.Syntax divides prompts into chunks.
	Truncated, TruncatedNegative string

	// Truncated2 and TruncatedNegative2 are those of Options.Prompt2 and NegativePrompt2.
	Truncated2, TruncatedNegative2 string

	// Flagged says which of the Images Options.Checker, or the pipeline's Safety, has
	// flagged. It is nil if neither has looked at them.
	Flagged []bool

	// Reused is how many of Timings.Calls left the deep part of the U-Net out, for
	// each image. It is nil without Options.Reuse.
	Reused []int

	Timings Timings

	made *Parameters // of each image, but for its seed
}

// Timings are the wall-clock times of the parts of a call.
type Timings struct {
	TextEncoder, VAEEncoder, Sampling, VAEDecoder, Total time.Duration
	Calls                                                int // of the U-Net for each image, guidance counted once
}

// plus returns the times of two calls together.
func (t Timings) plus(other Timings) Timings {
	t.TextEncoder += other.TextEncoder
	t.VAEEncoder += other.VAEEncoder
	t.Sampling += other.Sampling
	t.VAEDecoder += other.VAEDecoder
	t.Total += other.Total
	t.Calls += other.Calls
	return t
}
