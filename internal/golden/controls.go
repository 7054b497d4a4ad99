package golden

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"testing"
	"testing/fstest"

	"gorgonia.org/tensor"

	"sdgo/safetensors"
)

// Network is a ControlNet or a T2I-Adapter of testdata/controls, whose weights are [Numbers]
// of their names.
type Network struct {
	Config  json.RawMessage
	Tensors map[string]struct {
		Shape    []int
		Original string // name in the layout of the original code
	}
}

// Networks are those of testdata/controls, by name.
func Networks(t testing.TB) map[string]*Network {
	t.Helper()
	m := fstest.MapFS{}
	if err := addTree(m, "cases.json.gz", "testdata/controls/cases.json.gz"); err != nil {
		t.Fatalf("golden: %v", err)
	}
	all := make(map[string]*Network)
	if err := json.Unmarshal(m["cases.json"].Data, &all); err != nil {
		t.Fatalf("golden: %v", err)
	}
	return all
}

// Folder is the network as diffusers writes it.
func (n *Network) Folder(t testing.TB) fs.FS {
	t.Helper()
	return fstest.MapFS{
		"config.json":                         {Data: n.Config},
		"diffusion_pytorch_model.safetensors": {Data: n.File(t, func(name, _ string) string { return name })},
	}
}

// File is a safetensors file of the tensors, which are called what a function says of their
// names in diffusers and in the original code.
func (n *Network) File(t testing.TB, called func(name, original string) string) []byte {
	t.Helper()
	var tensors []safetensors.Tensor
	for name, x := range n.Tensors {
		y, err := safetensors.NewFloat32(called(name, x.Original), x.Shape, Numbers(name, x.Shape...).Float32s())
		if err != nil {
			t.Fatalf("golden: %v", err)
		}
		tensors = append(tensors, y)
	}
	var b bytes.Buffer
	if err := safetensors.Write(&b, tensors, nil); err != nil {
		t.Fatalf("golden: %v", err)
	}
	return b.Bytes()
}

// Fractions are [Numbers] from 0 to 1.
func Fractions(name string, shape ...int) *tensor.Dense {
	x := Numbers(name, shape...)
	for i, v := range x.Float32s() {
		x.Float32s()[i] = (v + 1) / 2
	}
	return x
}

// ControlNet is the folder of tiny-controlnet, for tiny-sd15.
func ControlNet(t testing.TB) fs.FS {
	t.Helper()
	m := fstest.MapFS{}
	if err := addTree(m, ".", "testdata/controls/tiny-controlnet"); err != nil {
		t.Fatalf("golden: %v", err)
	}
	return m
}
