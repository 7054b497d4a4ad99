package gguf

import (
	"strings"

	"sdgo/internal/ggml"
)

// precise are parts of the names of weights that stable-diffusion.cpp never puts in blocks:
// those of the timestep, of the size and of tokens, which are small and decide much.
var precise = []string{"time_embed", "label_emb", "embedding"}

// smaller are the types of blocks of 32 that stand in for those of 256 where rows are no
// multiple of 256, as llama.cpp has them.
var smaller = map[ggml.Type]ggml.Type{
	ggml.Q2_K: ggml.Q4_0, ggml.Q3_K: ggml.Q4_0, ggml.Q4_K: ggml.Q5_0, ggml.Q5_K: ggml.Q5_1, ggml.Q6_K: ggml.Q8_0,
}

// Choose returns the type that a tensor has in a file of a type: that one, where its rows
// are whole blocks; for rows that are multiples of 32 alone the nearest of the types of such
// blocks; float16 for others, such as convolutions, and for what must be precise; and float32
// for what has less than two dimensions, biases and the weights of norms.
func Choose(t ggml.Type, name string, shape []int) ggml.Type {
	if len(shape) < 2 {
		return ggml.F32
	}
	if !t.Quantised() {
		return t
	}
	for _, part := range precise {
		if strings.Contains(name, part) {
			return ggml.F16
		}
	}
	row := shape[len(shape)-1]
	for _, t := range []ggml.Type{t, smaller[t]} {
		if n, _ := t.Block(); n > 1 && row%n == 0 {
			return t
		}
	}
	return ggml.F16
}
