package loader

import (
	"io/fs"

	"sdgo/safetensors"
)

type Weights struct{ f *safetensors.File }

func ReadFile(fsys fs.FS, name string, limit int64) ([]byte, error) { return fs.ReadFile(fsys, name) }
func Open(fsys fs.FS, dir, base, variant string) (*Weights, error) {
	if variant != "" {
		base += "." + variant
	}
	n := dir + "/" + base + ".safetensors"
	if dir == "." {
		n = base + ".safetensors"
	}
	f, err := safetensors.OpenFS(fsys, n)
	return &Weights{f}, err
}
func (w *Weights) Shape(name string) ([]int, bool) {
	t, ok := w.f.Tensor(name)
	return t.Shape, ok
}
func (w *Weights) View(name string) []float32 { return nil }
func (w *Weights) Read(name string, dst []float32) error {
	t, _ := w.f.Tensor(name)
	return t.Float32sInto(dst)
}
func (w *Weights) Release(name string) {}
func (w *Weights) Close() error        { return w.f.Close() }
