package ldm

import (
	"fmt"
	"slices"
	"strings"
)

// family says what the model is, or in its error what else the file holds.
func (f *file) family(o Options) (Family, error) {
	family := o.Family
	if f.has(convInWeight) && !o.given(UNet) {
		var err error
		if family, err = f.diffusionModel(); err != nil {
			return "", err
		}
	}
	missing := func(part string) bool { return !o.given(part) && !f.holds(part, family) }
	if family != "" && !slices.ContainsFunc(Parts(family), missing) {
		return family, nil
	}
	if f.quantizes() {
		return "", errCodebook
	}
	if what := f.other(); what != "" && !f.has(convInWeight) {
		return "", fmt.Errorf("ldm: this is %s: %s", what, wholeModel)
	}
	have, what := f.alone()
	switch {
	case len(have) > 0:
		e := &Incomplete{Family: family, Have: have, What: what}
		for _, part := range Parts(family) {
			if missing(part) {
				e.Missing = append(e.Missing, part)
			}
		}
		return "", e
	case len(f.names) == 0:
		return "", fmt.Errorf("ldm: have no tensors, %s", wholeModel)
	}
	return "", fmt.Errorf("ldm: have %d tensors, such as %.200q: %s", len(f.names), f.original(f.names[0]), wholeModel)
}

// wholeModel is what is wanted of a file.
const wholeModel = "want a whole model of Stable Diffusion 1, 2 or XL in the layout of the original code (model.diffusion_model.*, first_stage_model.*, and cond_stage_model.* or conditioner.*)"

// diffusionModel tells the families apart, by the U-Net and what else there is.
func (f *file) diffusionModel() (Family, error) {
	label := f.dim(unetPrefix+"label_emb.0.0.weight", 1)
	width := f.textWidth()
	switch {
	case f.has(vaePrefix + codebook):
		return "", &Unsupported{"ldm", "latent diffusion whose autoencoder has a codebook (" + vaePrefix + codebook + "), which is read as a folder of diffusers"}
	case f.quantizes():
		return "", errCodebook
	case f.isTextless():
		return "", &Unsupported{"ldm", "the U-Net of a model without text, diffusers' UNet2DModel, which is read in the folder of its pipeline"}
	case f.attendsToPixels():
		return "", &Unsupported{"ldm", "diffusion without text, whose U-Net attends to pixels alone (qkv), which is read as a folder of diffusers"}
	case f.has(unetPrefix+"label_emb.weight") && !f.upscales():
		return "", &Unsupported{"classes", "a model of classes, of which the U-Net has a table (label_emb.weight)"}
	case f.marksEDM() && label == 0:
		return "", &Unsupported{"edm", "Playground 2.5, CosXL or another model with the noise levels of EDM (edm_mean, edm_vpred), but no U-Net of Stable Diffusion XL"}
	case f.under(secondSGM):
		return SDXL, nil
	case f.under(refinerSGM):
		return SDXLRefiner, nil
	case label > 0 && (f.under(openPrefix) || width == widthSD2):
		return "", &Unsupported{"unclip", "unCLIP of Stable Diffusion 2, whose U-Net reads the embedding of an image (label_emb)"}
	case f.under(openPrefix):
		return SD2, nil
	case label > 0 && width == widthRefiner:
		return SDXLRefiner, nil
	case label > 0:
		return SDXL, nil
	case width == widthSD2, width != widthSD1 && f.has(clipPrefix+textModel+projection): // OpenCLIP's, renamed
		return SD2, nil
	case width == widthSD1, f.under(clipPrefix), !f.linear():
		return SD1, nil
	}
	return SD2, nil
}

// upscales says whether this is an upscaler, whose U-Net reads a small picture beside the
// latents, and the level of noise in it.
func (f *file) upscales() bool {
	return f.has(unetPrefix+"label_emb.weight") && f.dim(convInWeight, 1) == f.dim(unetPrefix+"out.2.weight", 0)+3
}

// How many numbers a token has that the U-Nets read.
const (
	widthSD1     = 768
	widthSD2     = 1024
	widthRefiner = 1280
	widthSDXL    = 2048
)

// textWidth is how many numbers a token has that the U-Net reads.
func (f *file) textWidth() int {
	for _, name := range f.names {
		if strings.HasPrefix(name, unetPrefix) && strings.HasSuffix(name, ".transformer_blocks.0.attn2.to_k.weight") {
			return f.dim(name, 1)
		}
	}
	return 0
}

// linear says whether attention begins with a matrix, not a convolution of one pixel.
func (f *file) linear() bool {
	for _, name := range f.names {
		if strings.HasPrefix(name, unetPrefix) && strings.HasSuffix(name, ".proj_in.weight") {
			shape, _, _ := f.Tensor(name)
			return len(shape) == 2
		}
	}
	return false
}
