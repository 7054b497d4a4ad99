package engine_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"sdgo/internal/device"
	"sdgo/internal/engine"
	"sdgo/internal/op"
)

// An operation without a form for a device is an error that names it, when the plan is
// made; half the bytes are planned for numbers of half the size.
func TestPlanForDevice(t *testing.T) {
	g := G.NewGraph()
	x := G.NewTensor(g, tensor.Float32, 2, G.WithShape(64, 64), G.WithName("x"))
	sum, err := op.Add(x, x)
	require.NoError(t, err)
	product, err := op.Multiply(sum, x)
	require.NoError(t, err)

	target := func(t device.Type) op.Target {
		return op.Device{Target: device.Target{Type: t, Arch: 80, SMs: 108}}
	}
	wide, err := engine.NewPlanFor(target(device.F32), []*G.Node{x}, []*G.Node{sum})
	require.NoError(t, err)
	narrow, err := engine.NewPlanFor(target(device.F16), []*G.Node{x}, []*G.Node{sum})
	require.NoError(t, err)
	const staging = 2 * 4 * 64 * 64 // float32s in and out, whatever the type
	assert.Equal(t, wide.Bytes()-staging, 2*(narrow.Bytes()-staging))

	_, err = engine.NewPlanFor(target(device.F16), []*G.Node{x}, []*G.Node{product})
	assert.ErrorContains(t, err, "multiply 4096")
	assert.ErrorContains(t, err, "no form for CUDA, sm_80, f16")
}
