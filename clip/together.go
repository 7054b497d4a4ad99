package clip

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
