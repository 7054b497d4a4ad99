package weights

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"sdgo/internal/ggml"
	"sdgo/internal/kernel"
)

// The largest weights are the first to be lowered, no more than it takes, and none if
// it would not help.
func TestFit(t *testing.T) {
	const f32, f16, i8 = kernel.Float32, kernel.Float16, kernel.Int8
	const kb = 1 << 10
	// 64, 32 and 16 KiB as float32; the first is a convolution.
	largest := func() []*Param {
		return []*Param{
			{Taps: 16, In: 32, Out: 32, Lowest: f16}, {Taps: 1, In: 128, Out: 64, Lowest: i8}, {Taps: 1, In: 64, Out: 64, Lowest: i8},
		}
	}
	tests := []struct {
		allowed  int64
		reserves []int64
		want     []kernel.Format
	}{
		{112 * kb, nil, []kernel.Format{f32, f32, f32}},
		{80 * kb, nil, []kernel.Format{f16, f32, f32}},
		{64 * kb, nil, []kernel.Format{f16, f16, f32}},
		{56 * kb, nil, []kernel.Format{f16, f16, f16}},
		{49 * kb, nil, []kernel.Format{f16, i8, f16}}, // 32 + 8.5 + 8
		{45 * kb, nil, []kernel.Format{f16, i8, i8}},
		{40 * kb, nil, []kernel.Format{f32, f32, f32}}, // never: the allocation says so
		{100 * kb, []int64{20 * kb, 10 * kb}, []kernel.Format{f16, f32, f32}},
		{100 * kb, []int64{50 * kb, 36 * kb}, []kernel.Format{f16, f16, f32}}, // tiles
		{100 * kb, []int64{99 * kb, 51 * kb}, []kernel.Format{f16, i8, f16}},
		{112 * kb, []int64{99 * kb, 98 * kb}, []kernel.Format{f32, f32, f32}}, // no such run can be
	}
	for _, tt := range tests {
		params := largest()
		Fit(params, tt.allowed, tt.reserves)
		var have []kernel.Format
		for _, w := range params {
			have = append(have, w.Format)
		}
		assert.Equal(t, tt.want, have, "%d bytes, reserves %v", tt.allowed, tt.reserves)
	}
}

// Weights that a checkpoint has in few bits are lowered only if that makes them smaller.
func TestFitStored(t *testing.T) {
	largest := &Param{Taps: 1, In: 128, Out: 64, Shape: []int{64, 128}, Lowest: kernel.Int8, Stored: ggml.Q4_0} // 4.5 KiB
	brain := &Param{Taps: 1, In: 64, Out: 64, Shape: []int{64, 64}, Lowest: kernel.Int8, Stored: ggml.BF16}     // 8 KiB
	integers := &Param{Taps: 1, In: 32, Out: 32, Shape: []int{32, 32}, Lowest: kernel.Float16, exact: true}     // 4 KiB
	Fit([]*Param{largest, brain, integers}, 12<<10, nil)
	assert.Equal(t, ggml.Q4_0, largest.Stored)
	assert.Equal(t, Param{Taps: 1, In: 64, Out: 64, Shape: []int{64, 64}, Lowest: kernel.Int8, Format: kernel.Int8}, *brain)
	assert.Equal(t, Param{Taps: 1, In: 32, Out: 32, Shape: []int{32, 32}, Lowest: kernel.Float16, Format: kernel.Float16}, *integers)
}
