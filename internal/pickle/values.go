package pickle

import (
	"fmt"

	"sdgo/safetensors"
)

// What the machine makes: nil, bool, int64, float64, string, and these.
type (
	long   []byte // an integer of more than 64 bits, two's complement, little endian
	octets []byte // Python's bytes
	tuple  []any
	list   struct{ items []any }

	// dict is a dict or what was made of one. Of entries with one text as key the last
	// counts; other keys are not compared.
	dict struct {
		keys, values []any
		places       map[string]int
	}

	// object is a value of a class that nobody looks into but for its state.
	object struct {
		class *global
		state any
	}

	// global is a function, class or type of the closed list.
	global struct {
		module, name string
		call         func(args tuple) (any, error) // nil: it is not called
		dtype        safetensors.DType             // of a type of numbers
		storage      bool                          // a class of storages
	}
)

// set gives a key its value.
func (d *dict) set(key, value any) {
	text, ok := key.(string)
	if ok {
		if i, ok := d.places[text]; ok {
			d.values[i] = value
			return
		}
		if d.places == nil {
			d.places = make(map[string]int)
		}
		d.places[text] = len(d.keys)
	}
	d.keys, d.values = append(d.keys, key), append(d.values, value)
}

// get returns the value of a text.
func (d *dict) get(key string) any {
	if i, ok := d.places[key]; ok {
		return d.values[i]
	}
	return nil
}

// show returns a number or text for messages, and of other values their kind.
func show(v any) string {
	switch v.(type) {
	case bool, int64, float64:
		return fmt.Sprint(v)
	case string:
		return fmt.Sprintf("%.40q", v)
	}
	return kind(v)
}

// kind names the kind of a value for messages.
func kind(v any) string {
	switch v := v.(type) {
	case nil:
		return "None"
	case bool:
		return "a bool"
	case int64, long:
		return "an integer"
	case float64:
		return "a float"
	case string:
		return "a text"
	case octets:
		return "bytes"
	case tuple:
		return "a tuple"
	case *list:
		return "a list"
	case *dict:
		return "a dict"
	case *tensor:
		return "a tensor"
	case view:
		return "a storage"
	case *global:
		return v.module + "." + v.name
	case *object:
		return "a value of " + v.class.module + "." + v.class.name
	}
	return fmt.Sprintf("a %T", v)
}
