// Package model runs what the models are made of: it loads their weights, keeps a plan
// for each shape of their input, and shares an engine and its memory among them.
package model

import (
	"context"
	"fmt"
	"sync/atomic"

	"sdgo/internal/engine"
	"sdgo/internal/mapped"
	"sdgo/internal/nn"
	"sdgo/internal/weights"
	"sdgo/safetensors/checkpoint"
)

// Model is what every model is made of: its weights, its plans by input shape
// and the engine that runs them. It is safe for concurrent use.
type Model struct {
	*base
	adapted *nn.Adapted // nil: as it was loaded
}

// base is what a model has in common with those that [With] made of it.
type base struct {
	serial  uint64
	name    string
	eng     *engine.Engine
	owns    bool // the engine is this model's alone
	params  *nn.Params
	fixed   bool // the caller has chosen how weights are kept
	options LoadOptions
	src     checkpoint.Source
	config  []byte           // of the checkpoint
	weights *weights.Weights // nil until they are loaded
	plans   engine.Plans
	calls   Gate

	warnings []string
}

// serials are those of the models of the process.
var serials atomic.Uint64

// Serial is a number that models have in common which share their weights, and no others.
func (m *Model) Serial() uint64 { return m.serial }

// Steady says of which inputs, by their names, the numbers seldom change from run to run. It
// must come before the first run.
func (m *Model) Steady(names ...string) { m.plans.Steady = names }

// Warnings are what was passed over of the model's weight files, one sentence each.
func (m *Model) Warnings() []string { return m.warnings }

// Close waits for calls in flight and gives the model's memory back. Calls that begin
// later return ErrClosed. Any number of Closes may run at once; each returns when the
// model is closed.
func (m *Model) Close() error {
	return m.calls.Close("", func() error {
		m.eng.Forget(&m.plans)
		if m.owns {
			m.eng.Close()
		}
		if m.weights == nil { // not loaded
			return m.src.Close()
		}
		m.weights.Close()
		return nil
	})
}

// insideKey marks a ctx whose runs belong to a call that has entered the model.
type insideKey struct{ m *base }

// enter begins a call, or a run of one.
func (m *Model) enter(ctx context.Context) (leave func(), err error) {
	if ctx.Value(insideKey{m.base}) != nil {
		return func() {}, nil
	}
	if leave, err = m.calls.Enter(""); err != nil {
		return nil, fmt.Errorf("%s: %w", m.name, err)
	}
	return leave, nil
}

// Fingerprint is a short text that tells models apart by their weights, of which it
// reads a sample, and by the type of their factors. It is empty for a closed model, and
// for one whose weights cannot be read any more.
func (m *Model) Fingerprint() (text string) {
	leave, err := m.calls.Enter("")
	if err != nil {
		return ""
	}
	defer leave()
	if mapped.Guard(func() error {
		text = weights.Fingerprint(m.params.All())
		return nil
	}) != nil {
		return ""
	}
	return text
}
