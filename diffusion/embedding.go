package diffusion

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"sdgo/clip"
	"sdgo/internal/inversion"
)

// Embedding is a textual inversion (Gal et al. 2022): vectors for which a word stands in
// prompts, as [Pipeline.LoadEmbedding] loads it, or as a program has learned it. It is a
// value: calls take it in Options.Embeddings, and the pipeline stays as it is.
//
// https://arxiv.org/abs/2208.01618
type Embedding struct {
	// Token is the word, such as "<cat-toy>", and may be set to another. Where a prompt or
	// a negative prompt has it, in upper case or lower case, it becomes as many tokens as
	// there are vectors: of three "<cat-toy>" becomes what diffusers calls
	// "<cat-toy> <cat-toy>_1 <cat-toy>_2", and each of the others is a word for one vector.
	// It must be no token of the model, nor of another Embedding of the call. The longest
	// of several words counts.
	Token string

	// First are the vectors [n D] for the text encoder, and Second those for the second one
	// of Stable Diffusion XL, which its refiner has alone: 1 to 1024 vectors of that one's
	// hidden_size. An encoder for which there are none reads Token as words. They must not
	// change during a call.
	First, Second [][]float32

	// Warnings are what the file has that was left out, one sentence each.
	Warnings []string
}

// LoadEmbedding loads a textual inversion for the pipeline's model: WebUI's .pt,
// safetensors (emb_params), and pictures (.png, .webp) with one inside; diffusers'
// learned_embeds, or a folder with such a file; a pair for Stable Diffusion XL (clip_l and
// clip_g); or one tensor alone. Of a file of PyTorch nothing is executed. Token is what the
// file says, or else the file's name without its extension. Vectors of another width than
// that of the model's text encoders are an error, which says what they would fit.
func (p *Pipeline) LoadEmbedding(path string) (Embedding, error) {
	return p.LoadEmbeddingContext(context.Background(), path)
}

// LoadEmbeddingContext is [Pipeline.LoadEmbedding] that returns ctx's error soon after ctx
// is done.
func (p *Pipeline) LoadEmbeddingContext(ctx context.Context, path string) (Embedding, error) {
	path = filepath.Clean(path) // a folder may end in a slash
	dir := filepath.Dir(path)
	e, err := p.LoadEmbeddingFSContext(ctx, os.DirFS(dir), filepath.Base(path))
	if err != nil && dir != "." {
		return e, fmt.Errorf("%w (in %s)", err, dir)
	}
	return e, err
}

// LoadEmbeddingFS is [Pipeline.LoadEmbedding] for a file or folder of fsys.
func (p *Pipeline) LoadEmbeddingFS(fsys fs.FS, name string) (Embedding, error) {
	return p.LoadEmbeddingFSContext(context.Background(), fsys, name)
}

// LoadEmbeddingFSContext is [Pipeline.LoadEmbeddingFS] that returns ctx's error soon after
// ctx is done.
func (p *Pipeline) LoadEmbeddingFSContext(ctx context.Context, fsys fs.FS, name string) (e Embedding, err error) {
	if err := p.ready(); err != nil {
		return e, err
	}
	if ctx == nil || fsys == nil {
		return e, errors.New("diffusion: load embedding: have a nil context or file system")
	}
	leave, err := p.calls.Enter("")
	if err != nil {
		return e, fmt.Errorf("diffusion: %w", err)
	}
	defer leave()
	f, err := inversion.Read(ctx, fsys, name)
	if err != nil {
		return e, fmt.Errorf("diffusion: load embedding: %w", err)
	}
	if e.Token = strings.TrimSpace(f.Name); e.Token == "" {
		e.Token = strings.TrimSuffix(path.Base(name), path.Ext(name))
	}
	e.Warnings = f.Warnings
	if err := e.place(f, p.textWidths()); err != nil {
		return Embedding{}, fmt.Errorf("diffusion: load embedding: %s: %w", name, err)
	}
	return e, nil
}

// textWidths are how many numbers a token has in the first text encoder and in the second
// one, 0 where there is none.
func (p *Pipeline) textWidths() (widths [2]int) {
	for i, encoder := range []*clip.TextEncoder{p.TextEncoder, p.TextEncoder2} {
		if encoder != nil {
			widths[i] = encoder.Config.HiddenSize
		}
	}
	return widths
}

// place gives the vectors of a file to the text encoders that they fit.
func (e *Embedding) place(f *inversion.File, widths [2]int) error {
	var left []string
	for _, part := range []string{inversion.Any, inversion.First, inversion.Second} {
		vectors := f.Vectors[part]
		if vectors == nil {
			continue
		}
		switch width := len(vectors[0]); {
		case part != inversion.Second && width == widths[0]:
			e.First = vectors
		case part != inversion.First && width == widths[1]:
			e.Second = vectors
		default:
			left = append(left, fmt.Sprintf("%s of %d numbers%s", vectorsOf(part), width, madeFor(width)))
		}
	}
	if e.First == nil && e.Second == nil {
		want := fmt.Sprintf("%d%s", max(widths[0], widths[1]), madeFor(max(widths[0], widths[1])))
		if widths[0] > 0 && widths[1] > 0 {
			want = fmt.Sprintf("%d or %d, for a text encoder of this model", widths[0], widths[1])
		}
		return fmt.Errorf("have %s, want %s", strings.Join(left, " and "), want)
	}
	for _, what := range left {
		e.Warnings = append(e.Warnings, what+" were left out: the model has no text encoder for them")
	}
	return nil
}

// vectorsOf names vectors for messages.
func vectorsOf(part string) string { return strings.TrimSpace("vectors " + part) }

// madeFor says which model's vectors have a width.
func madeFor(width int) string {
	switch width {
	case 768:
		return ", as for Stable Diffusion 1 or the first text encoder of XL"
	case 1024:
		return ", as for Stable Diffusion 2"
	case 1280:
		return ", as for the second text encoder of Stable Diffusion XL"
	}
	return ""
}
