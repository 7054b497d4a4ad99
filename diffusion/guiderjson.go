package diffusion

import (
	"encoding/json"
	"fmt"
	"reflect"
)

// encodeGuider writes a Guider as its text.
func encodeGuider(v reflect.Value) (json.RawMessage, error) {
	if v.IsNil() {
		return json.RawMessage("null"), nil
	}
	text, err := FormatGuider(v.Interface().(Guider))
	if err != nil {
		return nil, errNoForm
	}
	return marshal(text)
}

// decodeGuider sets a Guider to what its text says.
func decodeGuider(data []byte, v reflect.Value) error {
	var text *string
	if err := json.Unmarshal(data, &text); err != nil {
		return fmt.Errorf("have %s, want the text of a guidance, such as \"cfg:scale=5+pag\"", cutKey(string(data)))
	}
	if text == nil {
		v.SetZero()
		return nil
	}
	g, err := ParseGuider(*text)
	if err != nil {
		return err
	}
	v.Set(reflect.ValueOf(g))
	return nil
}
