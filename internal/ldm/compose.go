package ldm

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"gorgonia.org/tensor"

	"sdgo/internal/quote"
)

// Composed is a file in the layout of the original code, made of the parts of a model. It
// has the tensors that [Open] takes for these parts: no number is read before it is asked
// for.
type Composed struct {
	names   []string
	tensors map[string]composed
}

// composed is a tensor of the file: those of a part, one after the other, or zeros if
// there are none.
type composed struct {
	part       Tensors
	from       []string
	shape      []int
	dtype      string
	transposed bool // the part has rows for columns
}

// float32s is the type of tensors of several types that are joined.
const float32s = "F32"

// Compose makes a file of the parts of a model in the names of diffusers, by the names of
// their folders. It is an error if the layout has no place for one of their tensors. Those
// that say nothing of a model that runs are left out.
func Compose(family Family, parts map[string]Tensors) (*Composed, error) {
	c := &Composed{tensors: make(map[string]composed)}
	var problems []string
	for _, name := range slices.Sorted(maps.Keys(parts)) {
		add := c.writer(family, name, parts[name])
		if add == nil {
			problems = append(problems, fmt.Sprintf("%s has no place in it", name))
			continue
		}
		problems = append(problems, homeless(name, useful(parts[name]), add)...)
	}
	if len(problems) == 0 {
		problems = c.compare(family, parts)
	}
	if len(problems) > 0 {
		return nil, fmt.Errorf("ldm: the layout of %s in one file: %s", family, quote.Lines(problems, "; "))
	}
	return c, nil
}

// maxHomeless is how many tensors of a part without a place are named; more are one
// problem.
const maxHomeless = 5

// homeless adds tensors of a part, and says which of them have no place.
func homeless(part string, names []string, add func(tensor string) bool) (problems []string) {
	for _, tensor := range names {
		if !add(tensor) {
			problems = append(problems, fmt.Sprintf("%s: %.200s has no place in it", part, tensor))
		}
	}
	switch n := len(problems); {
	case n > maxHomeless && part == VAE && slices.Contains(names, smallDecoder):
		return []string{"the VAE is an AutoencoderTiny, which has no place in it: want an AutoencoderKL, or a folder to write"}
	case n > maxHomeless:
		return []string{fmt.Sprintf("%s, as have %d of the part's %d tensors", problems[0], n, len(names))}
	}
	return problems
}

// smallDecoder is a tensor of a TAESD alone.
const smallDecoder = "decoder.layers.3.conv.0.weight"

// useful are the names of a part's tensors without those that say nothing of a model that
// runs.
func useful(part Tensors) []string { return slices.DeleteFunc(part.Names(), ignored) }

// writer returns what adds a tensor of a part to the file, and says whether there is a
// place for it; nil if there is none for the part.
func (c *Composed) writer(family Family, name string, part Tensors) func(tensor string) bool {
	switch encoder, ok := encoders(family)[name]; {
	case ok && encoder.open:
		return c.openCLIP(part, encoder)
	case ok:
		return func(tensor string) bool { return c.add(encoder.prefix+tensor, part, tensor) }
	case name == UNet:
		return c.unet(part)
	case name == VAE:
		return c.vae(part)
	}
	return nil
}

// add adds a tensor under another name.
func (c *Composed) add(to string, part Tensors, tensor string) bool {
	shape, dtype, ok := part.Tensor(tensor)
	return ok && c.put(to, composed{part: part, from: []string{tensor}, shape: shape, dtype: dtype})
}

// put adds a tensor, unless there is one of that name.
func (c *Composed) put(to string, t composed) bool {
	if _, twice := c.tensors[to]; twice {
		return false
	}
	c.names = append(c.names, to)
	c.tensors[to] = t
	return true
}

// compare opens the file again, and wants the parts to be those that it was made of.
func (c *Composed) compare(family Family, parts map[string]Tensors) (problems []string) {
	m, err := Open(c)
	if err != nil {
		return []string{err.Error()}
	}
	if m.Family != family {
		return []string{fmt.Sprintf("it would be taken for %s", m.Family)}
	}
	for _, name := range slices.Sorted(maps.Keys(parts)) {
		part := m.Parts[name]
		if part == nil {
			problems = append(problems, name+" would not be found in it")
			continue
		}
		for _, tensor := range useful(parts[name]) {
			want, _, _ := parts[name].Tensor(tensor)
			if have, _, ok := part.Tensor(tensor); !ok || !slices.Equal(want, have) {
				problems = append(problems, fmt.Sprintf("%s: %.200s %v would not be found in it, but one of shape %v", name, tensor, want, have))
			}
		}
		if have, want := len(part.names), len(useful(parts[name])); have > want {
			problems = append(problems, fmt.Sprintf("%s: %d tensors would be found in it, want %d", name, have, want))
		}
	}
	return problems
}

// Mark adds a number, 0, by whose name programs tell what no other tensor does.
func (c *Composed) Mark(name string) {
	c.put(name, composed{shape: []int{1}, dtype: float32s})
}

// Names implements [Tensors].
func (c *Composed) Names() []string { return slices.Clone(c.names) }

// Tensor implements [Tensors].
func (c *Composed) Tensor(name string) (shape []int, dtype string, ok bool) {
	t, ok := c.tensors[name]
	return slices.Clone(t.shape), t.dtype, ok
}

// Float32s implements [Tensors].
func (c *Composed) Float32s(name string, from int, dst []float32) error {
	t, ok := c.tensors[name]
	if !ok {
		return fmt.Errorf("ldm: no tensor %.200q", name)
	}
	total := tensor.Shape(t.shape).TotalSize()
	switch {
	case from < 0 || from > total || len(dst) > total-from:
		return fmt.Errorf("ldm: %.200q: have %d numbers, want %d from %d on", name, total, len(dst), from)
	case len(t.from) == 0:
		clear(dst)
		return nil
	case t.transposed:
		return t.turned(from, dst)
	}
	one := total / len(t.from)
	for len(dst) > 0 {
		at := from % one
		n := min(len(dst), one-at)
		if err := t.part.Float32s(t.from[from/one], at, dst[:n]); err != nil {
			return err
		}
		from, dst = from+n, dst[n:]
	}
	return nil
}

// turned reads numbers of a matrix whose rows are the columns of the part's.
func (t composed) turned(from int, dst []float32) error {
	rows, columns := t.shape[0], t.shape[1]
	stored := make([]float32, rows*columns)
	if err := t.part.Float32s(t.from[0], 0, stored); err != nil {
		return err
	}
	for i := range dst {
		row, column := (from+i)/columns, (from+i)%columns
		dst[i] = stored[column*rows+row]
	}
	return nil
}

// Release implements [Tensors].
func (c *Composed) Release(name string) {
	t := c.tensors[name]
	for _, from := range t.from {
		t.part.Release(from)
	}
}

// Changed implements [Tensors].
func (c *Composed) Changed() error {
	var errs []error
	for _, part := range c.parts() {
		errs = append(errs, part.Changed())
	}
	return errors.Join(errs...)
}

// parts are the parts that the file is made of.
func (c *Composed) parts() (parts []Tensors) {
	for _, name := range c.names {
		if part := c.tensors[name].part; part != nil && !slices.Contains(parts, part) {
			parts = append(parts, part)
		}
	}
	return parts
}

// joined is the type of several tensors that become one.
func joined(dtypes []string) string {
	if slices.ContainsFunc(dtypes, func(d string) bool { return !strings.EqualFold(d, dtypes[0]) }) {
		return float32s
	}
	return dtypes[0]
}
