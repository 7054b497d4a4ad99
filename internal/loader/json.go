package loader

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
)

// maxJSON bounds a configuration file; the largest of a published model is a
// vocabulary of about 1 MiB.
const maxJSON = 16 << 20

// ReadJSON decodes a JSON file of at most 16 MiB into v. Anything but white
// space after the value is an error. Errors name the file.
func ReadJSON(fsys fs.FS, name string, v any) error {
	f, err := fsys.Open(name)
	if err != nil {
		return fmt.Errorf("loader: %w", err)
	}
	defer f.Close()
	src, err := io.ReadAll(io.LimitReader(f, maxJSON+1))
	if err != nil {
		return fmt.Errorf("loader: %s: %w", name, err)
	}
	if len(src) > maxJSON {
		return fmt.Errorf("loader: %s: more than %d bytes of JSON", name, maxJSON)
	}
	if err := json.Unmarshal(src, v); err != nil {
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			return fmt.Errorf("loader: %s: offset %d: %w", name, syntax.Offset, err)
		}
		return fmt.Errorf("loader: %s: %w", name, err)
	}
	return nil
}
