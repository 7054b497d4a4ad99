package clip

import (
	"context"
	"fmt"
)

// TokensContext is [Tokenizer.Tokens] for texts of any size: it returns ctx's error soon after
// ctx is done. It is an error if the tokenizer was not loaded.
func (t *Tokenizer) TokensContext(ctx context.Context, text string) ([]int, error) {
	if err := t.ready(); err != nil {
		return nil, err
	}
	if ctx == nil {
		return nil, fmt.Errorf("clip: have a nil context, want one")
	}
	p := &poll{ctx: ctx, err: ctx.Err()}
	ids := t.tokens(p, text)
	if err := p.done(); err != nil {
		return nil, err
	}
	return ids, nil
}

// Together returns how many of the ids at the beginning of a list are of one textual
// inversion of WithVectors: all of its vectors, or 1 where the list begins with none that is
// whole.
func (t *Tokenizer) Together(ids []int) int {
	if t.ready() != nil || len(ids) == 0 {
		return 1
	}
	all := t.added.vectors[ids[0]]
	if len(all) < 2 || len(all) > len(ids) {
		return 1
	}
	for i, id := range all {
		if ids[i] != id {
			return 1
		}
	}
	return len(all)
}
