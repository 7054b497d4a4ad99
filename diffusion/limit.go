package diffusion

import (
	"fmt"
	"slices"
)

// LimitError says that a call asks for more than an operator's limit in LoadOptions
// allows. It is in the [OptionError] of the option, Width for the pixels of a picture, and for
// tokens Regions if there are any, else Syntax.
type LimitError struct {
	Limit      string // the field of LoadOptions
	Have, Most int
}

// Error implements error.
func (e *LimitError) Error() string {
	return fmt.Sprintf("diffusion: have %d %s, want at most %d (LoadOptions.%s)", e.Have, limited[e.Limit], e.Most, e.Limit)
}

// limited is what the limits count.
var limited = map[string]string{
	"MaxPixels": "pixels in a picture", "MaxSteps": "steps", "MaxImages": "images", "MaxTokens": "tokens of text for a picture",
}

// limits are those of an operator on one call; zero means none.
type limits struct{ pixels, steps, images, tokens int }

// limits wants the limits to make sense.
func (o *LoadOptions) limits() (limits, error) {
	for _, l := range []struct {
		name string
		most int
	}{{"MaxPixels", o.MaxPixels}, {"MaxSteps", o.MaxSteps}, {"MaxImages", o.MaxImages}, {"MaxTokens", o.MaxTokens}} {
		if l.most < 0 {
			return limits{}, wrong(l.name, fmt.Errorf("diffusion: load: %s: have %d, want 1 or more, or 0 for no limit", l.name, l.most))
		}
	}
	return limits{o.MaxPixels, o.MaxSteps, o.MaxImages, o.MaxTokens}, nil
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

// checkTokens wants what the U-Net reads with conditions, and in regions that it sees alone, to
// be within the limit.
func (l limits) checkTokens(o *Options, conditions []Condition, forms map[Condition][]form, places []*place) error {
	tokens := 0
	for _, c := range conditions {
		all := forms[c]
		for _, p := range places {
			if p.shown {
				all = slices.Concat(all, p.forms[c])
			}
		}
		for _, f := range all {
			tokens += f.tokens
		}
	}
	option := "Syntax"
	if len(o.Regions) > 0 {
		option = "Regions"
	}
	return within(option, "MaxTokens", tokens, l.tokens)
}

func within(option, limit string, have, most int) error {
	if most > 0 && have > most {
		return &OptionError{option, &LimitError{limit, have, most}}
	}
	return nil
}
