package mapped

import "reflect"

// Identity says what the numbers of tensors are: the files that they are in, and what else
// decides which bytes of them are which tensor's.
type Identity struct {
	Files  []*File
	Layout string
}

// Identified is a source of tensors that may have an [Identity].
type Identified interface {
	Identity() (id Identity, ok bool)
}

// getters find the identity of a file of tensors, by its type.
var getters = make(map[reflect.Type]func(file any) Identity)

// Inside says how the identity of a file of tensors is found. Packages of file formats call
// it when they are initialised, so that they need no method for it that others see.
func Inside[T any](get func(file T) Identity) {
	getters[reflect.TypeFor[T]()] = func(file any) Identity { return get(file.(T)) }
}

// IdentityOf returns the identity of a source, if it has one: what is read from files
// alone, and changed by no code of a caller's.
func IdentityOf(source any) (id Identity, ok bool) {
	if i, ok := source.(Identified); ok {
		return i.Identity()
	}
	get := getters[reflect.TypeOf(source)]
	if get == nil {
		return Identity{}, false
	}
	return get(source), true
}
