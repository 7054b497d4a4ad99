package ldm

import (
	"fmt"
	"slices"
	"strings"
)

// OpenPart finds one part of a model in a file, which may hold others or not. The family
// is that of the model which the part is for; a U-Net tells it itself. It is also what
// becomes of each tensor.
func OpenPart(tensors Tensors, part string, family Family) (p *Part, _ Family, fates []Fate, err error) {
	v := newView(tensors)
	f := newFile(v)
	f.view = v
	if part == UNet && f.has(convInWeight) {
		if family, err = f.diffusionModel(); err != nil {
			return nil, "", nil, err
		}
	}
	if part == VAE && f.quantizes() {
		return nil, "", nil, errCodebook
	}
	if p, err = f.onePart(part, family); err != nil {
		return nil, "", nil, err
	}
	if len(f.missing) > 0 {
		for i, name := range f.missing {
			f.missing[i] = f.original(name)
		}
		return nil, "", nil, fmt.Errorf("ldm: the %s: %.200s is missing or not of the kind it should be", part, strings.Join(f.missing, ", "))
	}
	return p, family, f.fates(map[string]*Part{part: p}), nil
}

// onePart finds a part, or says what else there is.
func (f *file) onePart(part string, family Family) (*Part, error) {
	var err error
	switch p := (*Part)(nil); {
	case part == UNet && f.has(convInWeight):
		if p, err = f.unet(family, 0); err == nil {
			return p, nil
		}
	case part == VAE && f.has(vaePrefix+vaeSign):
		if p, err = f.vae(family); err == nil {
			return p, nil
		}
	case part == TextEncoder || part == TextEncoder2:
		if p, err = f.oneText(part, family); p != nil {
			return p, nil
		}
	}
	if err != nil {
		return nil, fmt.Errorf("ldm: the %s: %w", part, err)
	}
	_, what := f.alone()
	if what == "" {
		what = f.other()
	}
	switch {
	case len(f.names) == 0:
		return nil, fmt.Errorf("ldm: have no tensors: want a %s", titles[part])
	case what == "":
		return nil, fmt.Errorf("ldm: have %d tensors, such as %.200q: want a %s", len(f.names), f.original(f.names[0]), titles[part])
	}
	return nil, fmt.Errorf("ldm: this is %s: want a %s", what, titles[part])
}

// titles are the parts in words.
var titles = map[string]string{
	UNet: "U-Net", VAE: "VAE", TextEncoder: "text encoder", TextEncoder2: "second text encoder, that of Stable Diffusion XL",
}

// Title is a part in words.
func Title(part string) string { return titles[part] }

// oneText finds a text encoder, which may be alone in the file; nil if there is none.
func (f *file) oneText(part string, family Family) (*Part, error) {
	e, ok := encoders(family)[part]
	if !ok {
		e = encoders(familyWith[part])[part]
	}
	prefix, open, ok := f.found(slices.Concat(textPlaces[part], barePlaces))
	if !ok {
		return nil, nil
	}
	e.prefix, e.open = prefix, open
	return f.textEncoder(e)
}

// familyWith are families that have the text encoders.
var familyWith = map[string]Family{TextEncoder: SD1, TextEncoder2: SDXL}
