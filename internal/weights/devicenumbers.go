package weights

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"sdgo/internal/device"
	"sdgo/internal/kernel"
	"sdgo/internal/op"
)

// Upload copies a weight [out in KH KW] of some pixels' filters to a device, rounded to a
// type, as kernels read it.
func Upload(d device.Device, at device.Ptr, x []float32, in, taps int, t device.Type) error {
	if err := checkRange(t, kernel.Largest(x)); err != nil {
		return err
	}
	return d.Upload(at, encode(nil, channelsLast(nil, x, in, taps), t))
}

// Numbers returns the parameter's numbers in the checkpoint's order, as they are computed
// with. On a device they have a type of the target's.
func (p *Param) Numbers(d device.Device, t device.Type) ([]float32, error) {
	if d == nil {
		x, err := p.Value.Dense()
		if err != nil {
			return nil, err
		}
		return x.Float32s(), nil
	}
	release, err := op.Hold(p.Value)
	if err != nil {
		return nil, err
	}
	defer release()
	t = p.deviceType(t)
	b := make([]byte, p.Shape.TotalSize()*t.Size())
	if err := d.Download(b, p.Value.Arg().Device); err != nil {
		return nil, err
	}
	return channelsFirst(decode(b, t), p.In, p.Taps), nil
}

// checkRange wants magnitudes that a type of a device has.
func checkRange(t device.Type, most float32) error {
	if t == device.F16 && most > kernel.MaxFloat16 {
		return fmt.Errorf("have a number of magnitude %v, %w: want precision bfloat16 or float32", most, errRange)
	}
	return nil
}

// channelsLast turns filters [in KH KW] to [KH KW in], in dst's memory if it is large
// enough. Those of one pixel are so already.
func channelsLast(dst, src []float32, in, taps int) []float32 {
	if taps <= 1 {
		return src
	}
	dst = slices.Grow(dst[:0], len(src))[:len(src)]
	row := taps * in
	for from := 0; from < len(src); from += row {
		src, dst := src[from:from+row], dst[from:from+row]
		for c := range in {
			for tap := range taps {
				dst[tap*in+c] = src[c*taps+tap]
			}
		}
	}
	return dst
}

// channelsFirst turns filters [KH KW in] to [in KH KW].
func channelsFirst(src []float32, in, taps int) []float32 {
	if taps <= 1 {
		return src
	}
	return channelsLast(nil, src, taps, in)
}

// encode rounds numbers to a type, to the nearest and of two to the even, in dst's memory
// if it is large enough.
func encode(dst []byte, x []float32, t device.Type) []byte {
	size := len(x) * t.Size()
	dst = slices.Grow(dst[:0], size)[:size]
	switch t {
	case device.F32:
		for i, v := range x {
			binary.LittleEndian.PutUint32(dst[4*i:], math.Float32bits(v))
		}
	case device.F16:
		for i, v := range x {
			binary.LittleEndian.PutUint16(dst[2*i:], kernel.Float16Bits(v))
		}
	case device.BF16:
		for i, v := range x {
			binary.LittleEndian.PutUint16(dst[2*i:], kernel.BFloat16Bits(v))
		}
	}
	return dst
}

// decode is the inverse of encode.
func decode(b []byte, t device.Type) []float32 {
	x := make([]float32, len(b)/t.Size())
	for i := range x {
		switch t {
		case device.F32:
			x[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
		case device.F16:
			x[i] = kernel.FromFloat16(binary.LittleEndian.Uint16(b[2*i:]))
		case device.BF16:
			x[i] = math.Float32frombits(uint32(binary.LittleEndian.Uint16(b[2*i:])) << 16)
		}
	}
	return x
}
