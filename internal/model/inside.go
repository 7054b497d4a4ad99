package model

import "reflect"

// getters find the model in a part of a pipeline, by the part's type.
var getters = make(map[reflect.Type]func(part any) *Model)

// Inside says how the model in a part of a pipeline is found. Packages of parts call it
// when they are initialised: what a pipeline needs of its parts and their other users do
// not, such as claims on their memory, is reached with [Of] and is no method of theirs.
func Inside[T any](get func(part T) *Model) {
	getters[reflect.TypeFor[T]()] = func(part any) *Model { return get(part.(T)) }
}

// Of returns the model in a part that was loaded, such as a *unet.UNet.
func Of(part any) *Model { return getters[reflect.TypeOf(part)](part) }
