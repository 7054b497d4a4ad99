package golden

import (
	"bytes"
	"encoding/json"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"sdgo/safetensors"
	"sdgo/safetensors/checkpoint"
)

// Named is a model whose weights are [Numbers] of their names.
type Named struct {
	Config json.RawMessage
	Shapes map[string][]int
}

// Tensors are the weights.
func (n *Named) Tensors() map[string]*tensor.Dense {
	tensors := make(map[string]*tensor.Dense)
	for name, shape := range n.Shapes {
		tensors[name] = Numbers(name, shape...)
	}
	return tensors
}

// Source is the model as a checkpoint.
func (n *Named) Source(t testing.TB) checkpoint.Source {
	t.Helper()
	src, err := checkpoint.New(n.Config, n.Tensors())
	require.NoError(t, err)
	return src
}

// WriteTo writes the model to a folder of a file system, for Load.
func (n *Named) WriteTo(t testing.TB, m fstest.MapFS, dir string) {
	t.Helper()
	var tensors []safetensors.Tensor
	for name, x := range n.Tensors() {
		one, err := safetensors.NewFloat32(name, n.Shapes[name], x.Float32s())
		require.NoError(t, err)
		tensors = append(tensors, one)
	}
	var file bytes.Buffer
	require.NoError(t, safetensors.Write(&file, tensors, nil))
	m[dir+"/config.json"] = &fstest.MapFile{Data: n.Config, Mode: 0o644}
	m[dir+"/diffusion_pytorch_model.safetensors"] = &fstest.MapFile{Data: file.Bytes(), Mode: 0o644}
}
