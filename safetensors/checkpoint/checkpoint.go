// Package checkpoint is where a model's configuration and weights come from: a [Source].
// Files are sources, as the Open functions of packages clip, unet and vae read them;
// [New] makes one of tensors in memory, and [NewOverlay] one over another, with tensors
// changed or added.
//
//	src, err := unet.Open(ctx, fsys, "unet", "")
//	…
//	over := checkpoint.NewOverlay(src)
//	err = over.AddLowRank(key, up, down, 0.8) // W + 0.8·up·down
//	…
//	u, err := unet.LoadFrom(ctx, over, nil)   // closes both
//
// For a whole pipeline the same goes in LoadOptions.Overlay of package diffusion. A
// Source of the caller's own is a type with the methods of the interface. Errors begin
// with "checkpoint:" and name the tensor, and what was found and wanted of it.
package checkpoint

// Source is the checkpoint of one model: its configuration and its tensors, in the
// names and shapes of diffusers (transformers for the text encoder). The Load…From
// functions of the models take one, as do LoadOptions.Overlay of package diffusion.
//
// Loading looks at names and shapes first. Then it reads each tensor that the model
// wants from its beginning to its end, about a megabyte at a time, and several tensors
// at once: Float32s and Release are called on several goroutines. Tensors that the model
// does not want are not read. A panic of a Source is an error of the loading.
type Source interface {
	// Config is what the model's config.json says, a JSON object.
	Config() []byte

	// Names are those of all tensors.
	Names() []string

	// Tensor returns the shape of a tensor and the type of its numbers in the words of
	// safetensors ("F16") or GGUF ("Q8_0"), and whether there is one of that name.
	Tensor(name string) (shape []int, dtype string, ok bool)

	// Float32s sets dst to numbers of a tensor, in row-major order, from number from on.
	Float32s(name string, from int, dst []float32) error

	// Release says that the numbers of a tensor will not be read again soon.
	Release(name string)

	// Changed returns an error if what was read may be a mixture of two, as when
	// another program has written to the file meanwhile. It is asked after the last
	// number was read.
	Changed() error

	// Warnings are what was passed over to come to the tensors, one sentence each.
	Warnings() []string

	// Close is called when all is loaded, or loading has failed.
	Close() error
}
