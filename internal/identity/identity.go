// Package identity tells values apart that a run was made with, such as its sampler, when
// the run was saved by another process.
package identity

import (
	"fmt"
	"reflect"
	"strings"
)

// Of returns the type of v, or of what it points to, and its exported fields where those
// are plain data, or hold such values in their turn.
func Of(v any) string {
	var b strings.Builder
	describe(&b, reflect.ValueOf(v), 0)
	return b.String()
}

// Bounds on the description of options that hold themselves, or a model.
const (
	maxDepth       = 10
	maxDescription = 1 << 20
)

// describe writes the plain data of v. What is none, such as a function, is left out.
func describe(b *strings.Builder, v reflect.Value, depth int) {
	if depth > maxDepth || b.Len() > maxDescription {
		return
	}
	switch v.Kind() {
	case reflect.Invalid:
		b.WriteString("nil")
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			b.WriteString("nil")
			return
		}
		describe(b, v.Elem(), depth+1)
	case reflect.Struct:
		fmt.Fprintf(b, "%s{", v.Type())
		for i := range v.NumField() {
			if field := v.Type().Field(i); field.IsExported() {
				fmt.Fprintf(b, " %s: ", field.Name)
				describe(b, v.Field(i), depth+1)
			}
		}
		b.WriteString(" }")
	case reflect.Slice, reflect.Array:
		b.WriteString("[")
		for i := 0; i < v.Len() && b.Len() <= maxDescription; i++ {
			b.WriteString(" ")
			describe(b, v.Index(i), depth+1)
		}
		b.WriteString(" ]")
	case reflect.Bool, reflect.String,
		reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64,
		reflect.Float32, reflect.Float64, reflect.Complex64, reflect.Complex128:
		fmt.Fprintf(b, "%v", v)
	default:
		b.WriteString(v.Type().String())
	}
}
