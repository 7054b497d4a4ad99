package pyjson

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// Object is what [Indent] makes of a value that is an object in JSON, with <, > and & as
// they are, of which the tokens of a tokenizer have many.
func Object(v any) ([]byte, error) {
	text, err := Marshal(v)
	if err != nil {
		return nil, err
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(text, &fields); err != nil {
		return nil, err
	}
	return Indent(fields)
}

// Marshal is [json.Marshal] with <, > and & as they are, and a line feed at the end.
func Marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return b.Bytes(), err
}

// Indent writes an object as Python's json.dumps(indent=2, sort_keys=True) does, which is
// how diffusers and transformers write configurations, with a line feed at its end. The
// keys of objects within it stay in their order. The strings "inf", "-inf" and "nan", as
// which [Unmarshal] gives Python's words, are these words again.
func Indent(object map[string]json.RawMessage) ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, key := range slices.Sorted(maps.Keys(object)) {
		if i > 0 {
			b.WriteByte(',')
		}
		name, err := json.Marshal(key)
		if err != nil {
			return nil, err
		}
		b.WriteString("\n  ")
		b.Write(name)
		b.WriteString(": ")
		if err := appendValue(&b, object[key]); err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
	}
	if len(object) > 0 {
		b.WriteByte('\n')
	}
	b.WriteString("}\n")
	return b.Bytes(), nil
}

func appendValue(b *bytes.Buffer, value json.RawMessage) error {
	for _, w := range words {
		if string(value) == w.quoted {
			b.WriteString(w.bare)
			return nil
		}
	}
	return json.Indent(b, value, "  ", "  ")
}
