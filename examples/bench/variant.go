package main

import (
	"io/fs"
	"slices"

	weights "sdgo/internal/loader"
)

// variantOf returns the variant where the part in the folder dir has such files; else
// the plain ones are measured, as a pipeline has them.
func (o *options) variantOf(fsys fs.FS, dir, base string) string {
	have, _ := weights.Variants(fsys, dir, base) // loading the part says what is wrong
	if slices.Contains(have, o.variant) {
		return o.variant
	}
	return ""
}
