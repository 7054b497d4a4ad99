// Package config decodes the config.json of a model in the words of diffusers, and
// says what stands in the way.
package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"sdgo/internal/pyjson"
	"sdgo/internal/quote"
)

// harmless are keys that say nothing of the structure: what an average of the weights
// over training was computed with, and how weights were stored.
const harmless = "decay inv_gamma min_decay optimization_step power update_after_step use_ema_warmup dtype torch_dtype transformers_version"

// Decode decodes a config.json of the given class of diffusers into the struct
// that config points to, whose values on entry are the defaults. A key that the struct
// does not have is left out: without a word if it begins with an underscore, is null or
// false, or is known to be harmless; with a warning if it is not known. It is an error
// if it is a key of another class, whose structure is another.
func Decode(data []byte, class string, config any) (warnings []string, err error) {
	var keys map[string]json.RawMessage
	if err := pyjson.Unmarshal(data, &keys); err != nil {
		return nil, quote.Error(err)
	}
	if keys == nil {
		return nil, errors.New("have null, want an object")
	}
	if err := pyjson.DropDefaults(keys); err != nil {
		return nil, err
	}
	if err := CheckClass(keys, class); err != nil {
		return nil, err
	}
	fields := fieldsOf(config)
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		field, ok := fields[key]
		if !ok {
			continue
		}
		if err := json.Unmarshal(keys[key], field.Addr().Interface()); err != nil {
			return nil, fmt.Errorf("%s: have %.80s, want %s", key, pyjson.Python(keys[key]), kindName(field.Type()))
		}
	}
	return UnknownKeys(keys, config, ""), nil
}

// UnknownKeys returns the warnings of [Decode] for the keys of a config.json that
// the struct that config points to does not have. More are keys that are harmless too,
// separated by white space.
func UnknownKeys(keys map[string]json.RawMessage, config any, more string) (warnings []string) {
	fields, skip := fieldsOf(config), strings.Fields(harmless+" "+more)
	warnings = pyjson.Unknown(keys, func(key string) bool {
		_, ok := fields[key]
		return ok || strings.HasPrefix(key, "_") || slices.Contains(skip, key)
	})
	for i, w := range warnings {
		warnings[i] = "config.json: " + w
	}
	return warnings
}

// fieldsOf returns the fields of the struct that config points to, by their keys, and those
// of a struct that is embedded in it.
func fieldsOf(config any) map[string]reflect.Value {
	fields := make(map[string]reflect.Value)
	v := reflect.ValueOf(config).Elem()
	for i := range v.NumField() {
		switch f := v.Type().Field(i); {
		case f.Anonymous:
			maps.Copy(fields, fieldsOf(v.Field(i).Addr().Interface()))
		case f.Tag.Get("json") != "-":
			fields[f.Tag.Get("json")] = v.Field(i)
		}
	}
	return fields
}

// kindName says in the words of JSON what a field takes.
func kindName(t reflect.Type) string {
	if t.Kind() == reflect.Slice && reflect.PointerTo(t).Implements(reflect.TypeFor[json.Unmarshaler]()) {
		return kindName(t.Elem()) + " or a list of them" // by List
	}
	switch t.Kind() {
	case reflect.Pointer:
		return kindName(t.Elem()) + " or null"
	case reflect.Int:
		return "an integer"
	case reflect.Float64:
		return "a number"
	case reflect.String:
		return "a text"
	case reflect.Bool:
		return "true or false"
	case reflect.Slice:
		return "a list of which each is " + kindName(t.Elem())
	}
	return "another value"
}

// List decodes a list in JSON that may be written as one value for all, or null.
func List[T any](data []byte, l *[]T) error {
	if l == nil {
		return errors.New("config: have a nil list to decode into")
	}
	if string(data) == "null" {
		*l = nil
		return nil
	}
	if len(data) > 0 && data[0] == '[' {
		*l = nil
		return json.Unmarshal(data, l)
	}
	var one T
	if err := json.Unmarshal(data, &one); err != nil {
		return err
	}
	*l = []T{one}
	return nil
}

// Want returns "" if ok, else what is wrong with the value of a key.
func Want(key string, have any, ok bool, want string) string {
	if ok {
		return ""
	}
	return fmt.Sprintf("%s: have %s, want %s", key, quote.Value(have), want)
}

// Verify returns an error that names all that is wrong.
func Verify(problems ...string) error {
	problems = slices.DeleteFunc(problems, func(p string) bool { return p == "" })
	if len(problems) == 0 {
		return nil
	}
	return errors.New(strings.Join(problems, "; "))
}
