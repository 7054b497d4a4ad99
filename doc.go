// Package sdgo is the root of Stable Diffusion in pure Go.
//
// A picture is made in four steps, each a package of its own:
//
//	prompt ──> clip ──> cond [N 77 D] ─────────┐
//	                                           v
//	seed ───> noise ──> latents [N 4 H/8 W/8] ──> sampler ⇄ unet
//	                                           │  (scheduler: which sigmas)
//	image <── vae.Decode <── latents <─────────┘
//
// Package diffusion wires them into a Pipeline: text-to-image, image-to-image,
// inpainting and depth-to-image. Each part also loads and works alone.
//
// # Dimension letters
//
// Shapes are written in brackets, outermost dimension first: N is the batch,
// C channels, H and W height and width in pixels or latent cells, T tokens,
// D the width of a token's vector.
//
// # Conventions
//
// Images have values in [-1, 1] inside the models and 8-bit sRGB outside.
// Sigma is the noise level of x = x₀ + σ·ε (Karras et al. 2022); samplers work
// in that space. All arithmetic is float32, schedules and sampler coefficients
// are float64. The same seed and options give the same bytes, whatever the
// number of threads, the batch size or the position in the batch.
package sdgo
