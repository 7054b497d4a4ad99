package adapter

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io/fs"
	"unsafe"

	"sdgo/internal/kernel"
	"sdgo/internal/model"
	"sdgo/internal/weights"
)

// modelTensors are the parameters of a part of a model.
type modelTensors map[string]*weights.Param

func (m modelTensors) Names() []string {
	var names []string
	for name, p := range m {
		if p.Taps > 0 || len(p.Shape) == 1 { // no tables
			names = append(names, name)
		}
	}
	return names
}

func (m modelTensors) Tensor(name string) (shape []int, dtype string, ok bool) {
	p := m[name]
	if p == nil {
		return nil, "", false
	}
	return p.Shape, "F32", true
}

// Load loads the adapter in a file for models, by the names of their parts.
func Load(ctx context.Context, fsys fs.FS, name string, models map[string]*model.Model) (_ *Loaded, err error) {
	f, err := Open(ctx, fsys, name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	l := &Loaded{models: models}
	defer func() {
		if err != nil {
			l.Close()
		}
	}()
	tensors := make(map[string]Tensors)
	for part, m := range models {
		all := make(modelTensors)
		for _, p := range m.Params() {
			all[p.Key] = p
		}
		tensors[part] = all
	}
	loading := &loading{Loaded: l, tensors: tensors, digest: sha256.New(), rooms: make(map[string]*room)}
	if l.Warnings, err = f.Match(ctx, NewTargets(tensors), loading.add); err != nil {
		return nil, err
	}
	l.digest = hex.EncodeToString(loading.digest.Sum(nil)[:8])
	return l, nil
}

// loading is the loading of an adapter.
type loading struct {
	*Loaded
	tensors map[string]Tensors
	digest  hash.Hash
	rooms   map[string]*room
}

// add loads a change.
func (l *loading) add(c *Change) (err error) {
	r := &resident{
		Target: c.Target, kind: c.Kind, rank: c.Rank(), scale: c.Scale,
		magnitude: c.Magnitude, onInput: c.OnInput, bias: c.Bias, vector: c.Vector,
	}
	var base []float32
	if c.Of != nil || c.Magnitude != nil {
		if base, err = l.numbers(c.Part, c.Key); err != nil {
			return err
		}
	}
	if c.Magnitude != nil {
		r.decompose(c, base)
	}
	if err := l.pack(r, c, base); err != nil {
		return err
	}
	if r.bias != nil {
		if r.bias0, err = l.numbers(c.Part, c.Target.Bias); err != nil {
			return err
		}
	}
	if r.vector != nil {
		if r.vector0, err = l.numbers(c.Part, c.Key); err != nil {
			return err
		}
	}
	l.layers = append(l.layers, r)
	l.hash(c)
	return nil
}

// pack packs what a change adds to its layer, whose weight is base, into memory.
func (l *loading) pack(r *resident, c *Change, base []float32) (err error) {
	filter := c.Weight
	if c.Of != nil || c.Whole != nil {
		d := c.Delta(base)
		r.scale = 1
		half := c.Whole != nil && c.Whole.Half && c.Scale == 1 ||
			l.models[c.Part].Format() > kernel.Float32 && kernel.Largest(d) <= kernel.MaxFloat16
		r.up, err = l.store(c.Part, &Tensor{Data: d, Half: half}, filter...)
		return err
	}
	if c.Down == nil {
		return nil
	}
	pixel := onePixel(len(filter))
	down := append([]int{r.rank}, filter[1:]...)
	if c.Mid != nil {
		if r.mid, err = l.store(c.Part, c.Mid, append([]int{r.rank, r.rank}, filter[2:]...)...); err != nil {
			return err
		}
		down = append([]int{r.rank, filter[1]}, pixel...)
	}
	if r.down, err = l.store(c.Part, c.Down, down...); err != nil {
		return err
	}
	r.up, err = l.store(c.Part, c.Up, append([]int{filter[0], r.rank}, pixel...)...)
	return err
}

// onePixel is the filter of one pixel of a weight of so many dimensions.
func onePixel(dims int) []int {
	if dims == 4 {
		return []int{1, 1}
	}
	return nil
}

// numbers are those of a tensor of the model.
func (l *loading) numbers(part, key string) ([]float32, error) {
	x, err := l.models[part].Numbers(l.tensors[part].(modelTensors)[key])
	if err != nil {
		return nil, fmt.Errorf("adapter: %s: %s: %w", part, key, err)
	}
	return x, nil
}

// hash adds what tells a change from others.
func (l *loading) hash(c *Change) {
	fmt.Fprintln(l.digest, c.Part, c.Module, c.Kind, c.Scale, c.OnInput)
	for _, t := range []*Tensor{c.Down, c.Mid, c.Up, c.Whole} {
		if t != nil {
			fmt.Fprintln(l.digest, t.Shape)
			l.digest.Write(bytesOf(t.Data))
		}
	}
	for _, x := range [][]float32{c.Magnitude, c.Bias, c.Vector} {
		fmt.Fprintln(l.digest, len(x))
		l.digest.Write(bytesOf(x))
	}
	if c.Of != nil { // what it makes of some weight, whichever the model's is
		w := make([]float32, c.size())
		for i := range w {
			w[i] = float32(i%7) + 1
		}
		l.digest.Write(bytesOf(c.Of(w)))
	}
}

// bytesOf is the same memory as bytes.
func bytesOf(x []float32) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(x))), 4*len(x))
}
