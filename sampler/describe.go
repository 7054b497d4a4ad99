package sampler

import (
	"reflect"
	"slices"
)

// A sampler of this package knows its name, and so what [Info] says of it: the scheduler
// class whose levels suit it among others. A pointer to one, and a struct that embeds
// one, have its methods and thereby know it too.
type known interface {
	// name is that of the options, or of those in the table of names that come nearest.
	name() string
}

// maxWrappers bounds the samplers around samplers that are looked through.
const maxWrappers = 10

// Describe returns what is known of a sampler: of one of this package, of what a pointer
// to one points to, and of what another sampler wraps. A sampler wraps the one that its
// method
//
//	Unwrap() Sampler
//
// returns, or without that method the one that it embeds. With options that no name has
// it is the description of the nearest name. It is false for a sampler of another
// package that wraps none of these, and for [EulerLateChurn], which has no name.
func Describe(s Sampler) (info Info, ok bool) {
	for _, s := range layers(s) {
		if k, ok := s.(known); ok {
			info, err := Lookup(k.name())
			return info, err == nil
		}
	}
	return Info{}, false
}

// SchedulerClass returns the scheduler class of diffusers whose levels suit a sampler:
// the one that its method
//
//	SchedulerClass() string
//
// names, or without that method the Class of its description, see [Describe]. It is
// empty where neither is there.
func SchedulerClass(s Sampler) string {
	for _, s := range layers(s) {
		if c, ok := s.(interface{ SchedulerClass() string }); ok {
			return c.SchedulerClass()
		}
	}
	info, _ := Describe(s)
	return info.Class
}

// Inverse says whether the sampler goes from clean latents to noise: whether it is one of
// [Inverses].
func (info Info) Inverse() bool {
	return slices.ContainsFunc(inverses, func(i Info) bool { return i.Name == info.Name })
}

// layers returns a sampler and those that it wraps, from the outside in. It is empty for
// none, and ends before a nil pointer.
func layers(s Sampler) []Sampler {
	var list []Sampler
	for range maxWrappers {
		if IsNil(s) {
			break
		}
		list = append(list, s)
		if w, ok := s.(interface{ Unwrap() Sampler }); ok {
			s = w.Unwrap()
		} else {
			s = embedded(reflect.ValueOf(s))
		}
	}
	return list
}

// embedded returns the first sampler that a struct, or what a pointer points to, embeds,
// or nil. An interface that is embedded brings no methods but its own, so nothing short
// of reflection can ask what it holds.
func embedded(v reflect.Value) Sampler {
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	if v.Kind() != reflect.Struct {
		return nil
	}
	for i := range v.NumField() {
		field := v.Field(i)
		if !v.Type().Field(i).Anonymous {
			continue
		}
		if !field.CanInterface() { // a type that is not exported may embed one
			if s := embedded(field); s != nil {
				return s
			}
			continue
		}
		if s, ok := field.Interface().(Sampler); ok && !IsNil(s) {
			return s
		}
	}
	return nil
}
