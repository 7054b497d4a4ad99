package safetensors

import (
	"fmt"
	"slices"
	"strings"

	"sdgo/internal/mapped"
)

func init() {
	mapped.Inside(func(f *File) mapped.Identity {
		id := mapped.Identity{Files: slices.Clone(f.mappings)}
		if len(f.mappings) == 1 {
			return id // whose content says all
		}
		var b strings.Builder
		for _, t := range f.tensors {
			fmt.Fprintf(&b, "%q %d\n", t.Name, slices.Index(f.mappings, t.from))
		}
		id.Layout = b.String()
		return id
	})
}
