package loader

import (
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

// ReadJSON decodes a JSON file of at most 1 MiB, as Python writes it, into v: see
// [pyjson.Unmarshal]. Anything but white space after the value is an error. Errors
// name the file.
func ReadJSON(ctx context.Context, fsys fs.FS, name string, v any) error {
	src, err := ReadFile(ctx, fsys, name, maxJSON)
	if err != nil {
		return fmt.Errorf("loader: %w", err)
	}
	if err := pyjson.Unmarshal(src, v); err != nil {
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			return fmt.Errorf("loader: %s: offset %d: %w", name, syntax.Offset, quote.Error(err))
		}
		return fmt.Errorf("loader: %s: %w", name, quote.Error(err))
	}
	return nil
}
