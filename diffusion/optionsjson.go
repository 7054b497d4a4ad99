package diffusion

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// leftOutKey is the key under which the options are listed that JSON does not hold.
const leftOutKey = "left_out"

// MarshalJSON writes the options that are not zero as a JSON object, their names in lower
// case: {"clip_skip": 1, "sampler": "euler", "steps": 20}. A sampler goes by its name, with
// the fields in which it differs from the sampler of that name; a Guider by the text of
// [FormatGuider]; NewNoise by "torch" or "philox", if it is [TorchNoise] or [PhiloxNoise]. What has no name, tensors, functions, adapters and samplers
// of the caller's own, is left out, and listed under "left_out"; see [Options.LeftOut].
func (o Options) MarshalJSON() ([]byte, error) {
	object, left := o.object()
	if left != nil {
		object[leftOutKey], _ = json.Marshal(left) // a list of texts
	}
	return json.Marshal(object)
}

// UnmarshalJSON reads what [Options.MarshalJSON] writes, and sets the options that it has; the others
// stay as they are. What "left_out" lists stays, too. A key that is unknown is an error that
// says what it may have meant, and so is a value of another kind. The options are not checked
// otherwise, as they depend on a model: a call does that.
func (o *Options) UnmarshalJSON(data []byte) error {
	if o == nil {
		return errors.New("diffusion: options: have nil, want some to set")
	}
	read := *o
	if err := decodeStruct("options", data, reflect.ValueOf(&read).Elem(), leftOutKey); err != nil {
		return fmt.Errorf("diffusion: %w", err)
	}
	*o = read
	return nil
}

// LeftOut lists the options that are set and that JSON does not hold, by the names of their
// fields.
func (o *Options) LeftOut() []string {
	if o == nil {
		return nil
	}
	_, left := o.object()
	return left
}

// object returns the options that are set, by their keys, and the names of those that have
// no form in JSON.
func (o *Options) object() (object map[string]json.RawMessage, left []string) {
	object = map[string]json.RawMessage{}
	v := reflect.ValueOf(o).Elem()
	for i := range v.NumField() {
		field := v.Type().Field(i)
		if v.Field(i).IsZero() {
			continue
		}
		text, err := encodeValue(v.Field(i), reflect.Zero(field.Type))
		if err != nil {
			left = append(left, field.Name)
			continue
		}
		object[keyOf(field)] = text
	}
	return object, left
}

// errNoForm is the error for a value that JSON does not hold.
var errNoForm = errors.New("have a value that has no form in JSON")

// keyOf is the key of a field.
func keyOf(f reflect.StructField) string {
	if tag, _, _ := strings.Cut(f.Tag.Get("json"), ","); tag != "" {
		return tag
	}
	return strings.ReplaceAll(words(f.Name), " ", "_")
}

// encodeValue returns the form of a value. Of a struct it has the fields that differ from base.
func encodeValue(v, base reflect.Value) (json.RawMessage, error) {
	if n, ok := namingOf(v.Type()); ok {
		return n.encode(v)
	}
	if !hasForm(v.Type()) {
		return nil, errNoForm
	}
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return json.RawMessage("null"), nil
		}
		return encodeValue(v.Elem(), reflect.Zero(v.Type().Elem()))
	case reflect.Struct:
		object, err := encodeStruct(v, base)
		if err != nil {
			return nil, err
		}
		return marshal(object)
	case reflect.Slice:
		list := make([]json.RawMessage, v.Len())
		for i := range list {
			var err error
			if list[i], err = encodeValue(v.Index(i), reflect.Zero(v.Type().Elem())); err != nil {
				return nil, err
			}
		}
		return marshal(list)
	}
	return marshal(v.Interface())
}

