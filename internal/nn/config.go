package nn

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"sdgo/internal/pyjson"
)

// DecodeConfig decodes a config.json into the struct that config points to,
// whose values on entry are the defaults. Keys that begin with an underscore are
// skipped; any other that the struct does not have is an error.
func DecodeConfig(data []byte, config any) error {
	var keys map[string]json.RawMessage
	if err := pyjson.Unmarshal(data, &keys); err != nil {
		return err
	}
	for k := range keys {
		if strings.HasPrefix(k, "_") {
			delete(keys, k)
		}
	}
	known, err := json.Marshal(keys)
	if err != nil {
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(known))
	dec.DisallowUnknownFields()
	if err := dec.Decode(config); err != nil {
		return fmt.Errorf("%s", strings.TrimPrefix(err.Error(), "json: "))
	}
	return nil
}

// Ints is a list in JSON that may be written as one number for all.
type Ints []int

// UnmarshalJSON accepts a number, a list or null.
func (l *Ints) UnmarshalJSON(data []byte) error {
	return unmarshalList((*[]int)(l), data)
}

// At returns element i, or the only one.
func (l Ints) At(i int) int { return at(l, i) }

// Bools is a list in JSON that may be written as one value for all.
type Bools []bool

// UnmarshalJSON accepts a bool, a list or null.
func (l *Bools) UnmarshalJSON(data []byte) error {
	return unmarshalList((*[]bool)(l), data)
}

// At returns element i, or the only one.
func (l Bools) At(i int) bool { return at(l, i) }

func at[T any](l []T, i int) T {
	if len(l) == 1 {
		return l[0]
	}
	return l[i]
}

func unmarshalList[T any](l *[]T, data []byte) error {
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
	return fmt.Sprintf("%s: have %v, want %s", key, have, want)
}

// Verify returns an error that names all that is wrong.
func Verify(problems ...string) error {
	problems = slices.DeleteFunc(problems, func(p string) bool { return p == "" })
	if len(problems) == 0 {
		return nil
	}
	return errors.New(strings.Join(problems, "; "))
}
