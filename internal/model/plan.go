package model

import (
	"context"
	"fmt"
	"strings"

	"sdgo/diffusion/plan"
	"sdgo/internal/device"
	"sdgo/internal/engine"
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
	target, onDevice := m.plans.Target.(op.Device)
	var launches [][]device.Launch
	var phases [][]engine.PhaseInfo
	if onDevice {
		launches, err = compiled.Launches()
	} else {
		p.Threads = m.eng.Threads()
		_, slots := m.vectors()
		phases, err = compiled.Phases(p.Threads, slots...)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", m.name, err)
	}
	counted := make(map[*op.Weight]bool)
	for i, s := range compiled.Actions() {
		cost, format := s.Operation.Cost(), kernel.Float32
		operation := plan.Operation{Operation: s.Operation.String(), Kind: cost.Kind, Output: s.Output, FLOPs: cost.FLOPs}
		operation.Layer = layerOf(s.Name)
		if w := s.Weight; w != nil {
			operation.Weights = int64(w.MemSize())
			if onDevice {
				operation.Weights, operation.Format = onDeviceWeight(w, target.Type)
			}
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
		if onDevice {
			launched(&operation, launches[i], target.Target)
		} else {
			operation.Work = cost.Work(format, s.Output)
			operation.Phases = phasesOf(phases[i])
		}
		p.Steps = append(p.Steps, operation)
	}
	return p, nil
}

// phasesOf are an operation's phases as the plan tells them.
func phasesOf(infos []engine.PhaseInfo) (list []plan.Phase) {
	for _, p := range infos {
		list = append(list, plan.Phase(p))
	}
	return list
}

// onDeviceWeight returns the bytes of a weight on a device, and the name of its type.
func onDeviceWeight(w *op.Weight, t device.Type) (bytes int64, format string) {
	if w.Shape().Dims() < 2 {
		t = device.F32
	}
	name := map[device.Type]kernel.Format{device.F32: kernel.Float32, device.F16: kernel.Float16, device.BF16: kernel.BFloat16}[t].String()
	return int64(w.Size()) * int64(t.Size()), name
}

// launched adds what an operation is on a device.
func launched(o *plan.Operation, launches []device.Launch, t device.Target) {
	o.Launches, o.Predicted = len(launches), 0
	for _, l := range launches {
		o.Moved += int64(l.Cost.Bytes)
		o.Roof += l.Roof(t)
		o.Predicted += l.Time(t)
	}
}

// layerOf returns the module of a parameter's node.
func layerOf(name string) string {
	_, key, _ := strings.Cut(name, "/")
	if i := strings.LastIndexByte(key, '.'); i >= 0 {
		return key[:i]
	}
	return key
}
