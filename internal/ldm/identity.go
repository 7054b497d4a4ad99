package ldm

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"sdgo/internal/mapped"
)

// Identity implements [mapped.Identified].
func (p *Part) Identity() (mapped.Identity, bool) {
	id, ok := mapped.IdentityOf(p.tensors)
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(p.pieces)) {
		piece := p.pieces[name]
		fmt.Fprintf(&b, "%q %q %v %d %v\n", name, piece.name, piece.shape, piece.from, piece.transposed)
	}
	id.Layout += "part\n" + b.String()
	return id, ok
}

// Identity implements [mapped.Identified].
func (v *view) Identity() (mapped.Identity, bool) {
	id, ok := mapped.IdentityOf(v.Tensors)
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(v.from)) {
		fmt.Fprintf(&b, "%q %q\n", name, v.from[name])
	}
	id.Layout += "view\n" + b.String()
	return id, ok
}
