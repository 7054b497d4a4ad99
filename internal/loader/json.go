package loader

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	"sdgo/internal/pyjson"
)

// maxJSON bounds a configuration file; the largest of a published model is a
// vocabulary of about 1 MiB.
const maxJSON = 16 << 20

// ReadJSON decodes a JSON file of at most 16 MiB, as Python writes it, into v: see
// [pyjson.Unmarshal]. Anything but white space after the value is an error. Errors
// name the file.
func ReadJSON(fsys fs.FS, name string, v any) error {
	src, err := ReadFile(fsys, name, maxJSON)
	if err != nil {
		return fmt.Errorf("loader: %w", err)
	}
	if err := pyjson.Unmarshal(src, v); err != nil {
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			return fmt.Errorf("loader: %s: offset %d: %w", name, syntax.Offset, err)
		}
		return fmt.Errorf("loader: %s: %w", name, err)
	}
	return nil
}
