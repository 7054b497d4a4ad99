package diffusion

import (
	"fmt"
	"reflect"
)

// checked is a Guider, or a part of one, of this package whose fields may be wrong.
type checked interface {
	// check returns an error for a wrong field. Steps is how many the run has, or 0 where
	// that is not known.
	check(steps int) error
}

// checkFields wants no wrong field of a Guider of this package.
func checkFields(g Guider, steps int) error {
	if c, ok := g.(checked); ok {
		if err := c.check(steps); err != nil {
			return badOption("Guider", "%w", err)
		}
	}
	return nil
}

// checkInner wants no wrong field of a part of a Guider, which may be nil.
func checkInner(outer string, part any, steps int) error {
	if v := reflect.ValueOf(part); v.Kind() == reflect.Pointer && v.IsNil() {
		return fmt.Errorf("%s: have a nil %T, want one that points to a value", outer, part)
	}
	if c, ok := part.(checked); ok {
		return c.check(steps)
	}
	return nil
}
