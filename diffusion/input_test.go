package diffusion

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/golden"
	"sdgo/internal/nn"
	"sdgo/safetensors/checkpoint"
)

// A model that reads another image's latents loads, and no task takes it for its own.
func TestInputOfImage(t *testing.T) {
	p, err := LoadFS(golden.Model(t, "tiny-sd15"), &LoadOptions{Overlay: func(part string, src checkpoint.Source) (checkpoint.Source, error) {
		o := checkpoint.NewOverlay(src)
		if part != "unet" {
			return o, nil
		}
		if err := o.Set("conv_in.weight", nn.Tensor(16, 8, 3, 3)); err != nil {
			return nil, err
		}
		return o, o.SetConfig("in_channels", 8)
	}})
	require.NoError(t, err)
	defer p.Close()
	const have = "diffusion: the U-Net has 8 input channels (in_channels), want "
	const is = ": this model is for editing by instruction, as InstructPix2Pix"
	_, err = p.TextToImage(t.Context(), "", nil)
	assert.EqualError(t, err, have+"4 for text-to-image and image-to-image"+is)
	_, err = p.Inpaint(t.Context(), "", picture(t, "input.png"), picture(t, "mask.png"), nil)
	assert.EqualError(t, err, have+"4 for text-to-image and image-to-image, or 9 for inpainting"+is)
}
