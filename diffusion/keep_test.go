package diffusion

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/ggml"
	"sdgo/internal/gguf"
	"sdgo/internal/golden"
)

// Weights that stay in half precision take half the memory and give the same pictures,
// and a run that was saved with the ones is taken up with the others.
func TestWeightsStay(t *testing.T) {
	folder := golden.Model(t, "tiny-sd15") // in float16
	kept, wide := loadFolder(t, folder, nil), loadFolder(t, folder, &LoadOptions{Weights: Float32})
	assert.Less(t, kept.engine.Memory.InUse(), 6*wide.engine.Memory.InUse()/10)

	o := &Options{Steps: 3, Width: 64, Height: 64, Seed: 5}
	var saved []byte
	o.OnStep = func(s Step) error {
		var err error
		if s.Step == 1 {
			saved, err = s.Save()
		}
		return err
	}
	want, err := wide.TextToImage(t.Context(), "a house", o)
	require.NoError(t, err)
	o.OnStep, o.Resume = nil, saved
	got, err := kept.TextToImage(t.Context(), "a house", o)
	require.NoError(t, err)
	assert.Equal(t, want.Images, got.Images)
	o.Resume = nil
	got, err = kept.TextToImage(t.Context(), "a house", o)
	require.NoError(t, err)
	assert.Equal(t, want.Images, got.Images)
}

// Blocks stay, too: a picture has the bytes of one made with the same numbers as float32.
// Float16 does not round them further, and BFloat16 rounds them as factors alone.
func TestBlocksStay(t *testing.T) {
	path := wholeFile(t, "tiny-sd15")
	blocks := strings.TrimSuffix(path, ".safetensors") + ".gguf"
	rounded := writeGGUF(t, blocks, ggml.Q8_0, entries(t, path), gguf.Choose, func(name string) string { return name })
	writeSafetensors(t, path, rounded)
	var memory int64
	picture := func(path string, o LoadOptions) []byte {
		p, err := Load(path, &o)
		require.NoError(t, err)
		defer p.Close()
		memory = p.engine.Memory.InUse()
		result, err := p.TextToImage(t.Context(), prompt, quick(2))
		require.NoError(t, err)
		return result.Images[0].Pix
	}
	want := picture(path, LoadOptions{})
	wide := memory
	assert.True(t, bytes.Equal(want, picture(blocks, LoadOptions{Weights: Float32})))
	assert.Equal(t, wide, memory)
	assert.True(t, bytes.Equal(want, picture(blocks, LoadOptions{})))
	kept := memory
	assert.Less(t, kept, wide*6/10)

	assert.True(t, bytes.Equal(want, picture(blocks, LoadOptions{Precision: Float16})))
	assert.Equal(t, kept, memory)
	assert.False(t, bytes.Equal(want, picture(blocks, LoadOptions{Precision: BFloat16})))
	assert.Equal(t, kept, memory)
}

// Weights can be put into blocks while they are loaded: what a file of that type has.
func TestWeightsIntoBlocks(t *testing.T) {
	path := wholeFile(t, "tiny-sd15")
	memory := make(map[string]int64)
	for _, weights := range []string{Float32, Float16, "q8_0", "q4_0"} {
		p, err := Load(path, &LoadOptions{Weights: weights})
		require.NoError(t, err)
		memory[weights] = p.engine.Memory.InUse()
		result, err := p.TextToImage(t.Context(), prompt, quick(2))
		require.NoError(t, err)
		assert.Len(t, result.Images, 1)
		require.NoError(t, p.Close())
	}
	assert.Less(t, memory[Float16], memory[Float32])
	assert.Less(t, memory["q8_0"], memory[Float16])
	assert.Less(t, memory["q4_0"], memory["q8_0"])
}

func TestWeightsOption(t *testing.T) {
	folder := golden.Model(t, "tiny-sd15")
	for _, tt := range []struct {
		o    LoadOptions
		want string
	}{
		{LoadOptions{Weights: "int3"}, `diffusion: load: weights: have "int3", want float32, float16, bfloat16 or blocks such as q8_0 and q4_k, or none for what the files have`},
		{LoadOptions{Weights: "float16", Device: CUDA(0)}, `diffusion: weights: have "float16", want none with a device: weights have the type of Precision there`},
	} {
		_, err := LoadFS(folder, &tt.o)
		assert.EqualError(t, err, tt.want)
		var wrong *OptionError
		require.ErrorAs(t, err, &wrong)
		assert.Equal(t, "Weights", wrong.Option)
	}
}
