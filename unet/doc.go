// Package unet is the denoising network of Stable Diffusion 1, 2 and XL: it predicts the
// noise in latents, or the velocity, at a timestep and for a text. Further conditions are
// fields of [Conditioning]: a depth map or a mask, sizes, class labels, a ControlNet's
// residuals. A UNet2DModel, which reads no text, is a UNet as well, with an
// [UnconditionalConfig] in Config.Unconditional: its Conditioning is empty but for the
// labels of classes, and the number of tokens is 0 for Check and the like.
//
//	u, err := unet.Load("stable-diffusion-v1-5/unet", nil)
//	…
//	defer u.Close()
//	eps, err := u.Predict(ctx, unet.Input{
//		Latents:   latents,            // [N 4 H W]
//		Timesteps: []float64{981},     // one for all
//		Cond:      unet.Text(tokens),  // [N T D], of a clip.TextEncoder
//	})
//
// # From a checkpoint to a prediction
//
// [Load] reads a folder with config.json and weights as diffusers writes it, [LoadFS] one
// of any file system, and [LoadFrom] any checkpoint: tensors in memory, or what [Open]
// opens with changes over it (package checkpoint). [Config] decodes the config.json; what
// this package cannot compute is an error then, and what it does not know a warning.
//
// [UNet.Predict] makes predictions, and package diffusion a sampler's Denoiser of them.
// [UNet.Plan], Values and Check tell what a prediction takes without making it.
// [UNet.Split] cuts the network in three, so that the deep part can be left out or its
// result changed, and [UNet.WithTokenMerging] makes attention on large pictures cheaper.
//
// # Graphs and gradients
//
// [UNet.Build] adds the network to a graph of gorgonia's, where the caller's operations
// may follow and gorgonia.Grad gives derivatives by inputs, conditions and weights
// ([UNet.WeightNodes]). diffusion.NewMachine runs such a graph; its example trains a
// probe behind the U-Net. [UNet.BuildHead], BuildDeep and BuildTail are the parts of a
// Split in a graph.
//
// # Errors and concurrency
//
// Errors begin with "unet:" and say what was found, what was wanted and where: the key of
// a weight, the field of an [Input]; in a shape that was wanted, -1 stands for any size. As
// those of package diffusion they may be diffusion.ErrClosed, ErrTooLarge or ErrNoRoom. A
// call whose context is done returns the context's error.
//
// Any number of goroutines may use a UNet, whose calls share the weights; the bytes of a
// sample are the same for any number of threads and in any batch.
package unet
