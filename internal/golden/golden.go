// Package golden gives tests the data that the reference implementations made:
// inputs and outputs of modules and pipelines, and the small models they belong
// to. testdata/README.md says what is there and where it came from.
package golden

import (
	"bytes"
	"embed"
	"encoding/json"
	"path"
	"slices"
	"testing"

	"sdgo/safetensors"
)

//go:embed testdata
var files embed.FS

// Case is one golden case: a folder with case.json and tensors.safetensors.
// Its methods fail the test if something is not there.
type Case struct {
	// Info is case.json as encoding/json decodes it; [Case.Decode] gives it
	// in another form.
	Info map[string]any

	t    testing.TB
	dir  string
	file *safetensors.File
}

// Open returns the case in the given folder, such as "modules/unet_sd15" or
// "pipelines/img2img/ddim10_s0.8".
func Open(t testing.TB, dir string) *Case {
	t.Helper()
	c := &Case{t: t, dir: dir}
	c.Decode(&c.Info)
	file, err := safetensors.OpenFS(files, path.Join("testdata", dir, "tensors.safetensors"))
	if err != nil {
		t.Fatalf("golden: %s: %v", dir, err)
	}
	c.file = file
	t.Cleanup(func() { file.Close() })
	return c
}

// Cases returns the cases below a folder, such as "pipelines/text2img", as
// names for [Open], sorted.
func Cases(t testing.TB, dir string) []string {
	t.Helper()
	entries, err := files.ReadDir(path.Join("testdata", dir))
	if err != nil {
		t.Fatalf("golden: %v", err)
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, path.Join(dir, e.Name()))
		}
	}
	return names
}

// File returns a file of testdata, such as "pipelines/input.png".
func File(t testing.TB, name string) []byte {
	t.Helper()
	b, err := files.ReadFile(path.Join("testdata", name))
	if err != nil {
		t.Fatalf("golden: %v", err)
	}
	return b
}

// Decode decodes case.json into v. Numbers that are not finite are the strings
// "nan", "inf" and "-inf" there.
func (c *Case) Decode(v any) {
	c.t.Helper()
	if err := json.NewDecoder(bytes.NewReader(File(c.t, path.Join(c.dir, "case.json")))).Decode(v); err != nil {
		c.t.Fatalf("golden: %s/case.json: %v", c.dir, err)
	}
}

// Names returns the names of the case's tensors, sorted.
func (c *Case) Names() []string {
	names := c.file.Names()
	slices.Sort(names)
	return names
}

// Has reports whether the case has a tensor called name.
func (c *Case) Has(name string) bool {
	_, ok := c.file.Tensor(name)
	return ok
}

// Shape returns the shape of a tensor.
func (c *Case) Shape(name string) []int {
	c.t.Helper()
	return c.tensor(name).Shape
}

// Float32s returns the values of a tensor in row-major order, as memory that
// the test may write to.
func (c *Case) Float32s(name string) []float32 {
	c.t.Helper()
	v, err := c.tensor(name).Float32s()
	if err != nil {
		c.t.Fatalf("golden: %s: %v", c.dir, err)
	}
	return slices.Clone(v)
}

// Int64s returns the values of an integer tensor in row-major order.
func (c *Case) Int64s(name string) []int64 {
	c.t.Helper()
	v, err := c.tensor(name).Int64s()
	if err != nil {
		c.t.Fatalf("golden: %s: %v", c.dir, err)
	}
	return v
}

// Numbers returns a tensor of float32s, or of whole numbers as such.
func (c *Case) Numbers(name string) []float32 {
	c.t.Helper()
	if x := c.tensor(name); x.DType == safetensors.F32 {
		return c.Float32s(name)
	}
	var out []float32
	for _, v := range c.Int64s(name) {
		out = append(out, float32(v))
	}
	return out
}

func (c *Case) tensor(name string) safetensors.Tensor {
	c.t.Helper()
	t, ok := c.file.Tensor(name)
	if !ok {
		c.t.Fatalf("golden: %s: no tensor %q, have %q", c.dir, name, c.Names())
	}
	return t
}
