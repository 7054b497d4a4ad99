package model

import (
	"context"
	"math"

	"sdgo/internal/engine"
	"sdgo/internal/weights"
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
	var params []*weights.Param
	for _, m := range models {
		if m.fixed {
			continue
		}
		params = append(params, m.params.All()...)
	}
	if allowed := s.Engine.Memory.Allowed(); allowed < math.MaxInt64 {
		weights.Fit(params, allowed, reserve)
	}
	for _, m := range models {
		if err := m.load(ctx); err != nil {
			return err
		}
	}
	return nil
}
