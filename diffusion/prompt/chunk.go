package prompt

import (
	"errors"
	"fmt"
	"slices"
)

// Chunker makes chunks of token ids of the pieces of a prompt, as the programs do: a text
// encoder takes one at a time, and their embeddings follow one another. A clip.Tokenizer
// has what it needs:
//
//	c := prompt.Chunker{Tokens: t.Tokens, Together: t.Together, BOS: t.BOS, EOS: t.EOS, Pad: t.Pad, Length: t.MaxLength}
type Chunker struct {
	Tokens        func(text string) []int // the ids of a text of any length, without BOS and EOS
	BOS, EOS, Pad int
	Length        int     // the ids of a chunk with BOS and EOS, 3 to 65536; 0 means 77
	Dialect       Dialect // whose rule says where a chunk ends

	// Together, if not nil, returns how many of the ids that a list begins with stay in one
	// chunk if they have room in one: all of a textual inversion, say. Less than 2 means
	// that the first stands alone.
	Together func(ids []int) int
}

// Chunk is Length ids with the weight of each: BOS, text, EOS, and Pad to the end. BOS,
// EOS and Pad have the weight 1.
type Chunk struct {
	IDs     []int
	Weights []float64
}

const (
	defaultLength = 77
	maxLength     = 1 << 16
	mostIDs       = 1 << 20 // of all chunks: 16 MiB of ids and weights
	lookBack      = 20      // ids from a comma to the end of a chunk, at most: WebUI's default
)

// Chunks returns one chunk or more. In the dialect A1111 a chunk ends where it is full, at a BREAK,
// or, if it is full and the text goes on with something else than a comma, behind the last of the
// commas among its last 20 ids. Each BREAK ends a chunk, also one without text. What follows an EOS
// in the text becomes Pad if EOS is not Pad. In the dialect ComfyUI a chunk ends where it is full,
// but a piece of fewer than 8 ids is not parted.
//
// An error tells of a Chunker that is out of range, or that all chunks together would have more
// than 1048576 ids.
func (c Chunker) Chunks(pieces []Piece) ([]Chunk, error) {
	switch {
	case c.Tokens == nil:
		return nil, errors.New("prompt: Chunker.Tokens is nil")
	case c.Length == 0:
		c.Length = defaultLength
	case c.Length < 3 || c.Length > maxLength:
		return nil, fmt.Errorf("prompt: Chunker.Length is %d: want 3 to %d, or 0 for %d", c.Length, maxLength, defaultLength)
	}
	f := filler{Chunker: c, lastComma: -1, comma: c.Tokens(",")}
	for _, p := range pieces {
		if p.Break() && c.Dialect != ComfyUI {
			f.end(len(f.ids))
		} else {
			f.addAll(c.Tokens(p.Text), p.Weight)
		}
		if (len(f.chunks)+1)*c.Length > mostIDs {
			return nil, fmt.Errorf("prompt: the prompt needs more than %d chunks of %d ids", mostIDs/c.Length, c.Length)
		}
	}
	if len(f.ids) > 0 || len(f.chunks) == 0 {
		f.end(len(f.ids))
	}
	return f.chunks, nil
}

// filler fills chunks.
type filler struct {
	Chunker
	comma     []int // the ids of a comma
	chunks    []Chunk
	ids       []int // of the chunk that is being filled, without BOS and EOS
	weights   []float64
	lastComma int // its place in ids, or -1
}

// addAll adds the ids of a piece.
func (f *filler) addAll(ids []int, weight float64) {
	if f.Dialect == ComfyUI {
		f.addGroups(ids, weight)
		return
	}
	for len(ids) > 0 {
		n := f.together(ids)
		f.add(ids[0], weight, n)
		for _, id := range ids[1:n] {
			f.add(id, weight, 1)
		}
		ids = ids[n:]
	}
}

// together is how many of the first ids are not parted.
func (f *filler) together(ids []int) int {
	if f.Together == nil {
		return 1
	}
	if n := min(f.Together(ids), len(ids)); n > 1 && n <= f.Length-2 {
		return n
	}
	return 1
}

// add adds an id, which begins n that are not parted.
func (f *filler) add(id int, weight float64, n int) {
	full := len(f.ids) == f.Length-2
	switch {
	case slices.Equal(f.comma, []int{id}):
		f.lastComma = len(f.ids)
		if full {
			f.end(len(f.ids))
		}
	case full && f.lastComma >= 0 && len(f.ids)-f.lastComma <= lookBack:
		f.end(f.lastComma + 1)
	case full:
		f.end(len(f.ids))
	}
	if len(f.ids)+n > f.Length-2 {
		f.end(len(f.ids))
	}
	f.ids, f.weights = append(f.ids, id), append(f.weights, weight)
}

// end makes a chunk of the first n ids. The others begin the next one.
func (f *filler) end(n int) {
	c := Chunk{make([]int, 0, f.Length), make([]float64, 0, f.Length)}
	c.IDs = append(append(append(c.IDs, f.BOS), f.ids[:n]...), f.EOS)
	c.Weights = append(append(append(c.Weights, 1), f.weights[:n]...), 1)
	for len(c.IDs) < f.Length {
		c.IDs, c.Weights = append(c.IDs, f.Pad), append(c.Weights, 1)
	}
	if f.EOS != f.Pad && f.Dialect != ComfyUI {
		for i := slices.Index(c.IDs, f.EOS) + 1; i < f.Length; i++ {
			c.IDs[i] = f.Pad
		}
	}
	f.chunks = append(f.chunks, c)
	f.ids, f.weights, f.lastComma = f.ids[n:], f.weights[n:], -1
}
