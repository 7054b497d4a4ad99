package diffusion

import (
	"context"
	"sort"
)

// phrase is one of those that AND joins in a condition, or its only one: what the U-Net reads
// of it over a run.
type phrase struct {
	timeline
	weight float64  // of its prediction among those of the others; 1 of an only one
	texts  []*reads // of one form
}

// timeline says which of several texts counts in which part of a run. The zero value has the
// first throughout.
type timeline struct {
	ends  []int // the last position of each part, in rising order
	which []int // the text of each part
}

// at returns the text that counts at a position, see [run.position]. Behind the end it is the
// last.
func (t timeline) at(position int) int {
	if len(t.ends) == 0 {
		return 0
	}
	i := sort.SearchInts(t.ends, position)
	return t.which[min(i, len(t.which)-1)]
}

// say returns what the U-Net reads of the words of a condition, and what of these was cut.
func (r *run) say(ctx context.Context, c Condition, w wording) (phrases []phrase, cut [2]string, err error) {
	if s := r.scripts[c]; s != nil {
		r.note("syntax", []byte(s.syntax.String()))
		r.note(w.name, s.numbers())
		phrases, err = r.encodeScript(ctx, c, s, w)
		return phrases, cut, err
	}
	e, err := r.embed(ctx, w, r.zeros(c, w))
	if err != nil {
		return nil, cut, err
	}
	return []phrase{{weight: 1, texts: r.readsOf(c, e)}}, e.cut, nil
}

// readsOf is what the U-Net reads of embeddings.
func (r *run) readsOf(c Condition, embeddings ...textEmbedding) (texts []*reads) {
	for i, e := range embeddings {
		said := &reads{condition: c, text: i, tokens: e.tokens}
		if r.xl() {
			said.pooled, said.ids = e.pooled, r.timeIDs(c)
		}
		texts = append(texts, said)
	}
	return texts
}

// digestOf tells what phrases say from what others do.
func digestOf(phrases []phrase, part func(*reads) []float32) string {
	if len(phrases) == 1 && len(phrases[0].texts) == 1 {
		return digest(part(phrases[0].texts[0]))
	}
	var all []byte
	for _, p := range phrases {
		for _, text := range p.texts {
			all = append(all, digest(part(text))...)
		}
	}
	return digest(all)
}
