package model

import (
	"context"
	"strings"

	"sdgo/diffusion/plan"
	"sdgo/internal/ggml"
	"sdgo/internal/kernel"
	"sdgo/internal/op"
)

// Plan returns the plan for a key.
func (m *Model) Plan(key any, build Build) (*plan.Part, error) {
	leave, err := m.enter(context.Background())
	if err != nil {
		return nil, err
	}
	defer leave()
	compiled, err := m.plan(key, build)
	if err != nil {
		return nil, err
	}
	p := &plan.Part{Model: m.name, Values: compiled.Bytes()}
	counted := make(map[*op.Weight]bool)
	for _, s := range compiled.Actions() {
		cost, format := s.Operation.Cost(), kernel.Float32
		operation := plan.Operation{Operation: s.Operation.String(), Output: s.Output, FLOPs: cost.FLOPs}
		if w := s.Weight; w != nil {
			operation.Layer = layerOf(s.Name)
			operation.Weights = int64(w.MemSize())
			if packed := w.Arg().Packed; packed.Data != nil {
				format, operation.Format = packed.Format, packed.Format.String()
				if packed.Stored != ggml.F32 {
					operation.Format = strings.ToLower(packed.Stored.String())
				}
			}
			if !counted[w] {
				counted[w] = true
				p.Weights += operation.Weights
			}
		}
		operation.Predicted = cost.Time(format, m.eng.Threads(), s.Output)
		p.Steps = append(p.Steps, operation)
	}
	return p, nil
}

// layerOf returns the module of a parameter's node.
func layerOf(name string) string {
	_, key, _ := strings.Cut(name, "/")
	if i := strings.LastIndexByte(key, '.'); i >= 0 {
		return key[:i]
	}
	return key
}
