package diffusion

import (
	"strings"

	"sdgo/internal/ggml"
)

// count is how many numbers a tensor of a shape has.
func count(shape []int) int64 {
	n := int64(1)
	for _, d := range shape {
		n *= int64(d)
	}
	return n
}

// sizeOf is how many bytes a tensor takes in its file. The bits of a number stand in the
// name of its type, but for those of GGUF that share numbers among a block.
func sizeOf(dtype string, shape []int) int64 {
	n := count(shape)
	if t, ok := ggml.Parse(dtype); ok {
		if numbers, bytes := t.Block(); numbers > 0 {
			return n / int64(numbers) * int64(bytes)
		}
	}
	bits := int64(0)
	for _, digit := range strings.TrimLeft(dtype, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") {
		if digit < '0' || digit > '9' {
			break
		}
		bits = 10*bits + int64(digit-'0')
	}
	if bits == 0 {
		bits = 8 // BOOL
	}
	return (n*bits + 7) / 8
}
