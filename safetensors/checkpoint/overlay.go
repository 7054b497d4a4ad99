package checkpoint

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"gorgonia.org/tensor"
)

// Overlay is a checkpoint over another, with tensors changed or added: a low-rank
// adaptation, rows of a textual inversion, what a training has changed. Changes are
// applied as the tensors are loaded, in the order in which they were made, and the
// checkpoint below is not written to.
//
// One goroutine may make changes, before anything is loaded; then it is safe for
// concurrent use as far as the functions given to Change are.
type Overlay struct {
	base   Source
	config []byte // nil: the base's
	over   map[string]*change
	added  []string // names that the base does not have
}

// change is what an overlay makes of one tensor.
type change struct {
	shape []int
	set   bool // first is in place of the base's numbers
	first []float32
	below int       // how many numbers the base has, or first
	rows  []float32 // after those
	edits []func(from int, x []float32) error
}

// NewOverlay returns a checkpoint over base without any change. Closing it closes the
// base.
func NewOverlay(base Source) *Overlay {
	return &Overlay{base: base, over: make(map[string]*change)}
}

// SetConfig gives a key of the configuration a value, which becomes JSON.
func (o *Overlay) SetConfig(key string, value any) error {
	if o == nil || o.base == nil {
		return errNone
	}
	var keys map[string]any
	decoder := json.NewDecoder(bytes.NewReader(o.Config()))
	decoder.UseNumber()
	if err := decoder.Decode(&keys); err != nil || keys == nil {
		return fmt.Errorf("checkpoint: config: have %.80q, want a JSON object", o.Config())
	}
	keys[key] = value
	text, err := json.Marshal(keys)
	if err != nil {
		return fmt.Errorf("checkpoint: config: %.200q: %w", key, err)
	}
	o.config = text
	return nil
}

// Set puts a float32 tensor in place of the one of that name, or adds it. The tensor is
// not copied.
func (o *Overlay) Set(name string, t *tensor.Dense) error {
	if o == nil || o.base == nil {
		return errNone
	}
	x, err := numbers(name, t)
	if err != nil {
		return err
	}
	if _, _, ok := o.Tensor(name); !ok {
		o.added = append(o.added, name)
	}
	o.over[name] = &change{shape: slices.Clone(t.Shape()), set: true, first: x, below: len(x)}
	return nil
}

// Append adds rows [n …] after those of a tensor [m …], as for the tokens of a textual
// inversion: the result is [m+n …].
func (o *Overlay) Append(name string, rows *tensor.Dense) error {
	c, err := o.changed(name)
	if err != nil {
		return err
	}
	x, err := numbers(name, rows)
	if err != nil {
		return err
	}
	have := rows.Shape()
	if len(have) != len(c.shape) || len(have) == 0 || !slices.Equal(have[1:], c.shape[1:]) {
		return fmt.Errorf("checkpoint: %.200q: have rows of shape %v, want them to follow %v", name, []int(have), c.shape)
	}
	c.shape[0] += have[0]
	c.rows = append(c.rows, x...)
	o.over[name] = c
	return nil
}

// Change makes edit change a tensor's numbers: x are those from number from on, to be
// changed in place. It is called for each part of the tensor, on several goroutines.
func (o *Overlay) Change(name string, edit func(from int, x []float32) error) error {
	c, err := o.changed(name)
	if err != nil {
		return err
	}
	if edit == nil {
		return fmt.Errorf("checkpoint: %.200q: have a nil function, want one", name)
	}
	c.edits = append(c.edits, edit)
	o.over[name] = c
	return nil
}

// changed returns what is changed of a tensor so far.
func (o *Overlay) changed(name string) (*change, error) {
	if o == nil || o.base == nil {
		return nil, errNone
	}
	if c := o.over[name]; c != nil {
		return c, nil
	}
	shape, _, ok := o.base.Tensor(name)
	if !ok {
		return nil, fmt.Errorf("checkpoint: no tensor %.200q to change", name)
	}
	return &change{shape: slices.Clone(shape), below: tensor.Shape(shape).TotalSize()}, nil
}

// Config implements [Source].
func (o *Overlay) Config() []byte {
	if o == nil || o.base == nil {
		return nil
	}
	if o.config != nil {
		return slices.Clone(o.config)
	}
	return o.base.Config()
}

// Names implements [Source]: those of the base, then the added ones.
func (o *Overlay) Names() []string {
	if o == nil || o.base == nil {
		return nil
	}
	return slices.Concat(o.base.Names(), o.added)
}

// Tensor implements [Source].
func (o *Overlay) Tensor(name string) (shape []int, dtype string, ok bool) {
	if o == nil || o.base == nil {
		return nil, "", false
	}
	if c := o.over[name]; c != nil {
		return slices.Clone(c.shape), float32Type, true
	}
	return o.base.Tensor(name)
}

// Float32s implements [Source].
func (o *Overlay) Float32s(name string, from int, dst []float32) error {
	if o == nil || o.base == nil {
		return errNone
	}
	c := o.over[name]
	if c == nil {
		return o.base.Float32s(name, from, dst)
	}
	if err := c.read(o.base, name, from, dst); err != nil {
		return err
	}
	for _, edit := range c.edits {
		if err := edit(from, dst); err != nil {
			return fmt.Errorf("checkpoint: changing %.200q: %w", name, err)
		}
	}
	return nil
}

// read sets dst to the numbers before they are edited.
func (c *change) read(base Source, name string, from int, dst []float32) error {
	if from < 0 || from > c.below+len(c.rows) || len(dst) > c.below+len(c.rows)-from {
		return fmt.Errorf("checkpoint: %.200q: have %d numbers, want %d from %d on", name, c.below+len(c.rows), len(dst), from)
	}
	n := min(max(c.below-from, 0), len(dst))
	switch {
	case n > 0 && c.set:
		copy(dst[:n], c.first[from:])
	case n > 0:
		if err := base.Float32s(name, from, dst[:n]); err != nil {
			return err
		}
	}
	if n < len(dst) {
		copy(dst[n:], c.rows[from+n-c.below:])
	}
	return nil
}

// Release implements [Source].
func (o *Overlay) Release(name string) {
	if o != nil && o.base != nil {
		o.base.Release(name)
	}
}

// Changed implements [Source].
func (o *Overlay) Changed() error {
	if o == nil || o.base == nil {
		return errNone
	}
	return o.base.Changed()
}

// Warnings implements [Source].
func (o *Overlay) Warnings() []string {
	if o == nil || o.base == nil {
		return nil
	}
	return o.base.Warnings()
}

// Close implements [Source].
func (o *Overlay) Close() error {
	if o == nil || o.base == nil {
		return errNone
	}
	return o.base.Close()
}
