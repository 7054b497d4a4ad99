package loader

import "sdgo/internal/mapped"

// Identity implements [mapped.Identified]: it is known of safetensors and GGUF.
func (f *Folder) Identity() (mapped.Identity, bool) {
	if s, ok := f.file.(safetensorsFile); ok {
		return mapped.IdentityOf(s.File)
	}
	return mapped.IdentityOf(f.file)
}
