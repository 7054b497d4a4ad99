package ldm

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"gorgonia.org/tensor"
)

// Part is the checkpoint of one part of a model in the names of diffusers, of tensors of
// a file. It implements [checkpoint.Source]; closing it leaves the file open.
type Part struct {
	tensors Tensors
	config  map[string]any
	names   []string
	pieces  map[string]piece
	guessed []string // keys of the configuration
}

// guess sets a key that no tensor tells. It is known for widths as published models have
// them.
func (p *Part) guess(key string, value any, known bool) {
	p.config[key] = value
	if !known {
		p.guessed = append(p.guessed, key)
	}
}

// Guesses says what was guessed of the configuration of the part, which is called name, or
// is "".
func (p *Part) Guesses(name string) string {
	if len(p.guessed) == 0 {
		return ""
	}
	return fmt.Sprintf("the %s is narrower than published ones: %s, which no tensor tells, were guessed", name, strings.Join(p.guessed, " and "))
}

// Set changes the configuration by the keys of a JSON object.
func (p *Part) Set(config map[string]json.RawMessage) {
	for key, value := range config {
		p.config[key] = value
		p.guessed = slices.DeleteFunc(p.guessed, func(guess string) bool { return guess == key })
	}
}

// piece is a tensor in a file, or a part of one.
type piece struct {
	name       string
	shape      []int // as diffusers has it
	from       int   // the number of the tensor that is the first
	transposed bool  // the file has rows for columns
}

func newPart(f *file) *Part {
	return &Part{tensors: f.Tensors, pieces: make(map[string]piece)}
}

// add gives a tensor of the file another name.
func (p *Part) add(f *file, to, name string) {
	shape, _, _ := f.Tensor(name)
	p.put(f, to, piece{name: name, shape: slices.Clone(shape)})
}

// put adds a piece. Of two of one name the first stays, and the second is left over.
func (p *Part) put(f *file, to string, piece piece) {
	if _, ok := p.pieces[to]; ok {
		return
	}
	p.names = append(p.names, to)
	p.pieces[to] = piece
	f.used[piece.name] = true
}

// addMatrix adds a convolution of one pixel, [out in 1 1], as the matrix that it is.
func (p *Part) addMatrix(f *file, to, name string) {
	shape, _, _ := f.Tensor(name)
	for len(shape) > 2 && shape[len(shape)-1] == 1 {
		shape = shape[:len(shape)-1]
	}
	p.put(f, to, piece{name: name, shape: slices.Clone(shape)})
}

// addTransposed adds a matrix [in out] as [out in].
func (p *Part) addTransposed(f *file, to, name string) {
	shape, _, _ := f.Tensor(name)
	if len(shape) != 2 {
		p.add(f, to, name) // loading says what is wrong with it
		return
	}
	p.put(f, to, piece{name: name, shape: []int{shape[1], shape[0]}, transposed: true})
}

// addThirds adds the three parts [n …] of a tensor [3n …].
func (p *Part) addThirds(f *file, to [3]string, name string) {
	shape, _, _ := f.Tensor(name)
	if len(shape) == 0 || shape[0]%len(to) != 0 {
		p.add(f, to[0], name)
		return
	}
	third := slices.Clone(shape)
	third[0] /= len(to)
	n := tensor.Shape(third).TotalSize()
	for i, to := range to {
		p.put(f, to, piece{name: name, shape: third, from: i * n})
	}
}

// Config implements [checkpoint.Source].
func (p *Part) Config() []byte {
	text, err := json.Marshal(p.config)
	if err != nil {
		return nil // which no part takes for a configuration
	}
	return text
}

// Names implements [checkpoint.Source].
func (p *Part) Names() []string { return slices.Clone(p.names) }

// From returns the name of a tensor in the file.
func (p *Part) From(name string) string { return p.pieces[name].name }

// Tensor implements [checkpoint.Source].
func (p *Part) Tensor(name string) (shape []int, dtype string, ok bool) {
	piece, ok := p.pieces[name]
	if !ok {
		return nil, "", false
	}
	_, dtype, ok = p.tensors.Tensor(piece.name)
	return slices.Clone(piece.shape), dtype, ok
}

// Float32s implements [checkpoint.Source].
func (p *Part) Float32s(name string, from int, dst []float32) error {
	piece, ok := p.pieces[name]
	if !ok {
		return fmt.Errorf("ldm: no tensor %.200q", name)
	}
	if n := tensor.Shape(piece.shape).TotalSize(); from < 0 || from > n || len(dst) > n-from {
		return fmt.Errorf("ldm: %.200q: have %d numbers, want %d from %d on", name, n, len(dst), from)
	}
	if !piece.transposed {
		return p.tensors.Float32s(piece.name, piece.from+from, dst)
	}
	rows, columns := piece.shape[0], piece.shape[1]
	stored := make([]float32, rows*columns)
	if err := p.tensors.Float32s(piece.name, 0, stored); err != nil {
		return err
	}
	for i := range dst {
		row, column := (from+i)/columns, (from+i)%columns
		dst[i] = stored[column*rows+row]
	}
	return nil
}

// Release implements [checkpoint.Source].
func (p *Part) Release(name string) {
	if piece, ok := p.pieces[name]; ok {
		p.tensors.Release(piece.name)
	}
}

// Changed implements [checkpoint.Source].
func (p *Part) Changed() error { return p.tensors.Changed() }

// Warnings implements [checkpoint.Source].
func (p *Part) Warnings() []string { return nil }

// Close implements [checkpoint.Source].
func (p *Part) Close() error { return nil }
