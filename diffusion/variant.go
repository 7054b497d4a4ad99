package diffusion

import (
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"sdgo/internal/loader"
)

// kinds are the parts that have weights, of a model of text.
var kinds = map[string]loader.Kind{
	"text_encoder":   loader.TextEncoder,
	"text_encoder_2": loader.TextEncoder,
	"image_encoder":  loader.ImageEncoder,
	"unet":           loader.UNet.Of(ours["unet"]...),
	"vae":            loader.VAE.Of(ours["vae"]...),
}

// givenKinds are those that a caller may name, of any model.
var givenKinds = map[string]loader.Kind{
	"text_encoder": loader.TextEncoder, "text_encoder_2": loader.TextEncoder, "image_encoder": loader.ImageEncoder,
	"unet": loader.UNet, "vae": loader.VAE,
}

// chooseVariants returns the variant of the weights that each part is to have: the one
// that is asked for where there is one, else the plain files.
func chooseVariants(fsys fs.FS, variant string) (map[string]string, error) {
	chosen := make(map[string]string)
	if variant == "" {
		return chosen, nil
	}
	others := make(map[string]bool)
	for part, kind := range kinds {
		have, _ := loader.Variants(fsys, part, kind.Base) // loading the part says what is wrong
		for _, v := range have {
			others[v] = v != ""
		}
		if slices.Contains(have, variant) {
			chosen[part] = variant
		}
	}
	if len(chosen) > 0 {
		return chosen, nil
	}
	delete(others, "")
	known := "plain files alone"
	if len(others) > 0 {
		known = strings.Join(slices.Sorted(maps.Keys(others)), ", ")
	}
	return nil, fmt.Errorf("variant: have %.80q, which no part has: there are %.200s", variant, known)
}

// variantIn is the variant of the weights of one part, in a folder: the one that is asked
// for if the folder has it, else the plain files.
func variantIn(fsys fs.FS, dir string, kind loader.Kind, variant string) string {
	have, _ := loader.Variants(fsys, dir, kind.Base) // loading the part says what is wrong
	if slices.Contains(have, variant) {
		return variant
	}
	return ""
}
