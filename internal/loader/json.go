package loader

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	"sdgo/internal/pyjson"
	"sdgo/internal/quote"
)

// maxJSON bounds a configuration file; those of published models have a few KiB.
const maxJSON = 1 << 20

// ReadJSON decodes an object in a JSON file of at most 1 MiB, as Python writes it, into
// v: see [pyjson.Unmarshal]. Anything but white space after the object is an error.
// Errors name the file.
func ReadJSON(ctx context.Context, fsys fs.FS, name string, v any) error {
	src, err := ReadFile(ctx, fsys, name, maxJSON)
	if err != nil {
		return fmt.Errorf("loader: %w", err)
	}
	err = pyjson.Unmarshal(src, v)
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return fmt.Errorf("loader: %s: offset %d: %w", name, syntax.Offset, quote.Error(err))
	case errors.As(err, &kind) && kind.Field == "": // of the value as a whole
		return fmt.Errorf("loader: %s: have JSON of kind %s, want an object", name, kind.Value)
	case err != nil:
		return fmt.Errorf("loader: %s: %w", name, quote.Error(err))
	case string(bytes.TrimSpace(src)) == "null":
		return fmt.Errorf("loader: %s: have JSON of kind null, want an object", name)
	}
	return nil
}
