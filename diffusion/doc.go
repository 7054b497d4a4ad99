// Package diffusion makes pictures: text-to-image, image-to-image, inpainting and
// depth-to-image with Stable Diffusion 1, 2 and XL.
//
//	pipe, err := diffusion.Load("stable-diffusion-v1-5", nil)
//	…
//	defer pipe.Close()
//	result, err := pipe.TextToImage(ctx, "a lighthouse at dusk", &diffusion.Options{Seed: 7})
//	…
//	err = diffusion.WritePNG(file, result.Images[0], result.Parameters(0))
//
// # From a folder to a picture
//
// [Load] reads a model from a folder in diffusers' layout or from one file, [LoadFS] from
// any file system, and [LoadOptions] say which parts come from elsewhere, how weights are
// kept, how much memory calls may take, and what an operator allows. [Inspect] says what
// files are and hold, and what Load would do with them. [New] and [NewXL] make a [Pipeline]
// of parts that were loaded alone. [Save] writes a pipeline as a folder or one file, and
// [Convert] a model that is not loaded.
//
// A Pipeline has a method for each task: [Pipeline.TextToImage],
// [Pipeline.ImageToImage], [Pipeline.LatentsToImage], [Pipeline.Inpaint],
// [Pipeline.Outpaint], [Pipeline.DepthToImage], [Pipeline.Edit], [Pipeline.Upscale],
// [Pipeline.ImageVariation] and [Pipeline.UnCLIP].
// [Pipeline.ImageToImageEach] and [Pipeline.InpaintEach] take an image for each picture.
// Models without text have [Pipeline.Unconditional], of classes too, and
// [Pipeline.SuperResolution]; [Pipeline.ChannelsToImage] is for U-Nets that read channels
// beside the latents. It serves
// any number of goroutines. [Options] say what the picture is to be like; nil and their
// zero value are the defaults of diffusers, or of a model for few steps what it was
// trained for, see [Pipeline.Defaults]. A [Result] has the images, their seeds and
// the time that each part took. [DecodeImage] reads photos as cameras store them,
// [ImageToTensor] and [TensorToImage] lead to the tensors of packages vae and unet.
// [WritePNG] writes pictures that say how they were made, and [ReadParameters] reads that,
// in files of other programs, too; Options go to and from JSON.
//
// # Research
//
// A call is made of values that may be the caller's own:
//
//   - Options.Sampler steps between noise levels; see package sampler.
//   - Options.Schedule and Options.Sigmas are these levels; see package scheduler.
//   - Options.Guider combines what the U-Net predicts with each [Condition]. Those of this
//     package go into each other: Thresholded{Guider: Scheduled{Projected{}, LinearScale{1, 9}}}.
//   - Options.Syntax says how prompts are written: with weights and edits, of any length,
//     see package prompt.
//   - Options.Cond and Options.NegativeCond are embeddings in place of text, and
//     Options.Framing is what Stable Diffusion XL is told of a picture's size.
//   - Options.Regions are parts of the picture with prompts of their own, and
//     Options.Windows show the U-Net a large picture part by part.
//   - Options.Embeddings are textual inversions, which [Pipeline.LoadEmbedding] reads.
//   - Options.Adapters change the model for a call: LoRA and its kin, which
//     [Pipeline.LoadAdapter] reads.
//   - Options.ImagePrompts are pictures that lead beside the prompt, through IP-Adapters
//     that [Pipeline.LoadIPAdapter] reads.
//   - Options.Checker sees the finished pictures; [LoadSafetyChecker] reads that of Stable
//     Diffusion 1.
//   - Options.DenoisingEnd and Options.DenoisingStart are the part of a run, where
//     another model makes the rest; Options.Output leaves its latents.
//   - Options.NewNoise and Options.Latents are the noise.
//   - Options.Wrap is around the whole denoiser.
//   - Options.OnStep gets a [Step]: the latents, which it may change, the estimate of the
//     clean ones, a preview, and the run as bytes that Options.Resume takes up again.
//
// The models' Build methods add them to a graph of gorgonia's, with operations of the
// caller's beside them and with gradients; [NewMachine] runs it, and [Trainable] makes
// weights change.
//
// # Samplers
//
// As Options.Sampler a pointer to one of package sampler's is as good as the sampler, and so is one of
// the caller's own that wraps it, for logging, say: a struct that embeds it, or one
// with a method Unwrap() sampler.Sampler that returns it. What runs is the caller's
// Sample, and the sampler inside has what it would have alone when it is given the
// same levels. Any other of the caller's own gets the levels of
// EulerDiscreteScheduler. A method SchedulerClass() string names another class for
// the levels of whatever has it. See sampler.Describe, SchedulerClass and Fitted.
//
// # Errors
//
// They say what was found, what was wanted and where. What a program tells apart has a
// name: an [OptionError] has the option that is wrong, a [LimitError] the operator's limit
// that was passed, a [LoadError] a report of the files that were refused; [ErrTooLarge]
// never fits into the memory and [ErrNoRoom] not now. A call whose context is done returns
// the context's error within 100 ms.
package diffusion
