package diffusion

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"sdgo/clip"
	"sdgo/internal/ldm"
	"sdgo/safetensors/checkpoint"
)

// openAITokens is the size of the vocabulary of OpenAI's CLIP.
const openAITokens = 49408

// openCLIPPad is what OpenCLIP fills texts with, the token of number 0.
const openCLIPPad = "!"

// singleTokenizers finds the tokenizers of a model in one file, with f.open set. One that
// is not there is f.noTokenizer, and no error.
func (f *modelFiles) singleTokenizers(ctx context.Context, fsys fs.FS, o *LoadOptions) (err error) {
	refiner := f.family == ldm.SDXLRefiner
	switch {
	case refiner && o.Tokenizer != "":
		return badOption("Tokenizer", "have %.80q, want none: the refiner of Stable Diffusion XL has no first text encoder", o.Tokenizer)
	case refiner:
	case o.Tokenizer != "":
		f.tokenizers[0] = tokenizerIn(os.DirFS(o.Tokenizer), ".")
	default:
		pad := ""
		if f.family == ldm.SD2 {
			pad = openCLIPPad
		}
		err = f.findTokenizer(ctx, fsys, 0, o.part(ldm.TextEncoder), pad)
	}
	if err == nil && (refiner || f.family == ldm.SDXL) {
		f.xl, f.zeroEmpty = true, !refiner
		err = f.findTokenizer(ctx, fsys, 1, o.part(ldm.TextEncoder2), openCLIPPad)
	}
	return err
}

// tokenizerFolders are the folders of the tokenizers.
var tokenizerFolders = [2]string{"tokenizer", "tokenizer_2"}

// findTokenizer finds the first or second tokenizer.
func (f *modelFiles) findTokenizer(ctx context.Context, fsys fs.FS, i int, text givenPart, pad string) error {
	found, err := f.singleTokenizer(ctx, fsys, tokenizerFolders[i], text, pad)
	if errors.Is(err, errNoTokenizer) {
		f.noTokenizer = cmp.Or(f.noTokenizer, err)
		found = func(context.Context) (*clip.Tokenizer, error) { return nil, err }
		err = nil
	}
	f.tokenizers[i] = found
	return err
}

// errNoTokenizer is in the error for a tokenizer that is nowhere.
var errNoTokenizer = errors.New("no tokenizer")

// singleTokenizer is a tokenizer of a model in one file: that in a folder beside the file,
// or in or beside the folder of the text encoder that the caller names, or else OpenAI's,
// if the text encoder knows as many tokens.
func (f *modelFiles) singleTokenizer(ctx context.Context, fsys fs.FS, folder string, text givenPart, pad string) (tokenizerFiles, error) {
	if isDir(fsys, folder) {
		return tokenizerIn(fsys, folder), nil
	}
	for _, dir := range []string{text.path, filepath.Dir(text.path)} {
		if text.path != "" && isDir(os.DirFS(dir), folder) {
			return tokenizerIn(os.DirFS(dir), folder), nil
		}
	}
	var encoder checkpoint.Source
	var err error
	if text.path == "" {
		encoder, err = f.open(ctx, text.part)
	} else if encoder, err = text.open(ctx, f.family, ""); err != nil {
		err = wrong(text.option, fmt.Errorf("%s: %s: %w", words(text.option), text.path, err))
	}
	if err != nil {
		return nil, err
	}
	shape, _, _ := encoder.Tensor("text_model.embeddings.token_embedding.weight")
	if err := encoder.Close(); err != nil {
		return nil, err
	}
	switch {
	case len(shape) != 2:
		return nil, errors.New("have no embeddings of tokens in the text encoder")
	case shape[0] < openAITokens:
		return nil, fmt.Errorf("have embeddings of %d tokens, not the %d of OpenAI's CLIP, and %w: want a folder with vocab.json and merges.txt, as %s beside the file or in LoadOptions.Tokenizer", shape[0], openAITokens, errNoTokenizer, folder)
	}
	return func(context.Context) (*clip.Tokenizer, error) { return clip.OpenAITokenizer(pad) }, nil
}
