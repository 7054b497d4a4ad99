package safetensors_test

import (
	"bytes"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"testing/fstest"

	"sdgo/safetensors"
)

// Weights are written to a file, which is then mapped and read.
func Example() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "model.safetensors")

	weight, err := safetensors.NewFloat32("linear.weight", []int{2, 3}, []float32{1, 2, 3, 4, 5, 6})
	if err != nil {
		log.Fatal(err)
	}
	if err := safetensors.WriteFile(path, []safetensors.Tensor{weight}, map[string]string{"format": "pt"}); err != nil {
		log.Fatal(err)
	}

	f, err := safetensors.Open(path)
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	for _, name := range f.Names() {
		t, _ := f.Tensor(name)
		values, err := t.Float32s()
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(t.Name, t.DType, t.Shape, values)
	}
	// Output: linear.weight F32 [2 3] [1 2 3 4 5 6]
}

// Half-precision weights are widened into the caller's memory, and what they
// occupied of the mapped file is given back.
func ExampleTensor_Float32sInto() {
	half, err := safetensors.New("scale", safetensors.F16, []int{2}, []byte{0x00, 0x3c, 0x00, 0xb8})
	if err != nil {
		log.Fatal(err)
	}
	dst := make([]float32, half.Len())
	if err := half.Float32sInto(dst); err != nil {
		log.Fatal(err)
	}
	half.Release()
	fmt.Println(dst)
	// Output: [1 -0.5]
}

// The shards of a large model are seen as one file.
func ExampleOpenIndexFS() {
	var first, second bytes.Buffer
	for name, w := range map[string]*bytes.Buffer{"down.weight": &first, "up.weight": &second} {
		t, err := safetensors.NewFloat32(name, []int{1}, []float32{1})
		if err != nil {
			log.Fatal(err)
		}
		if err := safetensors.Write(w, []safetensors.Tensor{t}, nil); err != nil {
			log.Fatal(err)
		}
	}
	fsys := fstest.MapFS{
		"m-00001-of-00002.safetensors": {Data: first.Bytes()},
		"m-00002-of-00002.safetensors": {Data: second.Bytes()},
		"m.safetensors.index.json": {Data: []byte(`{"weight_map":{
			"down.weight": "m-00001-of-00002.safetensors",
			"up.weight":   "m-00002-of-00002.safetensors"}}`)},
	}
	f, err := safetensors.OpenIndexFS(fsys, "m.safetensors.index.json")
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	fmt.Println(f.Names())
	// Output: [down.weight up.weight]
}
