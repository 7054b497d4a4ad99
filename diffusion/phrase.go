package diffusion

import (
	"context"
	"sort"
)

// phrase is one of those that AND joins in a condition, or its only one: what the U-Net reads
// of it over a run.
type phrase struct {
	timeline
	texts []*reads // of one form, weight and place
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

// spot is what says something: a condition of the call's, or of a region by its number from 1.
type spot struct {
	region    int
	condition Condition
}

// say returns what the U-Net reads of the words of a condition, for a region or nil, and what
// of the words was cut.
func (r *run) say(ctx context.Context, c Condition, w wording, p *place) (phrases []phrase, cut [2]string, err error) {
	at := spot{0, c}
	if p != nil {
		at.region = p.number
	}
	if s := r.scripts[at]; s != nil {
		r.note("syntax", []byte(s.syntax.String()))
		r.note(w.name, s.numbers())
		phrases, err = r.encodeScript(ctx, c, s, w)
	} else {
		var e textEmbedding
		if e, err = r.embed(ctx, w, p == nil && r.zeros(c, w)); err == nil {
			phrases, cut = []phrase{{texts: r.readsOf(c, 1, e)}}, e.cut
		}
	}
	for _, phrase := range phrases {
		for _, text := range phrase.texts {
			text.place = p
		}
	}
	return phrases, cut, err
}

// readsOf is what the U-Net reads of embeddings, with a weight among what AND joins.
func (r *run) readsOf(c Condition, weight float64, embeddings ...textEmbedding) (texts []*reads) {
	for i, e := range embeddings {
		said := &reads{condition: c, text: i, tokens: e.tokens}
		if weight != 1 {
			said.weight = &weight
		}
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
