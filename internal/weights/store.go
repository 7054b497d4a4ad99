package weights

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"sdgo/internal/ggml"
	"sdgo/internal/kernel"
	"sdgo/internal/op"
	"sdgo/safetensors/checkpoint"
)

// chunk is about how many numbers are read and packed at a time: a megabyte, so that
// loading takes little memory beside the weights' own, and stops within milliseconds.
const chunk = 1 << 18

// maxLoaders is how many goroutines load at most: their chunks take 16 MB, or more where
// a panel of a layer is more than a chunk.
const maxLoaders = 16

// paramLoad is the loading of one parameter.
type paramLoad struct {
	*Param
	ctx context.Context
	src checkpoint.Source
	buf []float32
	kernel.Packer
}

// errRange says that a number is too large for float16.
var errRange = errors.New("beyond the range of float16")

// errInexact says that a number is none of those that the checkpoint's type has.
var errInexact = errors.New("not in the type that the checkpoint names")

// load reads the parameter into dst, or into more memory as float32 if its numbers are
// not of the type that it should have.
func (l *paramLoad) load(ws *Weights, dst []float32) error {
	err := l.fill(dst)
	if errors.Is(err, errRange) || errors.Is(err, errInexact) {
		l.Format, l.Stored = kernel.Float32, ggml.F32
		block, allocErr := ws.alloc(l.Size())
		if allocErr != nil {
			return fmt.Errorf("%s: %w", l.Key, allocErr)
		}
		dst = block.Data
		err = l.fill(dst)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", l.Key, err)
	}
	l.set(dst, ws)
	return nil
}

// set gives the weight its numbers, packed, which owner keeps alive.
func (p *Param) set(data []float32, owner *Weights) {
	arg := op.Arg{Data: data, Format: p.Format, Stored: p.Stored}
	if p.Taps > 0 {
		arg = op.Arg{Packed: kernel.Packed{K: p.Taps * p.In, N: p.Out, Format: p.Format, Data: data}}
		if p.Stored != ggml.F32 {
			arg.Packed.Stored, arg.Packed.Taps = p.Stored, p.Taps
		}
	}
	p.Value.Set(arg, owner)
}

// data returns the numbers as they are in memory.
func (p *Param) data() []float32 {
	arg := p.Value.Arg()
	if arg.Packed.Data != nil {
		return arg.Packed.Data
	}
	return arg.Data
}

// fill reads, checks and stores the numbers, a chunk of whole panels at a time.
func (l *paramLoad) fill(dst []float32) error {
	switch {
	case l.Stored == ggml.BF16:
		return l.read(1, func(from int, _ float32) error { return l.storeBFloat16s(dst, from) })
	case l.Stored == typeOf(l.DType) && l.Stored != ggml.F32:
		return l.copyStored(dst)
	case l.Stored != ggml.F32:
		numbers, _ := l.Stored.Block()
		return l.read(numbers, func(from int, _ float32) error { return l.quantise(dst, from) })
	}
	panel := 1
	if l.Taps > 0 {
		panel = kernel.PanelWidth * l.Taps * l.In
	}
	return l.read(panel, func(from int, most float32) error {
		if l.Format == kernel.Float16 && most > kernel.MaxFloat16 {
			return errRange
		}
		if l.Format == kernel.Float16 && l.exact && !kernel.IsFloat16(l.buf) {
			return errInexact
		}
		l.store(dst, l.buf, from)
		return nil
	})
}

// read reads the numbers into buf, a chunk at a time of a multiple of so many, and calls do
// for each with its place and its largest magnitude. Numbers that are not finite are an
// error.
func (l *paramLoad) read(multiple int, do func(from int, most float32) error) error {
	total, size := l.Shape.TotalSize(), multiple*max(chunk/multiple, 1)
	for from := 0; from < total; from += size {
		if err := l.ctx.Err(); err != nil {
			return err
		}
		n := min(size, total-from)
		l.buf = slices.Grow(l.buf[:0], n)[:n]
		if err := l.src.Float32s(l.Key, from, l.buf); err != nil {
			return err
		}
		most, err := l.finite(from)
		if err != nil {
			return err
		}
		if err := do(from, most); err != nil {
			return err
		}
	}
	return nil
}

// finite returns the largest magnitude in buf, which holds the numbers from number from
// on. Numbers that are not finite are an error.
func (l *paramLoad) finite(from int) (most float32, err error) {
	most = kernel.Largest(l.buf)
	if most-most != 0 {
		i := notFinite(l.buf)
		return 0, fmt.Errorf("element %d is %v, want finite numbers", from+i, l.buf[i])
	}
	return most, nil
}

// store packs numbers from number from on into their place in dst. They are whole
// panels of a matrix, or the last.
func (l *paramLoad) store(dst, x []float32, from int) {
	switch {
	case l.Taps > 0:
		row := l.Taps * l.In
		k := l.Shape[len(l.Shape)-1]
		if l.Taps == 1 {
			k = 1
		}
		at := kernel.PackedLen(row, from/row, l.Format)
		l.Conv(dst[at:], x, len(x)/row, l.In, k, k, l.Format)
	case l.Format != kernel.Float32:
		kernel.StoreTable(dst[kernel.TableLen(from, l.Format):], x, l.Format)
	default:
		copy(dst[from:], x)
	}
}

// notFinite returns the index of the first NaN or infinity, or -1.
func notFinite(x []float32) int {
	return slices.IndexFunc(x, func(v float32) bool { return v-v != 0 })
}
