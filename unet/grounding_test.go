package unet

import (
	"bytes"
	"encoding/binary"
	"math"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"sdgo/internal/engine"
	"sdgo/internal/golden"
	"sdgo/safetensors/checkpoint"
)

// grounded is tiny-sd15 with layers for boxes, whose numbers follow from their names.
func grounded(t *testing.T, kind string) *UNet {
	t.Helper()
	src, err := Open(t.Context(), golden.Model(t, "tiny-sd15"), "unet", "")
	require.NoError(t, err)
	u, err := LoadFrom(t.Context(), golden.Grounded(t, checkpoint.NewOverlay(src), kind), nil)
	require.NoError(t, err)
	t.Cleanup(func() { u.Close() })
	return u
}

// boxesGolden reads what diffusers predicts with boxes.
func boxesGolden(t *testing.T, name string) []float32 {
	data, err := os.ReadFile("testdata/" + name + ".f32")
	require.NoError(t, err)
	x := make([]float32, len(data)/4)
	require.NoError(t, binary.Read(bytes.NewReader(data), binary.LittleEndian, x))
	return x
}

func boxesInput(t *testing.T) Input {
	return Input{
		Latents: golden.Numbers("input.sample", 2, 4, 12, 8), Timesteps: []float64{501, 80},
		Cond: Text(golden.Numbers("input.text", 2, 9, 32)),
	}
}

// boxes are three of two samples, the last not there, with embeddings of the parts that
// are.
func boxes(parts ...[]float32) (x, mask *tensor.Dense) {
	first, second := golden.Numbers("input.first", 2, 3, 32).Float32s(), golden.Numbers("input.second", 2, 3, 32).Float32s()
	corners := [][]float32{BoxCorners(0.1, 0.2, 0.55, 0.9), BoxCorners(0.5, 0, 1, 0.35), make([]float32, BoxFeatures)}
	var numbers, known []float32
	for i := range 6 {
		for k, embedding := range [][]float32{first, second}[:len(parts)] {
			there := parts[k][i%3]
			for _, v := range embedding[32*i : 32*(i+1)] {
				numbers = append(numbers, v*there)
			}
			known = append(known, there)
		}
		numbers = append(numbers, corners[i%3]...)
		known = append(known, []float32{1, 1, 0}[i%3])
	}
	n := len(parts) + 1
	return engine.Tensor(numbers, 2, 3, len(numbers)/6), engine.Tensor(known, 2, 3, n)
}

// The prediction with boxes of phrases, of pictures, too, and with none is diffusers'.
func TestBoxesGolden(t *testing.T) {
	for _, tt := range []struct {
		name, kind string
		parts      [][]float32
	}{
		{"boxes_text", "gated", [][]float32{{1, 1, 0}}},
		{"boxes_picture", "gated-text-image", [][]float32{{1, 0, 0}, {0, 1, 0}}},
		{"boxes_none", "gated", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			u, in := grounded(t, tt.kind), boxesInput(t)
			if tt.parts != nil {
				in.Cond.Boxes, in.Cond.BoxMask = boxes(tt.parts...)
			}
			y, err := u.Predict(t.Context(), in)
			require.NoError(t, err)
			golden.Close(t, boxesGolden(t, tt.name), y.Float32s(), tolerance, tt.name)
		})
	}
}

// A Split gives the bytes of the whole, with boxes too.
func TestBoxesSplit(t *testing.T) {
	u, in := grounded(t, "gated"), boxesInput(t)
	in.Cond.Boxes, in.Cond.BoxMask = boxes([]float32{1, 1, 0})
	want, err := u.Predict(t.Context(), in)
	require.NoError(t, err)
	s, err := u.Split(1, 2, 12, 8, 9)
	require.NoError(t, err)
	defer s.Close()
	require.NoError(t, s.Head(t.Context(), in))
	feature := make([]float32, tensor.Shape(s.FeatureShape()).TotalSize())
	require.NoError(t, s.Deep(t.Context(), feature))
	got, err := s.Tail(t.Context(), feature)
	require.NoError(t, err)
	assert.Equal(t, want.Float32s(), got.Float32s())
}

func TestBoxesErrors(t *testing.T) {
	u, in := grounded(t, "gated"), boxesInput(t)
	x, mask := boxes([]float32{1, 1, 0})
	for _, tt := range []struct {
		boxes, mask *tensor.Dense
		want        string
	}{
		{x, nil, "box mask: have it for 0 boxes, want it for 3"},
		{nil, mask, "box mask: have it for 3 boxes, want it for 0"},
		{engine.Tensor(make([]float32, 6*90), 2, 3, 90), mask, "boxes: have shape [2 3 90], want [2 -1 96]"},
		{x, engine.Tensor(make([]float32, 18), 2, 3, 3), "box mask: have shape [2 3 3], want [2 -1 2]"},
	} {
		in.Cond.Boxes, in.Cond.BoxMask = tt.boxes, tt.mask
		_, err := u.Predict(t.Context(), in)
		assert.ErrorContains(t, err, tt.want)
	}
	plain := load(t, "tiny-sd15", "")
	in.Cond.Boxes, in.Cond.BoxMask = x, mask
	_, err := plain.Predict(t.Context(), in)
	assert.ErrorContains(t, err, "boxes: have them, want none")
}

func TestBoxCorners(t *testing.T) {
	x := BoxCorners(0.25, 0, 1, 0.5)
	require.Len(t, x, BoxFeatures)
	assert.Equal(t, []float32{float32(math.Sin(0.25)), 0, float32(math.Sin(1)), float32(math.Sin(0.5))}, x[:4])
	assert.Equal(t, float32(1), x[5], "the cosine of 0")
	assert.InDelta(t, math.Sin(0.25*math.Pow(100, 3.0/8)), x[8*3], 1e-6)
}
