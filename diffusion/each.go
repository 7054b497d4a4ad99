package diffusion

import "fmt"

// each are the options of a call with something for each of so many images.
func (o *Options) each(images int) (*Options, error) {
	var v Options
	if o != nil {
		v = *o
	}
	switch {
	case images < 1 || images > maxImages:
		return nil, fmt.Errorf("diffusion: images: have %d, want 1 to %d", images, maxImages)
	case v.Images != 0 && v.Images != images:
		return nil, badOption("Images", "have %d for %d images, want their number, or 0", v.Images, images)
	}
	v.Images = images
	return &v, nil
}

// numbered is the name of number i of several things, for errors and notes.
func numbered(what string, i, all int) string {
	if all == 1 {
		return what
	}
	return fmt.Sprint(what, " ", i)
}
