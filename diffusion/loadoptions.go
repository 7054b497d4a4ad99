package diffusion

import "sdgo/safetensors/checkpoint"

// LoadOptions say how a model is loaded and run. Nil, and the zero value, mean
// the defaults.
type LoadOptions struct {
	// Variant names the weight files, as in model.fp16.safetensors for "fp16". A part
	// that has no such files has its plain ones; it is an error if no part has any.
	// Empty means the files without a variant.
	Variant string

	// Precision is how weights are rounded and computed with: Float32, Float16, BFloat16
	// or Int8. Empty means Float32 as far as MaxMemory allows: beyond it the largest
	// layers are kept in half precision, and if that is not enough the largest linear
	// layers as integers.
	Precision string

	// Weights is the type in which weights are kept in memory. It says nothing of the
	// arithmetic: they are widened while they are multiplied. Empty means that of the files
	// where it is F16, BF16 or blocks of GGUF (Q8_0, Q4_K, …), which takes the least memory;
	// with Precision Float32 pictures have the bytes that they have if all is widened first,
	// as Float32 does, for more memory and a little less time. Float16, BFloat16 and blocks
	// ("q8_0", "q4_0", "q4_1", "q5_0", "q5_1", "q2_k" to "q6_k") round what the files have in
	// more bits: to blocks the linear layers, as a GGUF file of that type has them, and the
	// rest to Float16. Biases, norms and small tables are float32 always.
	//
	// Precision Float16 does not round blocks further, Int8 has its own integers.
	// Derivatives are those of the rounded weights. Files do not stay mapped. It is an error
	// to set this with a Device, where weights have the type of Precision.
	Weights string

	// Device is where the models compute. The zero value is the processor; see [CUDA].
	// On a graphics processor weights and intermediate values are Float16 unless
	// Precision says otherwise, those of the VAE BFloat16; there is no Int8. The
	// limit on memory is what is free there, or MaxMemory if that is less.
	Device Device

	// Threads is the number of goroutines that compute. Zero means GOMAXPROCS.
	// It does not change the result.
	Threads int

	// MaxMemory limits the bytes that all calls together take: weights, intermediate
	// values, the pictures that are read and made, and what is kept from step to step.
	// Zero means the memory of the machine or, in a container, what its limit (cgroup
	// v1 or v2) leaves beside 128 MB. The process takes up to 128 MB more: Go's runtime
	// and the garbage that was not collected yet, plans, loading, a megabyte or two for each
	// thread that computes, and 16 MB of what calls keep in small pieces, which are not
	// counted. The caller's own pictures, and results once a call has returned, come on
	// top.
	//
	// A call that needs more than the limit even alone returns an error, which says how
	// much, before it allocates anything. Others wait until there is room. Calls begin
	// by order of arrival: the first that waits keeps what becomes free, and no later
	// one passes it, so that a large call gets its turn beside any number of small ones.
	// Then the models run in turn, by order of arrival, too; a call keeps what it holds
	// between its steps, but takes the memory for intermediate values only while a model
	// runs. A call that waits can be cancelled. Only what is made in a function of another
	// call's, such as VAE.Decode or a whole call in OnStep, may pass those that wait for
	// others to end, as it may be the one that these wait for. If it needs more than the
	// limit leaves beside the calls that it is made in, and no other call is left that
	// could end, it returns an error. That it is made in one is known on that call's
	// goroutine; on another it may wait until ctx is done.
	//
	// Weights that would not fit are kept in fewer bits, see Precision, and where there
	// is no room for the VAE to work on a picture as a whole it works by tiles, see
	// Options.Tile. These choices depend on shapes and the limit alone.
	MaxMemory int64

	// MaxPixels, MaxSteps, MaxImages and MaxTokens are an operator's limits on what one call
	// may ask for: the width times the height of a picture, Options.Steps, Options.Images,
	// and the tokens that the U-Net reads in a step of a picture. With guidance these are 154
	// of a prompt and a negative prompt in plain words; Options.Syntax (for long prompts and
	// AND), Options.Regions and embeddings may make them many. A call beyond one of them
	// returns a [*LimitError] before a model runs. Zero means no limit but that of the option.
	MaxPixels, MaxSteps, MaxImages, MaxTokens int

	// Tokenizer is the path of a folder with a tokenizer (vocab.json and merges.txt, or
	// tokenizer.json) to be taken in place of the model's first. Empty means the model's, and
	// for a model in one file the folder tokenizer beside it, or else the vocabulary of
	// OpenAI's CLIP.
	Tokenizer string

	// UNet, VAE, TextEncoder and TextEncoder2 are the paths of parts to be taken in place
	// of the model's own, or of those that it lacks: the folder of one (config.json and
	// weights), that of a pipeline which has it, or a file that holds it. The VAE may be an
	// AutoencoderTiny, from its author's files, too (see Preview). TextEncoder2 is
	// for Stable Diffusion XL. Variant holds for them where they have such files. Empty
	// means the model's own.
	UNet, VAE, TextEncoder, TextEncoder2 string

	// Preview is the path of a VAE for Step.DecodedPreview, as VAE has one: an
	// AutoencoderTiny, say, whose author's own files are taken, too (taesd_decoder.safetensors
	// or taesdxl_decoder.safetensors, with the encoder beside it or not). It takes memory as
	// the other parts do. Empty means none: Step.Preview needs none.
	Preview string

	// SafetyChecker is the path of a checker for the finished pictures of all calls, as
	// LoadSafetyChecker takes it: that of Stable Diffusion 1, in the folder of a pipeline
	// (mostly the model's own) or alone. Flagged pictures become black, see
	// Pipeline.Safety. Empty means that no picture is checked.
	SafetyChecker string

	// EMA takes the averages over training (model_ema.*) for the U-Net that a model in one
	// file may have beside its weights. It is an error if there are none.
	EMA bool

	// Prediction is what the model predicts: "epsilon", the noise, or "v_prediction"
	// (Salimans and Ho 2022). Empty means what the model's scheduler config says. One file
	// has none: then a file beside it decides (model.yaml of the original code, or
	// model.json), a tensor called v_pred, the file's metadata (modelspec.*, global_step), or
	// else what the published models have, the noise. Those of Stable Diffusion 2 differ: one
	// without a mask or depth is asked, by a call of its U-Net after it was loaded, and a
	// warning says so. See also Pipeline.Identity.
	Prediction string

	// Cache is the path of a folder in which weights are kept as they are in memory, so
	// that the next load need not convert and pack them: it reads one file for each part.
	// Load makes the folder if there is none. Weights are found there by the content of the
	// files that they came from (SHA-256, which on Linux is remembered as long as a file is
	// not changed in any way), by Precision and Weights, and by what this machine's kernels
	// make of them; what is read is checked (once for each change of the file, where it can
	// be told), and made again if it is damaged. Models of
	// PyTorch's files, parts that Overlay changes, and those on a Device are not kept. Nothing
	// is ever removed: the files take as much room as the weights take memory, and may be
	// deleted at any time, also while processes share the folder. Of a file that is cut
	// while a pipeline has it, calls of the pipeline return errors. A file that cannot be
	// written is a warning. Empty means no cache.
	Cache string

	// Overlay, if not nil, gets the checkpoint of each part, "text_encoder",
	// "text_encoder_2" where there is one, "unet" and "vae", before anything of it is
	// loaded, and returns the one to load instead: one over it with tensors changed or
	// added (checkpoint.NewOverlay), another (vae.Open), or the same. Load closes both. An error from it is that of Load; a
	// panic passes through it, after what was opened was closed.
	Overlay func(part string, src checkpoint.Source) (checkpoint.Source, error)
}

