package safetensors

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"unsafe"

	"sdgo/internal/mapped"
)

// Tensor is one named array of a file, or one made by [New], [NewFloat32] or
// [NewInt64] to be written. Its elements lie in row-major order. Reading it
// from several goroutines is safe while its file is open.
type Tensor struct {
	Name  string
	DType DType
	Shape []int // outermost dimension first; empty for a single number

	from       *mapped.File
	begin, end int // bytes in from
}

// New returns a tensor over data, which holds the elements little endian, as
// in a file. It shares data. An error says that the size does not fit.
func New(name string, d DType, shape []int, data []byte) (Tensor, error) {
	if !d.valid() {
		return Tensor{}, fmt.Errorf("safetensors: tensor %.200q: unknown %v", name, d)
	}
	for _, n := range shape {
		if n < 0 {
			return Tensor{}, fmt.Errorf("safetensors: tensor %.200q: negative size in shape %v", name, shape)
		}
	}
	if want, ok := byteSize(d, shape); !ok || want != uint64(len(data)) {
		return Tensor{}, fmt.Errorf("safetensors: tensor %.200q: have %d bytes, want those of %v and shape %v", name, len(data), d, shape)
	}
	return Tensor{
		Name: name, DType: d, Shape: slices.Clone(shape),
		from: mapped.Of(data), end: len(data),
	}, nil
}

// NewFloat32 returns an F32 tensor over data, which it shares. An error says
// that the length does not fit the shape.
func NewFloat32(name string, shape []int, data []float32) (Tensor, error) {
	return New(name, F32, shape, bytesOf(data))
}

// NewInt64 returns an I64 tensor over data, which it shares. An error says
// that the length does not fit the shape.
func NewInt64(name string, shape []int, data []int64) (Tensor, error) {
	return New(name, I64, shape, bytesOf(data))
}

// bytesOf returns the bytes of data as a file has them: data itself, or a copy
// in the other order on a big-endian machine.
func bytesOf[T float32 | int64](data []T) []byte {
	var zero T
	size := int(unsafe.Sizeof(zero))
	b := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(data))), size*len(data))
	if littleEndian {
		return b
	}
	b = slices.Clone(b)
	for i := 0; i < len(b); i += size {
		slices.Reverse(b[i : i+size])
	}
	return b
}

// Len returns the number of elements.
func (t Tensor) Len() int {
	if t.DType.Bits() == 0 {
		return 0
	}
	n := uint64(t.end-t.begin) * 8 / uint64(t.DType.Bits())
	return int(n)
}

// Bytes returns the elements as they are in the file, little endian and
// without a copy. They must not be written to, and are gone when the file is
// closed; after that Bytes returns nil. If another program cuts the file, reading
// them ends the process, unless it is done within [Guard].
func (t Tensor) Bytes() []byte {
	if t.from == nil || len(t.from.Bytes()) < t.end {
		return nil
	}
	return t.from.Bytes()[t.begin:t.end:t.end]
}

// Float32s returns the elements as float32. For F32 it copies nothing, if the
// data are aligned to 4 bytes and the machine is little endian: then what
// [Tensor.Bytes] says holds for the result too. In all other cases the result
// is new memory, converted as by [Tensor.Float32sInto].
func (t Tensor) Float32s() ([]float32, error) {
	if t.DType == F32 {
		if v, ok := view[float32](t.Bytes()); ok && len(v) == t.Len() {
			return v, nil
		}
	}
	if err := t.check("float32"); err != nil {
		return nil, err
	}
	dst := make([]float32, t.Len())
	return dst, t.Float32sInto(dst)
}

// Float32sInto converts the elements to float32 and stores them in dst, whose
// length must be [Tensor.Len]. It allocates nothing. A part of the file that is no
// longer there is a [*FaultError].
//
// F16, BF16, the 8-bit floats and integers up to 16 bits are exact. F64, I32,
// U32, I64 and U64 are rounded to the nearest float32, ties to even, and F64
// beyond its range becomes infinite. BOOL gives 0 or 1. F4, F6 and C64 are
// errors.
func (t Tensor) Float32sInto(dst []float32) error {
	if err := t.check("float32"); err != nil {
		return err
	}
	if len(dst) != t.Len() {
		return fmt.Errorf("safetensors: tensor %.200q: have room for %d elements, want %d (shape %v)", t.Name, len(dst), t.Len(), t.Shape)
	}
	if err := Guard(func() error { return toFloat32(dst, t.DType, t.Bytes()) }); err != nil {
		return fmt.Errorf("safetensors: tensor %.200q: %w", t.Name, err)
	}
	return nil
}

// Slice returns the n elements from number from on, in row-major order, as a tensor of
// one dimension that shares t's data. It is an error if t has not so many, or if they
// do not begin and end with a byte.
func (t Tensor) Slice(from, n int) (Tensor, error) {
	if from < 0 || n < 0 || n > t.Len()-from {
		return Tensor{}, fmt.Errorf("safetensors: tensor %.200q: have elements 0 to %d (shape %v), want %d from %d on", t.Name, t.Len()-1, t.Shape, n, from)
	}
	bits := t.DType.Bits()
	if from*bits%8 != 0 || n*bits%8 != 0 {
		return Tensor{}, fmt.Errorf("safetensors: tensor %.200q: elements %d to %d of %v do not fill bytes", t.Name, from, from+n-1, t.DType)
	}
	t.Shape = []int{n}
	t.begin += from * bits / 8
	t.end = t.begin + n*bits/8
	return t, nil
}

// Int64s returns the elements of an integer or BOOL tensor in new memory. Any
// other type is an error, and so is a U64 beyond int64.
func (t Tensor) Int64s() ([]int64, error) {
	if err := t.check("int64"); err != nil {
		return nil, err
	}
	dst := make([]int64, t.Len())
	if err := Guard(func() error { return toInt64(dst, t.DType, t.Bytes()) }); err != nil {
		return nil, fmt.Errorf("safetensors: tensor %.200q: %w", t.Name, err)
	}
	return dst, nil
}

// errClosed is what reading a tensor of a closed file gives.
var errClosed = fmt.Errorf("the file is closed: %w", os.ErrClosed)

// check says why the elements cannot be read as the Go type given.
func (t Tensor) check(goType string) error {
	var err error
	switch {
	case t.from == nil:
		err = errors.New("made without New")
	case t.Bytes() == nil && t.end > 0:
		err = errClosed
	case t.DType.convertsTo(goType):
		return nil
	default:
		err = fmt.Errorf("no conversion from %v to %s", t.DType, goType)
	}
	return fmt.Errorf("safetensors: tensor %.200q: %w", t.Name, err)
}

// Release tells the operating system that the tensor's part of a memory-mapped
// file is not needed for now, so that it no longer counts as memory of this
// process. The data stay readable: the next access brings them back from the
// page cache or the disk. Call it after copying or packing a weight. It does
// nothing for a file that is not mapped. Whole pages are released: the one
// that the tensor's end shares with the next tensor stays.
func (t Tensor) Release() {
	if t.from != nil {
		t.from.Release(t.begin, t.end)
	}
}
