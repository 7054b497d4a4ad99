package diffusion

import (
	"context"
	"fmt"

	"sdgo/clip"
	prompts "sdgo/diffusion/prompt"
	"sdgo/internal/engine"
)

// encodeScript returns what the U-Net reads of a condition's prompt with weights.
func (r *run) encodeScript(ctx context.Context, c Condition, s *script, w wording) (phrases []phrase, err error) {
	var empty []float32 // [T D] of an empty chunk
	if s.chunks > s.own {
		if empty, err = r.encodeEmpty(ctx, s.syntax, w.skip); err != nil {
			return nil, err
		}
	}
	for _, part := range s.parts {
		texts, err := r.encodePart(ctx, s, part, w)
		if err != nil {
			return nil, err
		}
		for i := range texts {
			r.lengthen(&texts[i], s, empty)
		}
		phrases = append(phrases, phrase{part.timeline, r.readsOf(c, part.weight, texts...)})
	}
	return phrases, nil
}

// encodeEmpty returns the embedding [T D] of an empty chunk.
func (r *run) encodeEmpty(ctx context.Context, syntax Syntax, skip int) ([]float32, error) {
	length, width := r.textLength(), r.textWidth()
	empty, offset := make([]float32, length*width), 0
	for _, stage := range r.textStages() {
		chunks, err := stage.chunks(ctx, syntax, "")
		if err != nil {
			return nil, err
		}
		e, err := r.encodeChunk(ctx, stage, chunks[0], skip)
		if err != nil {
			return nil, err
		}
		offset += putTokens(empty, e.tokens, width, offset, length)
	}
	return empty, nil
}

// encodeChunk returns the embedding of a chunk, without its weights.
func (r *run) encodeChunk(ctx context.Context, stage textStage, c prompts.Chunk, skip int) (encodedText, error) {
	text := clip.Encoding{IDs: c.IDs, Mask: make([]int, len(c.IDs))}
	for i, id := range c.IDs {
		text.Mask[i] = 1
		if i > 0 && id == stage.tokenizer.EOS {
			break
		}
	}
	return r.encodeOnce(ctx, stage, text, skip)
}

// encodePart returns the embeddings of the texts of a part, each with room for all chunks.
func (r *run) encodePart(ctx context.Context, s *script, part scriptPart, w wording) ([]textEmbedding, error) {
	length, width := r.textLength(), r.textWidth()
	texts := make([]textEmbedding, len(part.texts))
	for i := range texts {
		texts[i].tokens = engine.Tensor(make([]float32, s.chunks*length*width), 1, s.chunks*length, width)
		texts[i].own = len(part.texts[i].chunks[0]) * length
		if s.zeros {
			texts[i].pooled = make([]float32, r.pooledWidth())
		}
	}
	if s.zeros {
		return texts, nil
	}
	offset := 0
	for k, stage := range r.textStages() {
		wide := 0
		for c := range part.texts[0].chunks[k] {
			weighed, pooled, err := r.encodeColumn(ctx, s.syntax, stage, part.texts, k, c, w.skip)
			if err != nil {
				return nil, fmt.Errorf("diffusion: %s: chunk %d: %w", w.name, c+1, err)
			}
			for i, tokens := range weighed {
				wide = putTokens(texts[i].tokens.Float32s()[c*length*width:], tokens, width, offset, length)
				if c == 0 { // of the last stage in the end
					texts[i].pooled = pooled[i]
				}
			}
		}
		offset += wide
	}
	return texts, nil
}

// encodeColumn returns the embeddings of chunk c of all texts by text encoder k, with their
// weights, and those of the whole chunk without them.
func (r *run) encodeColumn(ctx context.Context, syntax Syntax, stage textStage, texts []scriptText, k, c, skip int) (tokens, pooled [][]float32, err error) {
	var column []weightedText
	weighted := false
	for _, t := range texts {
		chunk := t.chunks[k][c]
		e, err := r.encodeChunk(ctx, stage, chunk, skip)
		if err != nil {
			return nil, nil, err
		}
		column = append(column, weightedText{e.tokens, chunk.Weights, t.times})
		weighted = weighted || column[len(column)-1].weighted()
		pooled = append(pooled, e.pooled)
	}
	var empty encodedText
	if weighted && syntax == SyntaxComfyUI {
		chunks, err := stage.chunks(ctx, syntax, "")
		if err != nil {
			return nil, nil, err
		}
		if empty, err = r.encodeChunk(ctx, stage, chunks[0], skip); err != nil {
			return nil, nil, err
		}
	}
	tokens, err = syntax.weigh(column, empty.tokens)
	return tokens, pooled, err
}

// lengthen fills the room behind a text: up to the longest text of the prompt with its last
// token, as WebUI does with what AND joins, then with empty chunks.
func (r *run) lengthen(e *textEmbedding, s *script, empty []float32) {
	x, width := e.tokens.Float32s(), r.textWidth()
	last := x[(e.own-1)*width : e.own*width]
	own := s.own * len(x) / s.chunks
	for at := e.own * width; at < own; at += width {
		copy(x[at:], last)
	}
	for at := own; at < len(x); at += len(empty) {
		copy(x[at:], empty)
	}
}

// putTokens writes tokens [length D] into dst [length width] at an offset in each row, and returns D.
func putTokens(dst, tokens []float32, width, offset, length int) int {
	d := len(tokens) / length
	for t := range length {
		copy(dst[t*width+offset:t*width+offset+d], tokens[t*d:(t+1)*d])
	}
	return d
}
