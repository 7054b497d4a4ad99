package adapter

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"sdgo/internal/engine"
	"sdgo/internal/nn"
	"sdgo/internal/op"
)

// Wanted is an adapter and how much of it is wanted of each module.
type Wanted struct {
	*Loaded
	Weight func(part, module string) float64
}

// Set is what several adapters, in their order, add to one part of a model. One goroutine
// may use it at a time.
type Set struct {
	Adapted *nn.Adapted

	bytes   int64     // of the slots' weights
	factors []float64 // of each adapter, in the last call of At
	updates []func(factors []float64)
	text    strings.Builder // of the signature
}

// NewSet returns what adapters add to a part, or nil if that is nothing. Modules of which
// nothing is wanted cost nothing.
func NewSet(part string, adapters []Wanted) *Set {
	s := &Set{Adapted: &nn.Adapted{Layers: make(map[string]*nn.Layer), In: make(map[string]int)}}
	var order []string
	uses := make(map[string][]use)
	for i, a := range adapters {
		for _, r := range a.layers {
			w := a.Weight(part, r.Module)
			if r.Part != part || w == 0 {
				continue
			}
			if uses[r.Key] == nil {
				order = append(order, r.Key)
			}
			uses[r.Key] = append(uses[r.Key], use{r, i, w})
		}
	}
	if len(order) == 0 {
		return nil
	}
	slices.Sort(order)
	for _, key := range order {
		s.layer(key, uses[key])
	}
	sum := sha256.Sum256([]byte(s.text.String()))
	s.Adapted.Signature = hex.EncodeToString(sum[:])
	s.factors = make([]float64, len(adapters))
	for i := range s.factors {
		s.factors[i] = 1
	}
	s.update()
	return s
}

// use is a change, the number of its adapter, and the adapter's weight.
type use struct {
	*resident
	adapter int
	weight  float64
}

// at is the adapter's weight times the adapter's factor.
func (u use) at(factors []float64) float64 { return u.weight * factors[u.adapter] }

// At multiplies the adapters' weights by factors from the next run on.
func (s *Set) At(factors []float64) {
	if !slices.Equal(s.factors, factors) {
		copy(s.factors, factors)
		s.update()
	}
}

func (s *Set) update() {
	for _, f := range s.updates {
		f(s.factors)
	}
}

// vector adds a vector of n numbers, which fill sets.
func (s *Set) vector(n int, fill func(x []float32, factors []float64)) int {
	x := make([]float32, n)
	s.Adapted.Vectors = append(s.Adapted.Vectors, x)
	s.updates = append(s.updates, func(factors []float64) { fill(x, factors) })
	fmt.Fprintf(&s.text, "vector %d\n", n)
	return len(s.Adapted.Vectors) - 1
}

// all is a vector of n equal numbers.
func (s *Set) all(n int, value func(factors []float64) float64) int {
	return s.vector(n, func(x []float32, factors []float64) {
		v := float32(value(factors))
		for i := range x {
			x[i] = v
		}
	})
}

// slot adds a weight.
func (s *Set) slot(w weight) *op.Slot {
	s.Adapted.Slots = append(s.Adapted.Slots, w.arg)
	s.bytes += w.bytes
	fmt.Fprintln(&s.text, "slot", w.shape, w.arg.Packed.Format)
	return op.NewSlot(len(s.Adapted.Slots)-1, w.shape...)
}

// sum is a vector in place of a parameter: what the model has, and what uses change it by.
func (s *Set) sum(key string, uses []use, of func(r *resident) (have, change []float32)) {
	uses = slices.DeleteFunc(slices.Clone(uses), func(u use) bool { _, change := of(u.resident); return change == nil })
	if len(uses) == 0 {
		return
	}
	have, _ := of(uses[0].resident)
	fmt.Fprintln(&s.text, "in", key)
	s.Adapted.In[key] = s.vector(len(have), func(x []float32, factors []float64) {
		copy(x, have)
		for _, u := range uses {
			_, change := of(u.resident)
			add(x, change, u.at(factors))
		}
	})
}

// layer adds what uses change of one module.
func (s *Set) layer(key string, uses []use) {
	fmt.Fprintln(&s.text, "layer", key)
	s.sum(key, uses, func(r *resident) (have, change []float32) { return r.vector0, r.vector })
	s.sum(uses[0].Target.Bias, uses, func(r *resident) (have, change []float32) { return r.bias0, r.bias })
	l := &nn.Layer{Gain: nn.None}
	var gained []use
	for _, u := range uses {
		if u.up.shape == nil {
			continue
		}
		if u.magnitude != nil && !u.onInput {
			gained = append(gained, u)
		}
		l.Branches = append(l.Branches, s.branches(u)...)
	}
	if len(gained) > 0 {
		fmt.Fprintln(&s.text, "gain")
		l.Gain = s.vector(uses[0].Weight[0], func(x []float32, factors []float64) {
			for i := range x {
				x[i] = 1
			}
			for _, u := range gained {
				for i, g := range u.gains(u.at(factors)) {
					x[i] += g - 1
				}
			}
		})
	}
	if len(l.Branches) > 0 {
		s.Adapted.Layers[key] = l
	}
}

// branches are what a change adds to its layer. With DoRA it is (g − 1)·W·x + g·s·Δ·x, of
// which the first is the layer's gain where g is of the outputs.
func (s *Set) branches(u use) []nn.Branch {
	b := nn.Branch{In: nn.None, Hidden: nn.None, Out: nn.None}
	fmt.Fprintln(&s.text, "branch", u.down.shape != nil, u.mid.shape != nil, u.magnitude != nil, u.onInput)
	scale := func(factors []float64) float64 { return u.at(factors) * u.scale }
	if u.down.shape != nil {
		b.Down = s.slot(u.down)
		if u.mid.shape != nil {
			b.Mid = s.slot(u.mid)
		}
		b.Hidden = s.all(u.rank, scale)
	}
	b.Up = s.slot(u.up)
	out := u.Weight[0]
	switch {
	case u.magnitude == nil && b.Down == nil:
		b.Out = s.all(out, scale)
	case u.magnitude == nil:
	case u.onInput:
		base := nn.Branch{Hidden: nn.None, Out: nn.None, In: s.vector(len(u.magnitude), func(x []float32, factors []float64) {
			for i, g := range u.gains(u.at(factors)) {
				x[i] = g - 1
			}
		})}
		b.In = s.vector(len(u.magnitude), func(x []float32, factors []float64) { copy(x, u.gains(u.at(factors))) })
		if b.Down == nil {
			b.Out = s.all(out, scale)
		}
		return []nn.Branch{base, b}
	default:
		b.Out = s.vector(out, func(x []float32, factors []float64) {
			copy(x, u.gains(u.at(factors)))
			if u.down.shape == nil {
				for i := range x {
					x[i] *= float32(scale(factors))
				}
			}
		})
	}
	return []nn.Branch{b}
}

// Summary tells in a line how the set is computed.
func (s *Set) Summary() string {
	whole := 0
	for _, l := range s.Adapted.Layers {
		if slices.ContainsFunc(l.Branches, func(b nn.Branch) bool { return b.Up != nil && b.Down == nil }) {
			whole++
		}
	}
	return fmt.Sprintf("adapters beside the weights: %d layers by low rank, %d by whole matrices, %d biases and norms, %s",
		len(s.Adapted.Layers)-whole, whole, len(s.Adapted.In), engine.Bytes(s.bytes))
}
