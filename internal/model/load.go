package model

import (
	"context"
	"fmt"

	"sdgo/internal/engine"
	"sdgo/internal/nn"
	"sdgo/internal/op"
	"sdgo/internal/weights"
	"sdgo/safetensors/checkpoint"
)

// LoadOptions say how a model is loaded and run. The model packages have their
// own type with the same fields.
type LoadOptions struct {
	Variant   string // of a folder's files
	Precision string
	Weights   string
	Threads   int
	MaxMemory int64
}

// Define decodes a config and asks for the weights of a model.
type Define func(config []byte, p *nn.Params) error

// Load makes a model of a checkpoint, which it takes over and closes. Its weights are
// loaded, unless the session that ctx carries holds that back. It returns ctx's error
// soon after ctx is done.
func Load(ctx context.Context, name string, src checkpoint.Source, o LoadOptions, define Define) (*Model, error) {
	if src == nil {
		return nil, fmt.Errorf("%s: have no checkpoint to load from", name)
	}
	src = guarded(src)
	m, s, err := newModel(ctx, name, src, o)
	if err == nil {
		err = m.define(define)
	}
	if err == nil {
		m.warnings = src.Warnings()
		err = s.add(ctx, m)
	}
	if err != nil {
		src.Close()
		return nil, err
	}
	return m, nil
}

// newModel returns a model without parameters, and its session.
func newModel(ctx context.Context, name string, src checkpoint.Source, o LoadOptions) (*Model, *Session, error) {
	if ctx == nil {
		return nil, nil, fmt.Errorf("%s: have a nil context", name)
	}
	format, err := weights.ParsePrecision(o.Precision)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", name, err)
	}
	storage, err := weights.ParseStorage(o.Weights)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", name, err)
	}
	s := sessionOf(ctx)
	m := &Model{base: &base{serial: serials.Add(1), name: name, src: src, fixed: o.Precision != "" || o.Weights != "", owns: s == nil, options: o, params: nn.NewParams(name, src, format)}}
	m.params.Store(storage)
	if s == nil {
		eng, err := engine.New(&engine.Options{Threads: o.Threads, MaxMemory: o.MaxMemory})
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", name, err)
		}
		s = NewSession(eng)
	}
	m.eng = s.Engine
	if d := m.eng.Device(); d != nil {
		t, err := deviceType(d, name, o.Precision)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", name, err)
		}
		m.plans.Target = op.Device{Target: d.Target(t)}
	}
	return m, s, nil
}

// define asks for the weights, and wants the checkpoint to have them.
func (m *Model) define(define Define) error {
	m.config = m.src.Config()
	err := define(m.config, m.params)
	if err == nil {
		err = m.params.Check(m.name)
	}
	if g, ok := m.src.(*guard); ok && g.panicked() != nil { // which is why
		return fmt.Errorf("%s: %w", m.name, g.panicked())
	}
	return err
}

// load loads the weights and closes the files that they came from.
func (m *Model) load(ctx context.Context) error {
	ws, err := weights.Load(ctx, m.name, m.src, m.params.All(), m.eng, m.plans.Target)
	if err != nil {
		return err
	}
	m.weights = ws
	if err := m.src.Close(); err != nil {
		return fmt.Errorf("%s: %w", m.name, err)
	}
	return nil
}
