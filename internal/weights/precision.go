package weights

import (
	"fmt"
	"strings"

	"sdgo/internal/kernel"
)

// ParsePrecision returns the format of matrices under a precision that the caller
// asked for: float32, float16, bfloat16 or int8, or a short form. Empty means
// float32.
func ParsePrecision(name string) (kernel.Format, error) {
	switch strings.ToLower(name) {
	case "", "float32", "f32", "fp32":
		return kernel.Float32, nil
	case "float16", "f16", "fp16":
		return kernel.Float16, nil
	case "bfloat16", "bf16":
		return kernel.BFloat16, nil
	case "int8", "q8", "q8_0":
		return kernel.Int8, nil
	}
	return 0, fmt.Errorf("precision: have %q, want float32, float16, bfloat16 or int8", name)
}
