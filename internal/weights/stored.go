package weights

import (
	"encoding/binary"
	"errors"
	"math"
	"slices"

	"sdgo/internal/ggml"
	"sdgo/internal/kernel"
	"sdgo/safetensors/checkpoint"
)

// copyStored copies the blocks of the checkpoint to dst, and checks that their numbers are
// finite.
func (l *paramLoad) copyStored(dst []float32) error {
	numbers, size := l.Stored.Block()
	total := l.Shape.TotalSize()
	data := kernel.Stored(dst, total, l.Stored)
	for from := 0; from < total; from += chunk { // whole blocks
		if err := l.ctx.Err(); err != nil {
			return err
		}
		n := min(chunk, total-from)
		at := from / numbers * size
		if err := checkpoint.Stored(l.src, l.Key, int64(at), data[at:][:l.Stored.Bytes(n)]); err != nil {
			return err
		}
		l.buf = slices.Grow(l.buf[:0], n)[:n]
		kernel.LoadStored(l.buf, dst, from, l.Stored)
		if _, err := l.finite(from); err != nil {
			return err
		}
	}
	return nil
}

// quantise puts the numbers in buf, which are those from number from on, into blocks.
func (l *paramLoad) quantise(dst []float32, from int) error {
	numbers, size := l.Stored.Block()
	data := kernel.Stored(dst, l.Shape.TotalSize(), l.Stored)[from/numbers*size:]
	err := l.Stored.Quantize(data[:l.Stored.Bytes(len(l.buf))], l.buf)
	if _, ok := errors.AsType[*ggml.RangeError](err); ok { // of the blocks' scales
		return errRange
	}
	return err
}

// storeBFloat16s stores the numbers in buf, which are those from number from on.
func (l *paramLoad) storeBFloat16s(dst []float32, from int) error {
	data := kernel.Stored(dst, l.Shape.TotalSize(), ggml.BF16)[2*from:]
	for i, v := range l.buf {
		bits := math.Float32bits(v)
		if bits&0xffff != 0 {
			if l.exact {
				return errInexact
			}
			bits += 0x7fff + bits>>16&1 // to the nearest, of two to the even
		}
		binary.LittleEndian.PutUint16(data[2*i:], uint16(bits>>16))
	}
	return nil
}
