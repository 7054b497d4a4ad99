package model

import (
	"reflect"

	G "gorgonia.org/gorgonia"

	"sdgo/internal/device"
	"sdgo/internal/engine"
	"sdgo/internal/kernel"
	"sdgo/internal/nn"
	"sdgo/internal/op"
	"sdgo/internal/weights"
)

// makers make a part of a pipeline with another model in place of its own, by the part's
// type.
var makers = make(map[reflect.Type]func(part any, m *Model) any)

// Adapts says how a part of a pipeline is made with another model in it. Packages of parts
// that take adapters call it when they are initialised.
func Adapts[T any](make func(part T, m *Model) T) {
	makers[reflect.TypeFor[T]()] = func(part any, m *Model) any { return make(part.(T), m) }
}

// With returns a part of a pipeline whose layers differ as adapted says. It shares the
// weights, the memory and the plans with the part. One goroutine may use it at a time.
func With[T any](part T, adapted *nn.Adapted) T {
	m := &Model{base: Of(part).base, adapted: adapted}
	return makers[reflect.TypeOf(part)](part, m).(T)
}

// Graph returns a graph to build the model in.
func (m *Model) Graph() *nn.Graph { return nn.NewAdaptedGraph(G.NewGraph(), m.adapted) }

// Params are the model's weights.
func (m *Model) Params() []*weights.Param { return m.params.All() }

// Same says whether two models share their weights.
func (m *Model) Same(other *Model) bool { return m.base == other.base }

// Device says whether the model computes on a graphics processor.
func (m *Model) Device() bool { return m.eng.Device() != nil }

// Format is the format of the model's matrices.
func (m *Model) Format() kernel.Format { return m.params.Format() }

// Alloc adds memory that the model's own counts.
func (m *Model) Alloc(n int, what string) (*engine.Block, error) { return m.eng.Memory.Alloc(n, what) }

// AllocDevice is Alloc on the model's device.
func (m *Model) AllocDevice(bytes int64, what string) (*engine.Block, error) {
	return m.eng.AllocDevice(bytes, what)
}

// DeviceType is the type of the model's matrices on its device.
func (m *Model) DeviceType() device.Type {
	t, _ := m.plans.Target.(op.Device)
	return t.Type
}

// Upload copies a weight [out in KH KW] to the model's device, as kernels read it there.
func (m *Model) Upload(at device.Ptr, x []float32, in, taps int) error {
	return weights.Upload(m.eng.Device(), at, x, in, taps, m.DeviceType())
}

// Numbers are a parameter's in the checkpoint's order, as they are computed with.
func (m *Model) Numbers(p *weights.Param) ([]float32, error) {
	return p.Numbers(m.eng.Device(), m.DeviceType())
}

// adaptedKey is the key of a plan of an adapted model.
type adaptedKey struct {
	key       any
	signature string
}

// whole adds what an adapted model has to a plan's key, and to what builds it.
func (m *Model) whole(key any, build Build) (any, Build) {
	a := m.adapted
	if a == nil {
		return key, build
	}
	return adaptedKey{key, a.Signature}, func() (inputs, outputs []*G.Node, err error) {
		inputs, outputs, err = build()
		if err == nil {
			inputs = append(inputs[:len(inputs):len(inputs)], a.VectorInputs(outputs[0].Graph())...)
		}
		return inputs, outputs, err
	}
}

// vectors are what an adapted model gives to a run: inputs by their names, and weights.
func (m *Model) vectors() (Inputs, []op.Arg) {
	if m.adapted == nil {
		return nil, nil
	}
	vectors := make(Inputs)
	for i, x := range m.adapted.Vectors {
		vectors[nn.VectorName(i)] = x
	}
	return vectors, m.adapted.Slots
}
