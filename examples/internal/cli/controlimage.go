package cli

import (
	"flag"
	"fmt"
	"image"
	"strings"

	"sdgo/diffusion/preprocess"
)

// preprocessors make the picture that a control reads of a photo or drawing, with the usual settings.
var preprocessors = []struct {
	name string
	make func(img image.Image) (image.Image, error)
}{
	{"none", func(img image.Image) (image.Image, error) { return img, nil }},
	{"canny", func(img image.Image) (image.Image, error) { return picture(preprocess.Canny(img, nil)) }},
	{"scribble", func(img image.Image) (image.Image, error) { return picture(preprocess.Scribble(img)) }},
	{"blur", func(img image.Image) (image.Image, error) { return picture(preprocess.Blur(img, 9)) }},
	{"tile", func(img image.Image) (image.Image, error) { return picture(preprocess.Tile(img, 4)) }},
	{"color", func(img image.Image) (image.Image, error) { return picture(preprocess.ColorGrid(img, 64)) }},
}

// picture is an image of any type, nil with an error.
func picture[T image.Image](img T, err error) (image.Image, error) {
	if err != nil {
		return nil, err
	}
	return img, nil
}

// Preprocess is how a picture for controls is made of an image.
type Preprocess struct{ name string }

// Flag adds the flag -preprocess.
func (p *Preprocess) Flag(f *flag.FlagSet) {
	p.name = "none"
	var names []string
	for _, known := range preprocessors {
		names = append(names, known.name)
	}
	f.Func("preprocess", "`name` of what makes the control's picture of the image: "+strings.Join(names, ", ")+" (default none: it is one already)", func(s string) error {
		for _, known := range preprocessors {
			if known.name == s {
				p.name = s
				return nil
			}
		}
		return fmt.Errorf("have %q, want one of %s", s, strings.Join(names, ", "))
	})
}

// Make makes the picture.
func (p *Preprocess) Make(img image.Image) (image.Image, error) {
	for _, known := range preprocessors {
		if known.name == p.name {
			return known.make(img)
		}
	}
	return img, nil
}

// ControlImage gives a picture to the controls that have none. It is an error if there are
// no controls.
func (c *Command) ControlImage(img image.Image) error {
	if len(c.controls) == 0 {
		return misusef("have no -control, want the path of a ControlNet or T2I-Adapter")
	}
	for i := range c.controls {
		if c.controls[i].image == "" {
			c.controls[i].Image = img
		}
	}
	return nil
}
