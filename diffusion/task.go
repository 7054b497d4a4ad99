package diffusion

import "fmt"

// task is what a call does.
type task string

const (
	textToImage  task = "text-to-image"
	imageToImage task = "image-to-image"
	inpaint      task = "inpainting"
)

// checkTask refuses options that are for another task than t, which would have no
// effect, unlike what the caller means.
func (o *Options) checkTask(t task) error {
	if t != inpaint {
		switch {
		case o.Mask != 0:
			return fmt.Errorf("diffusion: mask: have %v, want none: %s has no mask", o.Mask, t)
		case o.MaskCells != 0:
			return fmt.Errorf("diffusion: mask cells: have %v, want none: %s has no mask", o.MaskCells, t)
		case o.KeepOutside:
			return fmt.Errorf("diffusion: keep outside: have true, want false: %s has no mask", t)
		}
	}
	if t == textToImage && o.Strength != 0 {
		return fmt.Errorf("diffusion: strength: have %v, want 0: %s has no image to begin with", o.Strength, t)
	}
	return nil
}
