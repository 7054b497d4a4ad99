//go:build gpu && cgo && linux

// Package kernels holds the kernels' PTX, which gen makes of the sources beside it.
package kernels

import (
	"bytes"
	"compress/gzip"
	"embed"
	"fmt"
	"io"
)

//go:embed *.ptx.gz
var files embed.FS

// PTX returns the text of a module for a card of some compute capability, such as 89: the
// newest that the card takes.
func PTX(module string, arch int) (string, error) {
	target := 80
	if arch < target {
		target = 75
	}
	packed, err := files.ReadFile(fmt.Sprintf("%s.sm_%d.ptx.gz", module, target))
	if err != nil {
		return "", fmt.Errorf("cuda: %w", err)
	}
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return "", fmt.Errorf("cuda: %s: %w", module, err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		return "", fmt.Errorf("cuda: %s: %w", module, err)
	}
	return string(text), nil
}
