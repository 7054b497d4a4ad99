package diffusion

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"sdgo/internal/quote"
	"sdgo/internal/spelling"
	"sdgo/sampler"
)

// naming is how values of a type go into JSON and come out of it.
type naming struct {
	encode func(v reflect.Value) (json.RawMessage, error)
	decode func(data []byte, v reflect.Value) error
}

// namingOf returns the naming of a type whose values go by names: samplers, sources of noise,
// Guiders, and whole numbers that have some.
func namingOf(t reflect.Type) (naming, bool) {
	switch t {
	case reflect.TypeFor[sampler.Sampler]():
		return naming{encodeSampler, decodeSampler}, true
	case reflect.TypeFor[func(seed uint64) sampler.Noise]():
		return naming{encodeNoise, decodeNoise}, true
	case reflect.TypeFor[Guider]():
		return naming{encodeGuider, decodeGuider}, true
	}
	if t.Kind() == reflect.Int && t.Implements(reflect.TypeFor[fmt.Stringer]()) {
		return naming{encodeChoice, decodeChoice}, true
	}
	return naming{}, false
}

// maxChoices is more than any type of choices has.
const maxChoices = 64

// choicesOf are the names of a type's values, from zero on. What has none is written as a number
// in parentheses.
func choicesOf(t reflect.Type) (names []string) {
	for i := range maxChoices {
		name := reflect.ValueOf(i).Convert(t).Interface().(fmt.Stringer).String()
		if strings.Contains(name, "(") {
			break
		}
		names = append(names, name)
	}
	return names
}

func encodeChoice(v reflect.Value) (json.RawMessage, error) {
	if names := choicesOf(v.Type()); v.Int() >= 0 && v.Int() < int64(len(names)) {
		return marshal(names[v.Int()])
	}
	return nil, errNoForm
}

func decodeChoice(data []byte, v reflect.Value) error {
	var name string
	names := choicesOf(v.Type())
	err := json.Unmarshal(data, &name)
	i := slices.Index(names, name)
	if err != nil || i < 0 {
		return fmt.Errorf("have %s, want %s", cutKey(string(data)), strings.Join(names, " or "))
	}
	v.SetInt(int64(i))
	return nil
}

// TorchNoise as Options.NewNoise is what nil is: the stream of torch.Generator("cpu").
func TorchNoise(seed uint64) sampler.Noise { return sampler.NewTorch(seed).Normal }

// PhiloxNoise as Options.NewNoise draws as torch does on CUDA, and with it the programs that
// draw on the graphics processor.
func PhiloxNoise(seed uint64) sampler.Noise { return sampler.NewPhilox(seed).Normal }

// noises are the sources of noise that have names.
var noises = map[string]func(seed uint64) sampler.Noise{"torch": TorchNoise, "philox": PhiloxNoise}

func encodeNoise(v reflect.Value) (json.RawMessage, error) {
	for name, f := range noises {
		if v.Pointer() == reflect.ValueOf(f).Pointer() { // which of plain functions tells them apart
			return marshal(name)
		}
	}
	return nil, errNoForm
}

func decodeNoise(data []byte, v reflect.Value) error {
	var name string
	if err := json.Unmarshal(data, &name); err != nil || noises[name] == nil && name != "" {
		return fmt.Errorf("have %s, want %s", cutKey(string(data)), strings.Join(sortedKeys(noises), " or "))
	}
	v.Set(reflect.ValueOf(noises[name]))
	return nil
}

// samplerName is the key of a sampler's name, beside the fields in which it differs from the
// sampler of that name.
const samplerName = "name"

func encodeSampler(v reflect.Value) (json.RawMessage, error) {
	if v.IsNil() {
		return json.RawMessage("null"), nil
	}
	own := v.Elem()
	if own.Kind() == reflect.Pointer {
		own = own.Elem()
	}
	if own.Kind() != reflect.Struct { // of the caller's own, or nil
		return nil, errNoForm
	}
	info, ok := sampler.Describe(v.Interface().(sampler.Sampler))
	if !ok {
		return nil, errNoForm
	}
	named, err := sampler.ByName(info.Name)
	if err != nil || reflect.TypeOf(named) != own.Type() { // wrapped
		return nil, errNoForm
	}
	fields, err := encodeStruct(own, reflect.ValueOf(named))
	if err != nil {
		return nil, err
	}
	name, err := marshal(info.Name)
	if err != nil || len(fields) == 0 {
		return name, err
	}
	fields[samplerName] = name
	return marshal(fields)
}

func decodeSampler(data []byte, v reflect.Value) error {
	var label string
	if json.Unmarshal(data, &label) == nil {
		return setSampler(label, v)
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(data, &object); err != nil || json.Unmarshal(object[samplerName], &label) != nil {
		return fmt.Errorf(`have %s, want a name, or an object with a name: {"name": "euler"}`, cutKey(string(data)))
	}
	if err := setSampler(label, v); err != nil {
		return err
	}
	s := reflect.New(v.Elem().Type()).Elem()
	s.Set(v.Elem())
	if err := decodeStruct(label, data, s, samplerName); err != nil {
		return err
	}
	v.Set(s)
	return nil
}

// setSampler sets v to the sampler of a name; of none to nil.
func setSampler(name string, v reflect.Value) error {
	if name == "" {
		v.SetZero()
		return nil
	}
	s, err := sampler.ByName(name)
	if err != nil {
		var names []string
		for _, info := range sampler.Nearest(name)[:near] {
			names = append(names, info.Name)
		}
		return fmt.Errorf("have %q, want one of %s", quote.Cut(name), strings.Join(names, ", "))
	}
	v.Set(reflect.ValueOf(s))
	return nil
}

// near is how many names a message has for one that is not known.
const near = 3

// nearest lists the names that are likest to one.
func nearest(names []string, name string) string {
	names = slices.Clone(names)
	spelling.Sort(names, name, func(n string) []string { return []string{n} })
	return strings.Join(names[:min(near, len(names))], ", ")
}

// sortedKeys are those of a map.
func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// cutKey is a part of what was read, for a message.
func cutKey(s string) string { return quote.Cut(s) }

// wantList is the error for what is no list.
func wantList(data []byte) error {
	return fmt.Errorf("have %s, want a list", quote.Cut(string(data)))
}
