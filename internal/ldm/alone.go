package ldm

import (
	"fmt"
	"strings"
)

// Incomplete is the error for a file that lacks parts of a model.
type Incomplete struct {
	Family  Family   // "" if the U-Net, which tells, is not there
	Have    []string // parts, by the names of their folders
	Missing []string
	What    string // that is, in words
}

func (e *Incomplete) Error() string {
	return fmt.Sprintf("ldm: this is %s, and nothing else: %s", e.What, wholeModel)
}

// alone says which parts of a model there are.
func (f *file) alone() (parts []string, what string) {
	var words []string
	add := func(part, what string) {
		parts, words = append(parts, part), append(words, what)
	}
	if f.has(convInWeight) {
		family, err := f.diffusionModel()
		of := ""
		if err == nil {
			of = " of " + string(family)
		}
		add(UNet, "a U-Net"+of)
	}
	if f.has(vaePrefix + vaeSign) {
		add(VAE, "a VAE")
	}
	if f.has(smallDecoder) {
		add(VAE, "the decoder of a TAESD")
	}
	for _, name := range []string{TextEncoder, TextEncoder2} {
		if prefix, open, ok := f.found(textPlaces[name]); ok {
			add(name, f.describeText(prefix, open))
		}
	}
	if prefix, open, ok := f.found(barePlaces); ok {
		add(f.role(prefix), f.describeText(prefix, open))
	}
	return parts, strings.Join(words, " and ")
}

// barePlaces are those of a text encoder that is alone in a file.
var barePlaces = []string{"", "transformer.", "model."}

// widthG is the width of the second text encoder of Stable Diffusion XL.
const widthG = 1280

// role is which of the text encoders one that is alone in a file would be, by its width.
func (f *file) role(prefix string) string {
	for _, sign := range []string{clipSign, oldSign, tokenTable} {
		if f.dim(prefix+sign, 1) == widthG {
			return TextEncoder2
		}
	}
	return TextEncoder
}

// describeText says what a text encoder is.
func (f *file) describeText(prefix string, open bool) string {
	if open {
		return "a text encoder in the names of OpenCLIP"
	}
	return "a text encoder"
}
