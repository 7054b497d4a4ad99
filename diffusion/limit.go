package diffusion

import "fmt"

// LimitError says that a call asks for more than an operator's limit in LoadOptions
// allows. It is in the [OptionError] of the option, Width for the pixels of a picture.
type LimitError struct {
	Limit      string // the field of LoadOptions
	Have, Most int
}

// Error implements error.
func (e *LimitError) Error() string {
	return fmt.Sprintf("diffusion: have %d %s, want at most %d (LoadOptions.%s)", e.Have, limited[e.Limit], e.Most, e.Limit)
}

// limited is what the limits count.
var limited = map[string]string{"MaxPixels": "pixels in a picture", "MaxSteps": "steps", "MaxImages": "images"}

// limits are those of an operator on one call; zero means none.
type limits struct{ pixels, steps, images int }

// limits wants the limits to make sense.
func (o *LoadOptions) limits() (limits, error) {
	for _, l := range []struct {
		name string
		most int
	}{{"MaxPixels", o.MaxPixels}, {"MaxSteps", o.MaxSteps}, {"MaxImages", o.MaxImages}} {
		if l.most < 0 {
			return limits{}, wrong(l.name, fmt.Errorf("diffusion: load: %s: have %d, want 1 or more, or 0 for no limit", l.name, l.most))
		}
	}
	return limits{o.MaxPixels, o.MaxSteps, o.MaxImages}, nil
}

// checkNumbers wants options with defaults to be within the limits, but for the size,
// which may be that of an image.
func (l limits) checkNumbers(o *Options) error {
	if err := within("Steps", "MaxSteps", o.Steps, l.steps); err != nil {
		return err
	}
	return within("Images", "MaxImages", o.Images, l.images)
}

// checkSize wants a picture's size to be within the limits.
func (l limits) checkSize(width, height int) error {
	return within("Width", "MaxPixels", width*height, l.pixels) // a side has at most 1<<16
}

func within(option, limit string, have, most int) error {
	if most > 0 && have > most {
		return &OptionError{option, &LimitError{limit, have, most}}
	}
	return nil
}
