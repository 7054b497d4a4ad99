package gguf

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"sync"
	"unicode/utf8"

	"sdgo/internal/atomicfile"
	"sdgo/internal/ggml"
)

// Tensor is one that is written.
type Tensor struct {
	Name  string
	Shape []int     // outermost dimension first, at most 4
	Type  ggml.Type // one that is writable

	// Float32s sets dst to numbers in row-major order, from number from on, as
	// checkpoint.Source's does. It is called from the first to the last, with about a
	// megabyte at a time, by the goroutine that writes.
	Float32s func(from int, dst []float32) error
}

// maxName is the length of names that the tools read: their buffers have a byte more.
const maxName = 127

// piece is how many numbers are rounded at a time by one goroutine, whole blocks.
const piece = 1 << 16

// WriteFile writes a file as [Write] does, whole or not at all: see
// [sdgo/internal/atomicfile].
func WriteFile(ctx context.Context, path string, fields []Field, tensors []Tensor) error {
	f, err := atomicfile.Create(path)
	if err != nil {
		return fmt.Errorf("gguf: %w", err)
	}
	defer f.Discard()
	w := bufio.NewWriterSize(f, 1<<20)
	if err := Write(ctx, w, fields, tensors); err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("gguf: %w", err)
	}
	if err := f.Commit(); err != nil {
		return fmt.Errorf("gguf: %w", err)
	}
	return nil
}

// Write writes a file of version 3 to w: metadata, and tensors in the order given, one in
// memory at a time and of that only some megabytes. Numbers are rounded as
// [ggml.Type.Quantize] does, on all processors, to the same bytes on any number of them.
// It returns ctx's error soon after ctx is done.
func Write(ctx context.Context, w io.Writer, fields []Field, tensors []Tensor) error {
	head, err := encodeHeader(fields, tensors)
	if err != nil {
		return err
	}
	if _, err := w.Write(head); err != nil {
		return fmt.Errorf("gguf: %w", err)
	}
	q := newQuantizer()
	for _, t := range tensors {
		if err := q.write(ctx, w, t); err != nil {
			return fmt.Errorf("gguf: tensor %.200q: %w", t.Name, err)
		}
	}
	return nil
}

// encodeHeader returns all that comes before the numbers, padded.
func encodeHeader(fields []Field, tensors []Tensor) ([]byte, error) {
	b := append([]byte(magic), 3, 0, 0, 0)
	b = le.AppendUint64(b, uint64(len(tensors)))
	b = le.AppendUint64(b, uint64(len(fields)))
	keys, names := make(map[string]bool), make(map[string]bool)
	for _, f := range fields {
		if f.Key == "" || keys[f.Key] || f.Key == alignmentKey {
			return nil, fmt.Errorf("gguf: field %.200q: comes twice, has no name, or is not the caller's", f.Key)
		}
		keys[f.Key] = true
		var err error
		if b, err = appendField(b, f); err != nil {
			return nil, fmt.Errorf("gguf: field %.200q: %w", f.Key, err)
		}
	}
	var offset uint64
	for _, t := range tensors {
		size, err := t.check()
		if err == nil && names[t.Name] {
			err = errors.New("comes twice")
		}
		if err != nil {
			return nil, fmt.Errorf("gguf: tensor %.200q: %w", t.Name, err)
		}
		names[t.Name] = true
		b = appendString(b, t.Name)
		b = le.AppendUint32(b, uint32(len(t.Shape)))
		for _, n := range slices.Backward(t.Shape) {
			b = le.AppendUint64(b, uint64(n))
		}
		b = le.AppendUint32(b, uint32(t.Type))
		b = le.AppendUint64(b, offset)
		offset += size + padding(size)
	}
	return append(b, make([]byte, padding(uint64(len(b))))...), nil
}

// padding is how many bytes are missing to a multiple of the alignment.
func padding(n uint64) uint64 { return -n % defaultAlignment }

// check says why the tensor cannot be written, and returns its bytes.
func (t *Tensor) check() (uint64, error) {
	switch {
	case t.Name == "" || len(t.Name) > maxName || !utf8.ValidString(t.Name):
		return 0, fmt.Errorf("have a name of %d bytes, want 1 to %d of UTF-8", len(t.Name), maxName)
	case !t.Type.Writable():
		return 0, fmt.Errorf("have %v, want a type that can be written", t.Type)
	case t.Float32s == nil:
		return 0, errors.New("have no numbers")
	}
	for _, n := range t.Shape {
		if n < 0 {
			return 0, fmt.Errorf("negative size in shape %v", t.Shape)
		}
	}
	return byteSize(t.Type, t.Shape)
}

// quantizer rounds the numbers of a tensor, some pieces at a time.
type quantizer struct {
	numbers []float32
	bytes   []byte
	errs    []error // of the pieces
}

func newQuantizer() *quantizer {
	pieces := max(runtime.GOMAXPROCS(0), 4)
	return &quantizer{
		numbers: make([]float32, pieces*piece),
		bytes:   make([]byte, 4*pieces*piece),
		errs:    make([]error, pieces),
	}
}

// write writes the numbers of a tensor, padded.
func (q *quantizer) write(ctx context.Context, w io.Writer, t Tensor) error {
	total := count(t.Shape)
	for from := 0; from < total; from += len(q.numbers) {
		if err := ctx.Err(); err != nil {
			return err
		}
		x := q.numbers[:min(len(q.numbers), total-from)]
		if err := t.Float32s(from, x); err != nil {
			return err
		}
		b := q.bytes[:t.Type.Bytes(len(x))]
		if err := q.round(b, x, t.Type); err != nil {
			return ggml.After(from, err)
		}
		if _, err := w.Write(b); err != nil {
			return err
		}
	}
	_, err := w.Write(make([]byte, padding(uint64(t.Type.Bytes(total)))))
	return err
}

// round rounds pieces at once. The error is that of the first.
func (q *quantizer) round(dst []byte, x []float32, t ggml.Type) error {
	clear(q.errs)
	var wait sync.WaitGroup
	for i := range q.errs {
		from, to := i*piece, min((i+1)*piece, len(x))
		if from >= to {
			break
		}
		wait.Go(func() {
			q.errs[i] = ggml.After(from, t.Quantize(dst[t.Bytes(from):t.Bytes(to)], x[from:to]))
		})
	}
	wait.Wait()
	for _, err := range q.errs {
		if err != nil {
			return err
		}
	}
	return nil
}
