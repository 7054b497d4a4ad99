package diffusion

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// GuiderInfo is what is known of a Guider that has a name.
type GuiderInfo struct {
	Name        string
	Description string // with the settings

	zero Guider
}

// guiderNames are the Guiders that have a name.
var guiderNames = []GuiderInfo{
	{"cfg", "classifier-free guidance: scale", ClassifierFree{}},
	{"unguided", "the prompt alone", Unguided{}},
	{"apg", "adaptive projected guidance: scale, parallel, norm, momentum", Projected{}},
	{"zero-star", "CFG-Zero*: scale, zero-steps", ZeroStar{}},
	{"rescaled", "contrast brought back: share, or scale and share", Rescaled{}},
	{"thresholded", "dynamic thresholding: percentile, bound, mimic", Thresholded{}},
	{"pag", "perturbed-attention guidance: scale, layers, decay, low, high", PerturbedAttention{}},
	{"seg", "smoothed-energy guidance: scale, layers, blur, low, high", SmoothedEnergy{}},
	{"scheduled", "a scale that changes: linear, cosine (first/last) or list (one for each step)", Scheduled{}},
	{"interval", "guidance at some noise levels: low, high", LimitedInterval{}},
}

// GuiderNames lists the names that [ParseGuider] knows.
func GuiderNames() []GuiderInfo { return slices.Clone(guiderNames) }

// Bounds on the text of a Guider.
const (
	maxGuiderText  = 1 << 16
	maxGuiderParts = 32
)

// ParseGuider returns the [Guider] that a text says: names with their settings, each around
// what stands before it,
//
//	cfg:scale=9
//	apg:norm=15,parallel=0
//	cfg:scale=5+pag:scale=3,layers=mid/down_blocks.1+rescaled:share=0.7
//	unguided+seg:blur=inf
//
// Settings are the fields of the types, in lower case with a hyphen between words; those
// that are not there are zero, which means the usual. A list has slashes between its
// members. A text that has one of ,/+:" or a space in it stands between quotes, as in Go.
// What can stand around another Guider and has none stands around ClassifierFree.
// [FormatGuider] is the inverse, and [GuiderNames] lists the names.
func ParseGuider(text string) (Guider, error) {
	if len(text) > maxGuiderText {
		return nil, fmt.Errorf("diffusion: guider: have a text of %d bytes, want at most %d", len(text), maxGuiderText)
	}
	parts, err := cutText(text, '+')
	if err == nil && len(parts) > maxGuiderParts {
		err = fmt.Errorf("have %d parts, want at most %d", len(parts), maxGuiderParts)
	}
	if err != nil {
		return nil, fmt.Errorf("diffusion: guider: %w", err)
	}
	var g Guider
	for _, part := range parts {
		if g, err = parsePart(part, g); err != nil {
			return nil, fmt.Errorf("diffusion: guider: %.200q: %w", part, err)
		}
	}
	if c, ok := g.(checked); ok {
		if err := c.check(0); err != nil {
			return nil, fmt.Errorf("diffusion: guider: %w", err)
		}
	}
	return g, nil
}

// parsePart returns a named Guider around another, which may be nil.
func parsePart(part string, inner Guider) (Guider, error) {
	name, settings, has := strings.Cut(part, ":")
	v, err := guiderCalled(strings.TrimSpace(name))
	if err != nil {
		return nil, err
	}
	if inner != nil {
		if err := setInner(v, inner); err != nil {
			return nil, err
		}
	}
	if _, around := v.Interface().(LimitedInterval); around && inner == nil {
		return nil, fmt.Errorf("have nothing before it, want a guidance such as cfg+%s", part)
	}
	if !has {
		return v.Interface().(Guider), nil
	}
	list, err := cutText(settings, ',')
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for _, setting := range list {
		key, value, ok := strings.Cut(setting, "=")
		key = strings.TrimSpace(key)
		if !ok || seen[key] {
			return nil, fmt.Errorf("have %.100q, want settings such as scale=5, each once", setting)
		}
		seen[key] = true
		if err := set(v, key, strings.TrimSpace(value)); err != nil {
			return nil, err
		}
	}
	return v.Interface().(Guider), nil
}

// guiderCalled returns a new value of the Guider with a name, whose fields can be set.
func guiderCalled(name string) (reflect.Value, error) {
	var names []string
	for _, n := range guiderNames {
		if n.Name == name {
			return reflect.New(reflect.TypeOf(n.zero)).Elem(), nil
		}
		names = append(names, n.Name)
	}
	return reflect.Value{}, fmt.Errorf("have name %.100q, want one of %s", name, strings.Join(names, ", "))
}

// setInner puts a Guider into the one that stands around it.
func setInner(v reflect.Value, inner Guider) error {
	field := v.FieldByName("Guider")
	switch {
	case !field.IsValid():
		return fmt.Errorf("have a guidance before it, want none: it stands around no other")
	case !reflect.TypeOf(inner).AssignableTo(field.Type()):
		return fmt.Errorf("have a %T before it, want one with a scale", inner)
	}
	field.Set(reflect.ValueOf(inner))
	return nil
}

// FormatGuider returns the text that [ParseGuider] takes for a Guider of this package, with
// those in it. It is an error for others, and for a [ScaleSchedule] of the caller's own.
func FormatGuider(g Guider) (string, error) {
	text, err := formatGuider(reflect.ValueOf(g), 0)
	if err != nil {
		return "", fmt.Errorf("diffusion: guider: %w", err)
	}
	return text, nil
}

func formatGuider(v reflect.Value, depth int) (string, error) {
	for v.IsValid() && (v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface) {
		v = v.Elem()
	}
	if !v.IsValid() {
		return "", fmt.Errorf("have nil, want a Guider")
	}
	name := ""
	for _, n := range guiderNames {
		if reflect.TypeOf(n.zero) == v.Type() {
			name = n.Name
		}
	}
	if name == "" || depth >= maxGuiderParts {
		return "", fmt.Errorf("have a %v, which has no name", v.Type())
	}
	settings, err := settingsOf(v)
	if err != nil {
		return "", err
	}
	if len(settings) > 0 {
		name += ":" + strings.Join(settings, ",")
	}
	if inner := v.FieldByName("Guider"); inner.IsValid() && !inner.IsNil() {
		before, err := formatGuider(inner, depth+1)
		return before + "+" + name, err
	}
	return name, nil
}
