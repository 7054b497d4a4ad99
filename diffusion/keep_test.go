package diffusion

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/golden"
)

// Weights that stay in half precision take half the memory and give the same pictures,
// and a run that was saved with the ones is taken up with the others.
func TestWeightsStay(t *testing.T) {
	folder := golden.Model(t, "tiny-sd15") // in float16
	kept, wide := loadFolder(t, folder, nil), loadFolder(t, folder, &LoadOptions{Weights: "float32"})
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

func TestWeightsOption(t *testing.T) {
	folder := golden.Model(t, "tiny-sd15")
	for _, tt := range []struct {
		o    LoadOptions
		want string
	}{
		{LoadOptions{Weights: "int3"}, `diffusion: load: weights: have "int3", want float32, float16 or bfloat16, or none for what the files have`},
		{LoadOptions{Weights: "float16", Device: CUDA(0)}, `diffusion: weights: have "float16", want none with a device: weights have the type of Precision there`},
	} {
		_, err := LoadFS(folder, &tt.o)
		assert.EqualError(t, err, tt.want)
		var wrong *OptionError
		require.ErrorAs(t, err, &wrong)
		assert.Equal(t, "Weights", wrong.Option)
	}
}
