// Package vae is the autoencoder of Stable Diffusion: it maps images to latents of an
// eighth of their size, and back.
//
//	v, err := vae.Load("stable-diffusion-v1-5/vae", nil)
//	…
//	defer v.Close()
//	posterior, err := v.Encode(ctx, images)  // [N 3 H W], values in [-1, 1]
//	latents, err := posterior.Sample(nil)    // [N 4 H/8 W/8], unit variance
//	images, err = v.Decode(ctx, latents)     // [N 3 H W]
//
// # From a checkpoint to pictures
//
// [Load] reads a folder with config.json and weights as diffusers writes it, [LoadFS] one
// of any file system, and [LoadFrom] any checkpoint: tensors in memory, or what [Open]
// opens with changes over it (package checkpoint). A checkpoint may have the decoder
// alone.
//
// [VAE.Encode] gives a distribution of latents, a [Posterior], and [VAE.Decode] images;
// diffusion.ImageToTensor and diffusion.TensorToImage lead from pictures of package image
// and to them. Both take [Options]: by tiles a large picture takes less memory, and is
// slightly different, or by exact tiles, which take more than others, the same. A [Work] is what the VAE would do with a picture: [VAE.Plan],
// Values, Check and Fit tell what it takes, and the tiles that fit, without doing it.
//
// # The small autoencoder
//
// An AutoencoderTiny (TAESD) is a VAE as well, with a [TinyConfig] in Config.Tiny: the same
// calls, for less than a tenth of the arithmetic. It was trained to give nearly what the AutoencoderKL of
// one family gives, of whose latents scaled to unit variance it takes those: one for
// Stable Diffusion 1 and 2 (taesd) does not fit XL (taesdxl). Its encoder gives latents
// and no spread, so that nothing is drawn for them, and its decoder keeps latents within
// 3·tanh(x/3). Fine detail, small text and faces say, is lost.
//
// # The codebook
//
// A VQModel is a VAE with a [VQConfig] in Config.VQ. Its encoder gives latents and no
// spread, and Decode takes the nearest vectors of the codebook in their places, unless
// [Options] say otherwise; [VAE.Quantize] and [VAE.Lookup] lead to the vectors' numbers and
// back. For a model that works on pixels [Pixels] is the autoencoder that changes nothing.
//
// # Graphs and gradients
//
// [VAE.BuildEncoder] and [VAE.BuildDecoder] add the two halves to a graph of gorgonia's,
// where the caller's operations may follow and gorgonia.Grad gives derivatives by inputs
// and weights ([VAE.WeightNodes]). diffusion.NewMachine runs such a graph. They are whole:
// there are no tiles in a graph, and latents are not scaled to unit variance.
//
// # Errors and concurrency
//
// Errors begin with "vae:" and say what was found, what was wanted and where; in a shape
// that was wanted, -1 stands for any size. [ErrNoEncoder] says that there is none; as
// those of package diffusion they may be diffusion.ErrClosed, ErrTooLarge or ErrNoRoom. A
// call whose context is done returns the context's error.
//
// Any number of goroutines may use a VAE, whose calls share the weights; the bytes of an
// image are the same for any number of threads and in any batch.
package vae
