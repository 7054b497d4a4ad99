package diffusion

import (
	"fmt"
	"math"
)

// Limits of the options.
const (
	maxImages   = 1024
	maxGuidance = 1000
	maxSteps    = 1000
	maxSide     = 1 << 16 // pixels; the memory limit is far below its square
)

// defaultGuidance is the guidance scale of diffusers' pipelines.
const defaultGuidance = 7.5

// defaultSteps is the number of steps of diffusers' pipelines.
const defaultSteps = 50

// withDefaults returns the options with zeros replaced, or an error that names
// the option that is wrong.
func (o *Options) withDefaults() (Options, error) {
	var v Options
	if o != nil {
		v = *o
	}
	if v.Steps == 0 {
		v.Steps = defaultSteps
		if v.Sigmas != nil {
			v.Steps = len(v.Sigmas) - 1
		}
	}
	if v.Guidance == 0 {
		v.Guidance = defaultGuidance
	}
	if v.Images == 0 {
		v.Images = 1
	}
	switch {
	case v.Images < 1 || v.Images > maxImages:
		return v, badOption("Images", "have %d, want 1 to %d", v.Images, maxImages)
	case v.Sigmas == nil && (v.Steps < 1 || v.Steps > maxSteps):
		return v, badOption("Steps", "have %d, want 1 to %d", v.Steps, maxSteps)
	case !(v.Guidance >= 0 && v.Guidance <= maxGuidance):
		return v, badOption("Guidance", "have %v, want 0 to %d", v.Guidance, maxGuidance)
	case !(v.ImageGuidance >= 0 && v.ImageGuidance <= maxGuidance):
		return v, badOption("ImageGuidance", "have %v, want 0 to %d", v.ImageGuidance, maxGuidance)
	case !(v.GuidanceRescale >= 0 && v.GuidanceRescale <= 1):
		return v, badOption("GuidanceRescale", "have %v, want 0 to 1", v.GuidanceRescale)
	case !(v.GuidanceInterval.Low >= 0) || !(v.GuidanceInterval.High == 0 || v.GuidanceInterval.High >= v.GuidanceInterval.Low):
		return v, badOption("GuidanceInterval", "have %v to %v, want 0 ≤ low ≤ high", v.GuidanceInterval.Low, v.GuidanceInterval.High)
	case !(v.Eta >= 0 && v.Eta <= 1):
		return v, badOption("Eta", "have %v, want 0 to 1", v.Eta)
	case !(v.Strength >= 0 && v.Strength <= 1) || math.IsNaN(v.Strength):
		return v, badOption("Strength", "have %v, want above 0, to 1", v.Strength)
	case v.Reuse.Interval < 0:
		return v, badOption("Reuse", "have an interval of %d calls, want 1 or more, or 0 for none", v.Reuse.Interval)
	case !(v.Reuse.Threshold >= 0) || math.IsInf(v.Reuse.Threshold, 0):
		return v, badOption("Reuse", "have threshold %v, want a positive number, or 0 for none", v.Reuse.Threshold)
	case v.ClipSkip < 0:
		return v, badOption("ClipSkip", "have %d, want 0 or more", v.ClipSkip)
	}
	return v, nil
}

// size replaces zeros in the size of the picture by the given one and checks it.
func (o *Options) size(width, height, factor int) error {
	if o.Width == 0 && width < factor || o.Height == 0 && height < factor {
		return tooSmall(width, height, factor)
	}
	if o.Width == 0 {
		o.Width = width / factor * factor
	}
	if o.Height == 0 {
		o.Height = height / factor * factor
	}
	for option, side := range map[string]int{"Width": o.Width, "Height": o.Height} {
		if side < factor || side%factor != 0 || side > maxSide {
			return wrong(option, fmt.Errorf("diffusion: size: have %d×%d pixels, want multiples of %d to %d", o.Width, o.Height, factor, maxSide))
		}
	}
	return nil
}

// tooSmall is the error of an image whose sides are less than they have to be for the size of
// the picture to follow from them.
func tooSmall(width, height, least int) error {
	return wrong("Width", fmt.Errorf("diffusion: image: have %d×%d pixels, want at least %d×%d, or a width and height in the options", width, height, least, least))
}
