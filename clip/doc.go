// Package clip is the text half of Stable Diffusion 1, 2 and XL: a [Tokenizer], which
// turns prompts into token ids, and a [TextEncoder], which turns these into embeddings. An
// [ImageEncoder] turns images into embeddings.
//
//	tokenizer, err := clip.LoadTokenizer(os.DirFS("stable-diffusion-v1-5"), "tokenizer")
//	…
//	encoder, err := clip.LoadTextEncoder("stable-diffusion-v1-5/text_encoder", nil)
//	…
//	defer encoder.Close()
//	ids := [][]int{tokenizer.Encode("a lighthouse at dusk").IDs, tokenizer.Encode("").IDs}
//	embeddings, err := encoder.Encode(ctx, ids, 0)  // Tokens [2 77 D], Pooled [2 D]
//
// # Text to ids
//
// [LoadTokenizer] reads the tokenizer's folder of a model. [Tokenizer.Encode] gives an
// [Encoding]: as many ids as the model takes, padded or cut, and what was cut.
// [Tokenizer.Tokens] gives those of a text of any length and [Tokenizer.Decode] leads
// back. [Tokenizer.WithTokens], [Tokenizer.WithVectors] and [Tokenizer.Expand] are for the
// new words of textual inversion, and [TextEncoder.WithTokens] for their vectors.
//
// # Ids to embeddings
//
// [LoadTextEncoder] reads a folder with config.json and weights as transformers writes
// it, [LoadTextEncoderFS] one of any file system, and [LoadTextEncoderFrom] any
// checkpoint: tensors in memory, or what [OpenTextEncoder] opens with changes over it
// (package checkpoint). [TextEncoder.Encode] gives an embedding for each token and one of
// the whole text; clip skip takes the tokens' from an earlier layer, and
// [TextEncoder.WithoutNorm] leaves out the last normalisation, as SDXL does.
//
// # Images to embeddings
//
// [LoadImageEncoder] reads the image half of CLIP, in a folder or in one file.
// [ImageEncoder.Encode] takes images as diffusion.ImageProcessor makes them, and gives an
// embedding for each patch, from the last layer or an earlier one, and one of the whole
// image.
//
// # Graphs and gradients
//
// [TextEncoder.Build] and [TextEncoder.BuildPooled] add the encoder to a graph of
// gorgonia's, where the caller's operations may follow and gorgonia.Grad gives
// derivatives by weights ([TextEncoder.WeightNodes]). diffusion.NewMachine runs such a
// graph. [ImageEncoder.Build] does the same with images.
//
// # Errors and concurrency
//
// Errors begin with "clip:" and say what was found, what was wanted and where: file and
// line of a vocabulary, the key of a weight. As those of package diffusion they may be
// diffusion.ErrClosed, ErrTooLarge or ErrNoRoom. A call whose context is done returns the
// context's error.
//
// Any number of goroutines may use a Tokenizer or a TextEncoder; the bytes of a text's
// embedding are the same for any number of threads and in any batch.
package clip
