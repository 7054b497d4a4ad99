package sampler

import (
	"errors"
	"fmt"
	"slices"
)

// Replace puts x in the place of the state X of the step that the loop over [Run.Steps] has:
// the run goes on from there, and its result if the step was the last. Samplers of several
// steps keep their earlier estimates. Save, from then on, has it in the state that it
// returns, and another Steps takes it, too, unless the run forgets. It is an
// error outside of the loop's body, or for an x of another length.
func (r *Run) Replace(x []float32) error {
	switch {
	case r == nil || r.state == nil:
		return errors.New("sampler: replace: have no step, want a call within the loop over the run's steps")
	case len(x) != len(r.state):
		return fmt.Errorf("sampler: replace: have %d numbers, want %d", len(x), len(r.state))
	}
	copy(r.state, x)
	r.changed = true
	if r.Forget {
		return nil
	}
	if r.replaced == nil {
		r.replaced = map[int][]float32{}
	}
	grown := len(x) - len(r.replaced[r.step])
	r.replaced[r.step] = slices.Clone(x)
	r.grow(grown)
	return nil
}

// grow counts numbers of the record, and forgets one that is too long.
func (r *Run) grow(numbers int) {
	if r.size += 4 * int64(numbers); r.Limit > 0 && r.size > r.Limit {
		r.calls, r.replaced, r.size, r.Forget = nil, nil, 0, true
	}
}
