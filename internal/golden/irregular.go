package golden

import (
	"encoding/binary"
	"encoding/json"
	"hash/crc32"
	"math"
	"path"
	"strings"
	"testing"
	"testing/fstest"

	"gorgonia.org/tensor"
)

// Irregular is a U-Net whose blocks differ from those of Stable Diffusion.
type Irregular struct {
	Config json.RawMessage
	// Base is the model whose other parts stand beside the U-Net in one file, or "" where
	// the original code has no such U-Net.
	Base string
	// Shapes are those of its tensors by their names in diffusers, which Original leads
	// to those of the original code.
	Shapes   map[string][]int
	Original map[string]string
	// Prediction is what diffusers makes of two samples of 12×8 cells at times 700 and 31,
	// and of [Numbers] for all else.
	Prediction []float32
}

// Irregulars are those of testdata/families, by name.
func Irregulars(t testing.TB) map[string]*Irregular {
	t.Helper()
	m := fstest.MapFS{}
	if err := addTree(m, "cases.json.gz", "testdata/families/cases.json.gz"); err != nil {
		t.Fatalf("golden: %v", err)
	}
	var cases map[string]struct {
		Config  json.RawMessage
		Base    string
		Tensors map[string]struct {
			Shape    []int
			Original string
		}
	}
	if err := json.Unmarshal(m["cases.json"].Data, &cases); err != nil {
		t.Fatalf("golden: %v", err)
	}
	all := make(map[string]*Irregular)
	for name, c := range cases {
		all[name] = &Irregular{Config: c.Config, Base: c.Base, Shapes: map[string][]int{}, Original: map[string]string{}, Prediction: Float32File(t, path.Join("families", name+".f32"))}
		for to, x := range c.Tensors {
			all[name].Shapes[to], all[name].Original[to] = x.Shape, x.Original
		}
	}
	return all
}

// Float32File is a file of numbers in 32 bits, the lowest first.
func Float32File(t testing.TB, name string) []float32 {
	t.Helper()
	data := File(t, name)
	x := make([]float32, len(data)/4)
	for i := range x {
		x[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:]))
	}
	return x
}

// Tensors are the weights.
func (u *Irregular) Tensors() map[string]*tensor.Dense {
	tensors := make(map[string]*tensor.Dense)
	for name, shape := range u.Shapes {
		tensors[name] = Numbers(name, shape...)
	}
	return tensors
}

// Numbers are those of a tensor that follow from its name, as in testdata/families/gen.py.
func Numbers(name string, shape ...int) *tensor.Dense {
	x := make([]float32, tensor.Shape(shape).TotalSize())
	seed := crc32.ChecksumIEEE([]byte(name))
	offset, scale := float32(0), float32(1)
	switch {
	case strings.HasPrefix(name, "input."):
	case len(shape) == 1:
		scale = 1.0 / 8
		if strings.HasSuffix(name, ".weight") {
			offset = 1
		}
	default:
		scale = float32(math.Exp2(-math.Floor(math.Log2(math.Sqrt(float64(len(x) / shape[0]))))))
	}
	for i := range x {
		h := (seed + uint32(i)) * 2654435761
		h ^= h >> 15
		h *= 2246822519
		h ^= h >> 13
		x[i] = float32(scale*(float32(h>>21)/1024-1)) + offset
	}
	return tensor.New(tensor.WithShape(shape...), tensor.WithBacking(x))
}
