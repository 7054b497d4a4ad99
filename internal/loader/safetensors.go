package loader

import (
	"fmt"

	"sdgo/safetensors"
)

// safetensorsFile is a safetensors file or the files of an index.
type safetensorsFile struct{ *safetensors.File }

func (f safetensorsFile) Tensor(name string) (shape []int, dtype string, ok bool) {
	t, ok := f.File.Tensor(name)
	if !ok {
		return nil, "", false
	}
	return t.Shape, t.DType.String(), true
}

func (f safetensorsFile) Float32s(name string, from int, dst []float32) error {
	t, ok := f.File.Tensor(name)
	if !ok {
		return fmt.Errorf("no tensor %.200q", name)
	}
	part, err := t.Slice(from, len(dst))
	if err != nil {
		return err
	}
	return part.Float32sInto(dst)
}

func (f safetensorsFile) Release(name string) {
	if t, ok := f.File.Tensor(name); ok {
		t.Release()
	}
}
