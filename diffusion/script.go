package diffusion

import prompts "sdgo/diffusion/prompt"

// script is what a condition says in a syntax with weights, as token ids.
type script struct {
	syntax Syntax
	parts  []scriptPart // what AND joins, or the only one
	zeros  bool         // an empty text, in place of which there are zeros
	own    int          // chunks of the longest part
	chunks int          // that the U-Net reads: those, and empty ones
}

// scriptPart is a part of a prompt, of whose texts all have as many chunks.
type scriptPart struct {
	timeline
	weight float64
	texts  []scriptText
}

// scriptText is a text in chunks of each text encoder.
type scriptText struct {
	chunks [][]prompts.Chunk
	times  int // how often the timeline has it
}

// longest is the number of chunks of the longest part.
func (s *script) longest() (n int) {
	for _, p := range s.parts {
		for _, t := range p.texts {
			n = max(n, len(t.chunks[0]))
		}
	}
	return n
}

// encoded is how many chunks are encoded by each text encoder.
func (s *script) encoded() (n int) {
	if s.zeros {
		return 0
	}
	for _, p := range s.parts {
		for _, t := range p.texts {
			n += len(t.chunks[0])
		}
	}
	return n
}

// numbers tell what the script says from what others do.
func (s *script) numbers() (numbers []float64) {
	for _, p := range s.parts {
		numbers = append(numbers, p.weight, float64(len(p.ends)))
		for i, end := range p.ends {
			numbers = append(numbers, float64(end), float64(p.which[i]))
		}
		for _, t := range p.texts {
			for _, chunks := range t.chunks {
				for _, c := range chunks {
					for i, id := range c.IDs {
						numbers = append(numbers, float64(id), c.Weights[i])
					}
				}
			}
		}
	}
	return numbers
}

// forms are those of what the U-Net reads of each part, in chunks of a length.
func (s *script) forms(length int) (forms []form) {
	for range s.parts {
		forms = append(forms, form{tokens: s.chunks * length})
	}
	return forms
}

// scriptBytes is what the embeddings of prompts with weights take, with what they are made of.
func (r *run) scriptBytes() (n int64) {
	token := 4 * int64(r.textLength()) * int64(r.textWidth())
	for _, s := range r.scripts {
		texts := 0
		for _, p := range s.parts {
			texts += len(p.texts)
			n += 2 * token * int64(len(p.texts)) // chunks of all texts that are weighed together
		}
		n += token * int64(s.chunks) * int64(texts+len(s.parts)) // and once more side by side
	}
	return n
}
