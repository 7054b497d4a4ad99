package diffusion

import (
	"strings"

	"sdgo/internal/ldm"
	"sdgo/unet"
)

// Identity is what a model is, as far as its files tell.
type Identity struct {
	// Family is "sd1", "sd2", "sdxl" or "sdxl-refiner", or of a model that reads no text
	// "ddpm" on pixels or "ldm" on latents. Of files that are no such model it is another
	// word, such as "lora", "controlnet" or "flux", and "" if nothing tells.
	Family string `json:"family"`
	// Task is what the model was trained for beside text-to-image: "inpainting", "depth",
	// "pix2pix" or "upscaling"; without text "unconditional", "class-conditional",
	// "super-resolution" or "concatenation"; else empty.
	Task string `json:"task,omitempty"`
	// Variant tells models apart that were made smaller or faster, where shapes tell:
	// "lcm", "ssd-1b", "vega", "koala", "bk-sdm-base", "bk-sdm-small", "bk-sdm-tiny" or
	// "sdxs"; else empty.
	Variant string `json:"variant,omitempty"`
	// Name is all of that in words.
	Name string `json:"name"`
	// Prediction is what the model predicts, "epsilon" or "v_prediction", or empty while
	// only a probe could tell; DecidedBy is what says so.
	Prediction string `json:"prediction,omitempty"`
	DecidedBy  string `json:"decided_by,omitempty"`
}

// families are the words for families.
var families = map[ldm.Family]string{ldm.SD1: "sd1", ldm.SD2: "sd2", ldm.SDXL: "sdxl", ldm.SDXLRefiner: "sdxl-refiner"}

// with is i of a model of a family, and of a U-Net if that is known.
func (i Identity) with(family ldm.Family, u *unet.Config, latents int) Identity {
	i.Family, i.Name = families[family], string(family)
	if u == nil {
		return i
	}
	switch u.InChannels - latents {
	case 0:
	case withDepth.beside(latents):
		i.Task = "depth"
	case withMask.beside(latents):
		i.Task = "inpainting"
	case latents:
		i.Task = "pix2pix"
	case smallPicture.beside(latents):
		i.Task = "upscaling"
	}
	i.Variant = variantOf(u)
	var words []string
	for _, word := range []string{i.Variant, i.Task} {
		if word != "" {
			words = append(words, word)
		}
	}
	if len(words) > 0 {
		i.Name += " (" + strings.Join(words, ", ") + ")"
	}
	return i
}

// publishedWidth is the width of the first level of all published models but the refiner.
const publishedWidth = 320

// variantOf tells models apart that were made smaller or faster of published ones, by the
// structure of the U-Net.
func variantOf(c *unet.Config) string {
	layers, levels := c.LayersPerBlock.At(0), len(c.BlockOutChannels)
	xl, middle := c.AdditionEmbedType != nil, c.MidBlockType != nil
	switch {
	case c.TimeCondProjDim != nil:
		return "lcm"
	case c.BlockOutChannels[0] != publishedWidth:
		return ""
	case xl && layers == 1:
		return "koala"
	case xl && middle && *c.MidBlockType == "UNetMidBlock2D":
		if c.ReverseTransformerLayers == nil { // as many blocks on the way up
			return "vega"
		}
		return "ssd-1b"
	case xl || layers != 1:
		return ""
	case !middle && levels == 3 && (c.DownBlockTypes[0] == "DownBlock2D" || c.OnlyCrossAttention.At(0)):
		return "sdxs"
	case middle:
		return "bk-sdm-base"
	case levels == 3:
		return "bk-sdm-tiny"
	}
	return "bk-sdm-small"
}
