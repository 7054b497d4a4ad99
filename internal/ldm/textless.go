package ldm

import (
	"regexp"
	"slices"
	"strings"
)

// codebook is the table of a VQ autoencoder.
const codebook = "quantize.embedding.weight"

// errCodebook is the error for a VQ autoencoder alone, of diffusers or the original code.
var errCodebook = &Unsupported{"vq", "an autoencoder with a codebook (" + codebook + "), diffusers' VQModel, which is read in the folder of its pipeline"}

// quantizes says whether there is a VQ autoencoder outside a whole model.
func (f *file) quantizes() bool {
	return slices.ContainsFunc(vaePrefixes[1:], func(prefix string) bool { return f.has(prefix + codebook) })
}

// attendsToPixels says whether the U-Net has the attention of models without text.
func (f *file) attendsToPixels() bool {
	return slices.ContainsFunc(f.names, func(name string) bool {
		return strings.HasPrefix(name, unetPrefix) && strings.HasSuffix(name, ".1.qkv.weight")
	})
}

// textlessAttention is that of a UNet2DModel, today and as it was, behind whatever stands
// before the U-Net's names.
var textlessAttention = regexp.MustCompile(`^(?:state_dict\.|module\.)*(?:unet\.|model\.|model\.diffusion_model\.|diffusion_model\.)?(?:(?:down|up)_blocks\.\d+|mid_block)\.attentions\.\d+\.(?:to_q|query)\.weight$`)

// isTextless says whether the U-Net is a UNet2DModel of diffusers: in others all attention is
// in transformers.
func (f *file) isTextless() bool {
	return slices.ContainsFunc(f.names, func(name string) bool { return textlessAttention.MatchString(f.original(name)) })
}
