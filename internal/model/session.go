package model

import (
	"context"
	"math"
	"runtime/debug"

	"sdgo/internal/engine"
	"sdgo/internal/weights"
)

// Session is what the models of a pipeline share: the engine, and a limit on memory
// that their weights are fitted to together. Models are loaded into it with a ctx of In.
type Session struct {
	Engine *engine.Engine

	held   bool
	models []*Model // not loaded yet
}

// NewSession returns a session of models that are loaded one by one.
func NewSession(e *engine.Engine) *Session { return &Session{Engine: e} }

// Session returns one of models that share the model's engine and memory.
func (m *Model) Session() *Session { return NewSession(m.eng) }

// Hold keeps models from being loaded until Load is called.
func (s *Session) Hold() { s.held = true }

// sessionKey marks a ctx that carries a session.
type sessionKey struct{}

// Beside returns a session of models that share m's engine, and the options that m was
// loaded with.
func (m *Model) Beside() (*Session, LoadOptions) {
	o := m.options
	o.Variant = ""
	return NewSession(m.eng), o
}

// In returns a ctx in which models are loaded into the session.
func (s *Session) In(ctx context.Context) context.Context {
	return context.WithValue(ctx, sessionKey{}, s)
}

// sessionOf returns the session that ctx carries, or nil.
func sessionOf(ctx context.Context) *Session {
	s, _ := ctx.Value(sessionKey{}).(*Session)
	return s
}

// Shared says whether a model that is loaded with ctx is one of a session's.
func Shared(ctx context.Context) bool { return ctx != nil && sessionOf(ctx) != nil }

// add takes a model in, and loads it unless the session holds that back.
func (s *Session) add(ctx context.Context, m *Model) error {
	s.models = append(s.models, m)
	if s.held {
		return nil
	}
	return s.Load(ctx)
}

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
	if allowed := s.Engine.Memory.Allowed(); allowed < math.MaxInt64 && s.Engine.Device() == nil {
		weights.Fit(params, allowed, reserve)
	}
	for _, m := range models {
		if err := m.load(ctx); err != nil {
			return err
		}
	}
	if s.Engine.Memory.InUse() >= large {
		debug.FreeOSMemory()
	}
	return nil
}

// large is from how many bytes of weights on the garbage that loading left is collected at
// once: some ten megabytes, which would come on top of the most that a picture takes, for
// a hundredth of the time that loading took.
const large = 1 << 30
