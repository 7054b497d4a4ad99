package clip

import (
	"compress/gzip"
	"context"
	"embed"
	"fmt"
	"io/fs"
)

// openAI holds the tokenizer of Stable Diffusion 1: the vocabulary of OpenAI's CLIP.
//
//go:embed openai/*.gz
var openAI embed.FS

// OpenAITokenizer is the tokenizer of OpenAI's CLIP, with its 49408 tokens, for a model
// that comes without one: that of Stable Diffusion 1, 2 and XL. Pad is the token that
// fills what is shorter than 77: empty for EOS, as Stable Diffusion 1 has it, or "!" for
// Stable Diffusion 2 and the second encoder of XL. It is an error if no token is called so.
func OpenAITokenizer(pad string) (*Tokenizer, error) {
	t, err := LoadTokenizerContext(context.Background(), packed{openAI}, "openai")
	if err != nil || pad == "" {
		return t, err
	}
	id, ok := t.bpe.ids[pad]
	if !ok {
		return nil, fmt.Errorf("clip: pad: have %.80q, want a token of the vocabulary", pad)
	}
	t.Pad = id
	t.add([]addedToken{{Content: pad}})
	return t, nil
}

// packed is a file system of files that are compressed, under their names without .gz.
type packed struct{ fs.FS }

// Open implements [fs.FS].
func (p packed) Open(name string) (fs.File, error) {
	f, err := p.FS.Open(name + ".gz")
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	z, err := gzip.NewReader(f)
	if err != nil {
		f.Close()
		return nil, err
	}
	return unpacked{f, z}, nil
}

// unpacked is one of its files.
type unpacked struct {
	fs.File
	text *gzip.Reader
}

func (u unpacked) Read(p []byte) (int, error) { return u.text.Read(p) }
