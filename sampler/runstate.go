package sampler

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"sdgo/internal/identity"
	"sdgo/internal/saved"
)

// A saved run has, in the form of package saved, the start, then for each call its
// estimate, and the changed state and the unconditional estimate if any, then the states
// that were replaced.
const (
	stateMagic   = "sdgo-run"
	stateVersion = 5
)

// stateHeader says whose state it is.
type stateHeader struct {
	Version int       `json:"version"`
	Sampler string    `json:"sampler"`
	Sigmas  []float64 `json:"sigmas"`
	Size    int       `json:"size"`    // numbers in the state
	Step    int       `json:"step"`    // steps yielded
	Changed []bool    `json:"changed"` // for each call
	Uncond  []bool    `json:"uncond"`  // for each call

	Replaced []int `json:"replaced,omitempty"` // steps whose states were, in their order

	Facts map[string]string `json:"facts"`
}

// StateError says why saved bytes are not the state of a run.
type StateError struct {
	Msg string // what was found and what was wanted
}

// Error implements error.
func (e *StateError) Error() string { return "sampler: saved run: " + e.Msg }

// Save returns the run's state as bytes that [Run.Restore] takes.
func (r *Run) Save() ([]byte, error) {
	if r == nil || IsNil(r.Sampler) {
		return nil, errors.New("sampler: save run: have no sampler")
	}
	if r.Forget && r.Limit > 0 {
		return nil, fmt.Errorf("sampler: save run: have a run whose record has grown beyond its limit of %d bytes", r.Limit)
	}
	if r.Forget {
		return nil, fmt.Errorf("sampler: save run: have a run that forgets what was computed")
	}
	h := stateHeader{Version: stateVersion, Sampler: identity.Of(r.Sampler), Sigmas: r.Sigmas, Size: len(r.X), Step: r.step, Facts: r.facts()}
	for _, c := range r.calls {
		h.Changed = append(h.Changed, c.x != nil)
		h.Uncond = append(h.Uncond, c.est.Uncond != nil)
	}
	h.Replaced = slices.Sorted(maps.Keys(r.replaced))
	out, err := saved.Begin(stateMagic, h)
	if err != nil {
		return nil, fmt.Errorf("sampler: save run: %w", err)
	}
	out = saved.AppendFloats(out, r.X)
	for _, c := range r.calls {
		out = saved.AppendFloats(out, c.est.Denoised)
		out = saved.AppendFloats(out, c.x)
		out = saved.AppendFloats(out, c.est.Uncond)
	}
	for _, step := range h.Replaced {
		out = saved.AppendFloats(out, r.replaced[step])
	}
	return saved.Seal(out), nil
}

func (r *Run) facts() map[string]string {
	if r.Facts == nil {
		return nil
	}
	return r.Facts()
}

// checkFacts returns what is wrong with saved facts, the first by name, or "".
func (r *Run) checkFacts(facts map[string]string) string {
	own := r.facts()
	all := maps.Clone(own)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, facts)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if have, want := facts[name], own[name]; have != want {
			return fmt.Sprintf("have a run with another %s: %q, want %q", name, have, want)
		}
	}
	return ""
}

// Restore takes the state that Save returned for a run of the same sampler with
// the same options, levels and Facts; the start X, of the same length if there is
// one, is taken from it too. Steps goes on
// after the last step that was yielded before. Bytes that are not such a state
// are a [*StateError], and the run stays as it was.
func (r *Run) Restore(data []byte) error {
	if r == nil {
		return badState("have a nil run to take it")
	}
	var h stateHeader
	numbers, err := saved.Open(data, stateMagic, &h)
	if err != nil {
		return badState("%v", err)
	}
	if err := r.checkState(h, numbers); err != nil {
		return err
	}
	take := func() []float32 {
		x := make([]float32, h.Size)
		numbers = saved.TakeFloats(x, numbers)
		return x
	}
	r.X, r.step, r.calls, r.size = take(), h.Step, nil, 4*int64(h.Size)*int64(h.arrays()-1)
	for i, changed := range h.Changed {
		c := call{est: Estimate{Denoised: take()}}
		if changed {
			c.x = take()
		}
		if h.Uncond[i] {
			c.est.Uncond = take()
		}
		r.calls = append(r.calls, c)
	}
	r.replaced = map[int][]float32{}
	for _, step := range h.Replaced {
		r.replaced[step] = take()
	}
	return nil
}

// arrays is how many there are: the start, for each call its estimate and what else
// it left, and states that were replaced.
func (h stateHeader) arrays() int {
	n := 1 + len(h.Changed) + len(h.Replaced)
	for _, extra := range slices.Concat(h.Changed, h.Uncond) {
		if extra {
			n++
		}
	}
	return n
}

// checkState wants the state to be one of a run like r, and its numbers to be there.
func (r *Run) checkState(h stateHeader, numbers []byte) error {
	switch {
	case h.Version != stateVersion:
		return badState("have version %d, want %d", h.Version, stateVersion)
	case len(h.Uncond) != len(h.Changed):
		return badState("have marks of %d unconditional estimates, want %d", len(h.Uncond), len(h.Changed))
	case h.Sampler != identity.Of(r.Sampler):
		return badState("have a run of %s, want %s", h.Sampler, identity.Of(r.Sampler))
	case !slices.Equal(h.Sigmas, r.Sigmas):
		return badState("have a run over %d other levels, want the run's %d", len(h.Sigmas), len(r.Sigmas))
	case h.Size < 0 || h.Size > len(numbers)/4 || len(numbers) != 4*h.Size*h.arrays():
		return badState("have %d bytes of numbers, want %d arrays of %d float32", len(numbers), h.arrays(), h.Size)
	case h.Step < 0 || h.Step > max(len(r.Sigmas)-1, len(h.Changed)):
		return badState("have step %d of %d calls over %d levels, want one that they reach", h.Step, len(h.Changed), len(r.Sigmas))
	case len(h.Replaced) > 0 && (!slices.IsSorted(h.Replaced) || len(slices.Compact(slices.Clone(h.Replaced))) < len(h.Replaced) || h.Replaced[0] < 1 || slices.Max(h.Replaced) > h.Step):
		return badState("have states %v that were replaced, want steps from 1 to %d, in their order", h.Replaced, h.Step)
	case len(r.X) > 0 && h.Size != len(r.X):
		return badState("have a run of %d numbers, want %d", h.Size, len(r.X))
	}
	if wrong := r.checkFacts(h.Facts); wrong != "" {
		return badState("%s", wrong)
	}
	return nil
}

func badState(format string, args ...any) error { return &StateError{fmt.Sprintf(format, args...)} }
