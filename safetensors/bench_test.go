package safetensors_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"sdgo/safetensors"
)

// Weights of a 1280 → 1280 3×3 convolution, drawn from N(0, 0.02²). MB/s
// counts the float32 that come out.
func BenchmarkFloat32sInto(b *testing.B) {
	const n = 1280 * 1280 * 9
	rng := rand.New(rand.NewPCG(1, 2))
	for _, d := range []safetensors.DType{safetensors.F16, safetensors.BF16, safetensors.F32, safetensors.F8E4M3} {
		b.Run(d.String(), func(b *testing.B) {
			data := make([]byte, n*d.Bits()/8)
			for i := 0; i+1 < len(data); i += 2 {
				h := float16(float32(rng.NormFloat64() * 0.02))
				data[i], data[i+1] = byte(h), byte(h>>8)
			}
			t, err := safetensors.New("conv.weight", d, []int{n}, data)
			require.NoError(b, err)
			dst := make([]float32, n)
			b.SetBytes(4 * n)
			for b.Loop() {
				if err := t.Float32sInto(dst); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// A header like that of SD 1.5's U-Net.
func BenchmarkOpen(b *testing.B) {
	var list []safetensors.Tensor
	for i := range 686 {
		list = append(list, float32Tensor(b, "down_blocks.1.attentions.0.transformer_blocks.0.attn1."+string(rune('a'+i%26))+string(rune('a'+i/26)), []int{1, 1}, 1))
	}
	path := writeTemp(b, list...)
	for b.Loop() {
		f, err := safetensors.Open(path)
		require.NoError(b, err)
		f.Close()
	}
}

// float16 converts a number of magnitude below 1 to binary16, cutting what does
// not fit.
func float16(x float32) uint16 {
	bits := math.Float32bits(x)
	exponent := int(bits>>23&0xff) - 127 + 15
	if exponent <= 0 { // a subnormal, as small weights are
		return uint16(bits>>16&0x8000) | uint16(math.Abs(float64(x))*0x1p24)
	}
	return uint16(bits>>16&0x8000) | uint16(exponent<<10) | uint16(bits>>13&0x3ff)
}
