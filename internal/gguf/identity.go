package gguf

import "sdgo/internal/mapped"

func init() {
	mapped.Inside(func(f *File) mapped.Identity { return mapped.Identity{Files: []*mapped.File{f.content}} })
}
