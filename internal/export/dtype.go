package export

import (
	"fmt"
	"strings"

	"sdgo/internal/ggml"
	"sdgo/internal/gguf"
	"sdgo/safetensors"
)

// DType is a type that tensors are written with.
type DType struct {
	kept bool // each has its own
	ggml ggml.Type
}

// names are those of types that are not ggml's.
var names = map[string]ggml.Type{
	"float32": ggml.F32, "fp32": ggml.F32, "float16": ggml.F16, "fp16": ggml.F16, "half": ggml.F16, "bfloat16": ggml.BF16,
}

// plain are the types that all layouts have.
var plain = map[ggml.Type]safetensors.DType{ggml.F32: safetensors.F32, ggml.F16: safetensors.F16, ggml.BF16: safetensors.BF16}

// ParseDType returns a type by its name, in either case: f32, f16 or bf16, or for GGUF a type
// of ggml's in blocks, such as q8_0. The empty name keeps the types that the tensors have:
// F32, F16 and BF16 stay, what takes fewer bits becomes F16, and anything else F32.
func ParseDType(name string, layout Layout) (DType, error) {
	if name == "" {
		return DType{kept: true}, nil
	}
	t, ok := names[strings.ToLower(name)]
	if !ok {
		t, ok = ggml.Parse(name)
	}
	_, everywhere := plain[t]
	switch {
	case ok && (everywhere || layout == GGUF && t.Quantised() && t.Writable()):
		return DType{ggml: t}, nil
	case ok && t.Quantised() && t.Writable():
		return DType{}, fmt.Errorf("dtype: have %.40q, which GGUF files alone have, want f32, f16 or bf16", name)
	}
	return DType{}, fmt.Errorf("dtype: have %.40q, want f32, f16 or bf16, or for GGUF %s", name, writable())
}

// writable lists the types in blocks.
func writable() string {
	var list []string
	for t := range ggml.Type(64) {
		if t.Quantised() && t.Writable() {
			list = append(list, strings.ToLower(t.String()))
		}
	}
	return strings.Join(list, ", ")
}

// of is the type that a tensor is written with, of those that all layouts have.
func (d DType) of(stored string) ggml.Type {
	if !d.kept {
		return d.ggml
	}
	switch strings.ToUpper(stored) {
	case "F32", "F64", "I64", "I32", "U64", "U32":
		return ggml.F32
	case "BF16":
		return ggml.BF16
	}
	return ggml.F16 // itself, and what takes fewer bits
}

// inGGUF is the type of a tensor in a GGUF file.
func (d DType) inGGUF(name, stored string, shape []int) ggml.Type {
	if d.kept {
		return d.of(stored)
	}
	return gguf.Choose(d.ggml, name, shape)
}