// The precisions of a model. In each a picture's bytes are the same for any number of
// threads and any batch, and with every instruction set, but where products in bfloat16
// are no normal numbers of float32, below 1.2e-38. (The instruction for bfloat16 was seen
// on an AMD processor to be what the plain code does; another maker's has the same
// description, and was not tried.)
const (
	// Float32 keeps all arithmetic in single precision, and the weights that the files
	// have so.
	Float32 = "float32"
	// Float16 rounds the weights of linear layers and convolutions to half
	// precision, which loses nothing of a checkpoint that is stored so. They take
	// half the memory; the arithmetic is float32.
	Float16 = "float16"
	// BFloat16 also rounds the factors of linear layers, of attention and of convolutions
	// to bfloat16, but for those with fewer than 16 channels, and those that are Winograd's
	// in the VAE and in the U-Net's blocks at the latents' own size; sums and all else stay
	// float32. It is faster on processors with AVX-512 BF16, and slower than Float32 on
	// others.
	BFloat16 = "bfloat16"
	// Int8 is BFloat16 with the U-Net's linear layers in integers of 8 bits: the
	// activations have a scale for each row, the weights one for each output. The U-Net's
	// convolutions that are Winograd's round their factors in all its blocks. It takes the
	// least memory and is the least exact.
	Int8 = "int8"
)
