package adapter

import (
	"fmt"

	"sdgo/internal/device"
	"sdgo/internal/engine"
	"sdgo/internal/kernel"
	"sdgo/internal/op"
)

// room is memory that is not used yet.
type room struct {
	block *engine.Block
	from  int // what of it is used, in float32s
	next  int // how much to take when it is short
}

// Room is taken in pieces, each twice as large as the one before.
const firstRoom, lastRoom = 4 << 10, 4 << 20 // float32s

// Pieces of memory begin at cache lines, and on a device where kernels read at their best.
const lineFloats, deviceFloats = 64 / 4, 256 / 4

// take returns n float32s of a part's memory: those from from on in a block.
func (l *loading) take(part string, n int) (b *engine.Block, from int, err error) {
	m, r := l.models[part], l.rooms[part]
	if r == nil {
		r = &room{next: firstRoom}
		l.rooms[part] = r
	}
	line := lineFloats
	if m.Device() {
		line = deviceFloats
	}
	n = (n + line - 1) / line * line
	if r.block == nil || n > r.block.Floats()-r.from {
		size, what := max(n, r.next), "an adapter of the "+part
		if m.Device() {
			r.block, err = m.AllocDevice(4*int64(size), what)
		} else {
			r.block, err = m.Alloc(size, what)
		}
		if err != nil {
			r.block = nil
			return nil, 0, fmt.Errorf("adapter: %w", err)
		}
		l.blocks = append(l.blocks, r.block)
		r.from, r.next = 0, min(2*r.next, lastRoom)
	}
	r.from += n
	return r.block, r.from - n, nil
}

// store puts a weight into the memory of a part.
func (l *loading) store(part string, t *Tensor, shape ...int) (weight, error) {
	out, in, kh, kw := shape[0], shape[1], 1, 1
	if len(shape) == 4 {
		kh, kw = shape[2], shape[3]
	}
	if m := l.models[part]; m.Device() {
		bytes := len(t.Data) * m.DeviceType().Size()
		b, from, err := l.take(part, (bytes+3)/4)
		if err != nil {
			return weight{}, err
		}
		at := b.Ptr + device.Ptr(4*from)
		if err := m.Upload(at, t.Data, in, kh*kw); err != nil {
			return weight{}, fmt.Errorf("adapter: %s: %w", part, err)
		}
		return weight{op.Arg{Device: at}, shape, int64(bytes)}, nil
	}
	format := kernel.Float32
	if t.Half {
		format = kernel.Float16
	}
	n := kernel.PackedLen(in*kh*kw, out, format)
	b, from, err := l.take(part, n)
	if err != nil {
		return weight{}, err
	}
	dst := b.Data[from : from+n : from+n]
	return weight{op.Arg{Packed: kernel.PackConv(dst, t.Data, out, in, kh, kw, format)}, shape, 4 * int64(n)}, nil
}
