package diffusion

import (
	"encoding/binary"
	"fmt"

	"sdgo/clip"
)

// maxEmbeddings is how many a call may have.
const maxEmbeddings = 256

// embedded returns a pipeline whose prompts may have the words of textual inversions.
func (p *Pipeline) embedded(list []Embedding) (*Pipeline, error) {
	if len(list) == 0 {
		return p, nil
	}
	if len(list) > maxEmbeddings {
		return nil, badOption("Embeddings", "have %d, want at most %d", len(list), maxEmbeddings)
	}
	q := *p
	for i, e := range list {
		err := e.add(&q)
		if err != nil {
			return nil, wrong("Embeddings", fmt.Errorf("diffusion: embeddings: number %d, %.80q: %w", i, e.Token, err))
		}
	}
	return &q, nil
}

// add makes an inversion known to the text encoders of a pipeline.
func (e *Embedding) add(p *Pipeline) (err error) {
	if len(e.First) == 0 && len(e.Second) == 0 {
		return fmt.Errorf("have no vectors, want some")
	}
	if p.Tokenizer, p.TextEncoder, err = e.addTo("first", p.Tokenizer, p.TextEncoder, e.First); err != nil {
		return err
	}
	p.Tokenizer2, p.TextEncoder2, err = e.addTo("second", p.Tokenizer2, p.TextEncoder2, e.Second)
	return err
}

// addTo makes the vectors known to one text encoder.
func (e *Embedding) addTo(which string, t *clip.Tokenizer, encoder *clip.TextEncoder, vectors [][]float32) (*clip.Tokenizer, *clip.TextEncoder, error) {
	switch {
	case len(vectors) == 0:
		return t, encoder, nil
	case t == nil || encoder == nil:
		return nil, nil, fmt.Errorf("have vectors for the %s text encoder, want none: the model has none", which)
	}
	width := encoder.Config.HiddenSize
	for i, v := range vectors {
		if len(v) != width {
			return nil, nil, fmt.Errorf("vector %d: have %d numbers%s, want %d, as the %s text encoder reads", i, len(v), madeFor(len(v)), width, which)
		}
		if err := checkFinite(fmt.Sprintf("vector %d", i), v); err != nil {
			return nil, nil, err
		}
	}
	more, ids, err := t.WithVectors(e.Token, len(vectors))
	if err != nil {
		return nil, nil, err
	}
	byID := make(map[int][]float32, len(ids))
	for i, id := range ids {
		byID[id] = vectors[i]
	}
	known, err := encoder.WithTokens(byID)
	if err != nil {
		return nil, nil, err
	}
	return more, known, nil
}

// embeddingBytes tell the textual inversions of a run from others.
func (o *Options) embeddingBytes() (b []byte) {
	for _, e := range o.Embeddings {
		b = append(append(b, e.Token...), 0)
		for _, vectors := range [][][]float32{e.First, e.Second} {
			b = binary.LittleEndian.AppendUint64(b, uint64(len(vectors)))
			for _, v := range vectors {
				b, _ = binary.Append(b, binary.LittleEndian, v) // of a fixed size
			}
		}
	}
	return b
}
