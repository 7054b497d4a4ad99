package cli

import (
	"flag"

	"sdgo/internal/weights"
)

// WeightsFlag adds the flag -weights.
func WeightsFlag(f *flag.FlagSet, name *string) {
	textVar(f, "weights", "`type` in which weights are kept in memory: float32, float16, bfloat16, or blocks such as q8_0 and q4_k (default what the files have)", func(value string) error {
		_, err := weights.ParseStorage(value)
		if err == nil {
			*name = value
		}
		return err
	})
}
