package clip

import (
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/golden"
	"sdgo/safetensors"
)

// With the padding hidden, texts and padding are those of the reference, and the
// text is that without a mask.
func TestEncodeMasked(t *testing.T) {
	e := loadEncoder(t, golden.Model(t, "tiny-sd15"), "text_encoder")
	file, err := safetensors.OpenFS(os.DirFS("testdata"), "masked.safetensors")
	require.NoError(t, err)
	defer file.Close()
	ints := func(name string) [][]int {
		x, _ := file.Tensor(name)
		values, err := x.Int64s()
		require.NoError(t, err)
		var out [][]int
		for row := range slices.Chunk(values, x.Shape[1]) {
			out = append(out, nil)
			for _, v := range row {
				out[len(out)-1] = append(out[len(out)-1], int(v))
			}
		}
		return out
	}
	floats := func(name string) []float32 {
		x, _ := file.Tensor(name)
		values, err := x.Float32s()
		require.NoError(t, err)
		return values
	}
	ids, mask := ints("ids"), ints("mask")
	for skip, name := range []string{"tokens", "skip1"} {
		out, err := e.EncodeMasked(t.Context(), ids, mask, skip)
		require.NoError(t, err)
		golden.Close(t, floats(name), out.Tokens.Float32s(), tolerance, name)
		golden.Close(t, floats("pooled"), out.Pooled.Float32s(), tolerance, "pooled")

		plain, err := e.Encode(t.Context(), ids, skip)
		require.NoError(t, err)
		size := plain.Tokens.DataSize() / len(ids)
		for i := range ids {
			text := e.Config.HiddenSize * (slices.Index(append(slices.Clone(mask[i]), 0), 0))
			assert.Equal(t, plain.Tokens.Float32s()[i*size:i*size+text], out.Tokens.Float32s()[i*size:i*size+text])
			rest := plain.Tokens.Float32s()[i*size+text : (i+1)*size]
			assert.Equal(t, len(rest) == 0, slices.Equal(rest, out.Tokens.Float32s()[i*size+text:(i+1)*size]), "text %d", i)
		}
	}
}

// The largest id stands for the text, and may lie in the padding.
func TestEndInPadding(t *testing.T) {
	e := loadEncoder(t, golden.Model(t, "tiny-sd15"), "text_encoder")
	out, err := e.EncodeMasked(t.Context(), [][]int{{998, 5, 7, 999, 999}}, [][]int{{1, 1, 0, 0, 0}}, 0)
	require.NoError(t, err)
	assert.Equal(t, out.Tokens.Float32s()[3*32:4*32], out.Pooled.Float32s())
}

func TestBadMask(t *testing.T) {
	e := loadEncoder(t, golden.Model(t, "tiny-sd15"), "text_encoder")
	for _, tt := range []struct {
		mask [][]int
		want string
	}{
		{nil, "clip: have 0 masks, want 1, one for each text"},
		{[][]int{{1}}, "clip: mask of text 0: have 1 numbers, want 3, one for each token"},
		{[][]int{{0, 0, 0}}, "clip: mask of text 0: have zeros alone, want ones first"},
		{[][]int{{1, 0, 1}}, "clip: mask of text 0: have 1 at 2 after 1 ones, want ones and then zeros"},
		{[][]int{{1, 2, 0}}, "clip: mask of text 0: have 2 at 1 after 1 ones, want ones and then zeros"},
	} {
		_, err := e.EncodeMasked(t.Context(), [][]int{{1, 2, 3}}, tt.mask, 0)
		assert.EqualError(t, err, tt.want)
	}
}
