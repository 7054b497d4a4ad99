package nn

import (
	"cmp"
	"context"
	"math"
	"slices"

	"sdgo/internal/engine"
	"sdgo/internal/kernel"
)

// Session is what the models of a pipeline share: the engine, and a limit on memory
// that their weights are fitted to together.
type Session struct {
	Engine *engine.Engine

	held   bool
	models []*Model // not loaded yet
}

// NewSession returns a session of models that are loaded one by one.
func NewSession(e *engine.Engine) *Session { return &Session{Engine: e} }

// Hold keeps models from being loaded until Load is called.
func (s *Session) Hold() { s.held = true }

// Load loads the weights of the models. If the caller has limited the memory and has
// not chosen a precision, weights that would not fit beside reserve bytes are kept in
// half precision, the largest first; failing that, beside the least number of bytes
// that runs need; and failing that, the largest linear layers as integers.
func (s *Session) Load(ctx context.Context, reserve ...int64) error {
	models := s.models
	s.models, s.held = nil, false
	var params []*Param
	for _, m := range models {
		if m.params.fixed {
			continue
		}
		params = append(params, m.params.params...)
	}
	if allowed := s.Engine.Memory.Allowed(); allowed < math.MaxInt64 {
		fit(params, allowed, reserve)
	}
	for _, m := range models {
		if err := m.load(ctx); err != nil {
			return err
		}
	}
	return nil
}

// fit lowers the formats of weights until they take no more than is allowed beside
// the first of reserves, or the last, or alone if runs of that size cannot be.
func fit(params []*Param, allowed int64, reserves []int64) {
	if len(reserves) == 0 {
		reserves = []int64{0}
	}
	most, least := reserves[0], reserves[len(reserves)-1]
	_ = lower(params, allowed-most, kernel.Float16) ||
		lower(params, allowed-least, kernel.Float16) || lower(params, allowed-least, kernel.Float16, kernel.Int8) ||
		lower(params, allowed, kernel.Float16) || lower(params, allowed, kernel.Float16, kernel.Int8)
}

// lower gives weights the formats, the largest weights first and one format after the
// other, until they take no more than is allowed. If they never would, it changes
// nothing.
func lower(params []*Param, allowed int64, formats ...kernel.Format) (fits bool) {
	was := make([]kernel.Format, len(params))
	var total int64
	for i, w := range params {
		was[i] = w.format
		total += 4 * int64(w.size())
	}
	bySize := slices.Clone(params)
	slices.SortStableFunc(bySize, func(a, b *Param) int { return cmp.Compare(b.size(), a.size()) })
	for _, format := range formats {
		for _, w := range bySize {
			if total <= allowed {
				return true
			}
			if w.format < format && format <= w.lowest {
				total -= 4 * int64(w.size())
				w.format = format
				total += 4 * int64(w.size())
			}
		}
	}
	if total > allowed {
		for i, w := range params {
			w.format = was[i]
		}
	}
	return total <= allowed
}