// marshal is json.Marshal without escapes for HTML, for texts that people read.
func marshal(v any) (json.RawMessage, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil { // a number that is none
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// encodeStruct returns the fields of v that differ from those of base.
func encodeStruct(v, base reflect.Value) (map[string]json.RawMessage, error) {
	object := map[string]json.RawMessage{}
	for i := range v.NumField() {
		field := v.Type().Field(i)
		if !field.IsExported() || isOut(field) {
			if !v.Field(i).IsZero() {
				return nil, errNoForm
			}
			continue
		}
		if reflect.DeepEqual(v.Field(i).Interface(), base.Field(i).Interface()) {
			continue
		}
		text, err := encodeValue(v.Field(i), base.Field(i))
		if err != nil {
			return nil, err
		}
		object[keyOf(field)] = text
	}
	return object, nil
}

// decodeStruct sets the fields of v that an object has. Where is what the object is, for
// errors; keys that are allowed beside those of the fields are passed over.
func decodeStruct(where string, data []byte, v reflect.Value, allowed ...string) error {
	var object map[string]json.RawMessage
	if err := json.Unmarshal(data, &object); err != nil {
		return fmt.Errorf("%s: %w", where, err)
	}
	fields := map[string]int{}
	for i := range v.NumField() {
		if field := v.Type().Field(i); field.IsExported() && !isOut(field) && hasForm(field.Type) {
			fields[keyOf(field)] = i
		}
	}
	for _, key := range sortedKeys(object) {
		i, ok := fields[key]
		switch {
		case ok:
			if err := decodeValue(where+": "+key, object[key], v.Field(i)); err != nil {
				return err
			}
		case !slices.Contains(allowed, key):
			return fmt.Errorf("%s: have key %q, want one of %s", where, cutKey(key), nearest(slices.Concat(sortedKeys(fields), allowed), key))
		}
	}
	return nil
}

// decodeValue sets v to what data have.
func decodeValue(where string, data []byte, v reflect.Value) (err error) {
	if n, ok := namingOf(v.Type()); ok {
		if err := n.decode(data, v); err != nil {
			return fmt.Errorf("%s: %w", where, err)
		}
		return nil
	}
	if string(data) == "null" {
		v.SetZero()
		return nil
	}
	switch v.Kind() {
	case reflect.Pointer:
		target := reflect.New(v.Type().Elem())
		if err = decodeValue(where, data, target.Elem()); err == nil {
			v.Set(target)
		}
		return err
	case reflect.Struct:
		return decodeStruct(where, data, v)
	case reflect.Slice:
		var list []json.RawMessage
		if err := json.Unmarshal(data, &list); err != nil {
			return fmt.Errorf("%s: %w", where, wantList(data))
		}
		read := reflect.MakeSlice(v.Type(), len(list), len(list))
		for i, text := range list {
			if err := decodeValue(fmt.Sprintf("%s: number %d", where, i), text, read.Index(i)); err != nil {
				return err
			}
		}
		v.Set(read)
		return nil
	}
	if err := json.Unmarshal(data, v.Addr().Interface()); err != nil {
		return fmt.Errorf("%s: have %s, want %s", where, cutKey(string(data)), plainKinds[v.Kind()])
	}
	return nil
}

// hasForm says whether values of a type may have a form in JSON. Lists of lists of numbers are
// tensors, and lists of bytes what was saved.
func hasForm(t reflect.Type) bool {
	if _, ok := namingOf(t); ok {
		return true
	}
	switch t.Kind() {
	case reflect.Pointer:
		return hasForm(t.Elem())
	case reflect.Slice:
		return t.Elem().Kind() != reflect.Slice && hasForm(t.Elem())
	case reflect.Struct:
		for i := range t.NumField() {
			if f := t.Field(i); !f.IsExported() || !isOut(f) && !hasForm(f.Type) {
				return false
			}
		}
		return t.NumField() > 0
	}
	_, plain := plainKinds[t.Kind()]
	return plain
}

// isOut says whether a field is never written: of a struct that is, it must be zero.
func isOut(f reflect.StructField) bool { return f.Tag.Get("json") == "-" }

// plainKinds are the kinds of plain values, in words.
var plainKinds = map[reflect.Kind]string{
	reflect.Bool: "true or false", reflect.String: "a text", reflect.Int: "a whole number", reflect.Uint64: "a whole number, 0 or more",
	reflect.Float64: "a number",
}
