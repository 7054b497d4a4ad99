// Package sdgo is the root of Stable Diffusion in pure Go.
//
// Six packages make a picture:
//
//	prompt ──> clip ──> cond [N 77 D] ───────────┐
//	                                             v
//	seed ──> noise ──> latents [N 4 H/8 W/8] ──> sampler ⇄ unet
//	                                             │  (scheduler: which sigmas)
//	image <── vae <── latents <──────────────────┘
//
// Package diffusion wires them into a Pipeline: text-to-image, image-to-image,
// inpainting and depth-to-image. Each part also loads and works alone. Their weights
// come from package checkpoint's sources, mostly of files that package safetensors
// reads; package plan tells what the models take of memory and time.
//
// The networks are graphs of gorgonia's, which makes their gradients. A machine of
// our own runs them; gorgonia's gives the same bytes, which tests compare.
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
// in that space. Latents and activations are float32; weights, and the factors
// of products, are what diffusion.LoadOptions.Precision and Weights say; the sums of
// normalisations, schedules and sampler coefficients are float64. The same seed
// and options give the same bytes, whatever the number of threads, the batch
// size or the position in the batch.
//
// # Words
//
// These have one meaning each:
//
//	step       a sampler's, from one noise level to the next
//	timestep   the time that a model is told, from 0 to 999
//	operation  what a node of a graph computes
//	plan       a graph made ready to run: its actions, and the place of every value
//	action     one operation of a plan, or several that were joined
//	machine    a plan bound to memory
//	kernel     the code of an operation's work, on the processor or a device
//	phase      work of a kernel that ends before more begins, in tasks that may
//	           run at once
//	filter     the weights under which a convolution's pixel is summed
//	group      channels that a group normalisation takes together
package sdgo
