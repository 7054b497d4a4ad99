package ldm

import "strings"

// rows are how many layers there are in rows that a word begins, such as
// "transformer_blocks.", by what stands before it: as many as there are different numbers
// behind it. So a layer of which tensors are missing is there, and loading says which.
func rows(names []string, word string) map[string]int {
	row, seen := make(map[string]int), make(map[string]bool)
	for _, name := range names {
		before, after, ok := strings.Cut(name, word)
		if !ok {
			continue
		}
		if layer := before + word + firstWord(after); !seen[layer] {
			seen[layer] = true
			row[before]++
		}
	}
	return row
}

// transformers is how many transformer blocks the attention at a prefix has.
func (f *file) transformers(prefix string) int {
	if f.depths == nil {
		f.depths = rows(f.names, "transformer_blocks.")
	}
	return f.depths[prefix]
}
