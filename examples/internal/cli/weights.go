package cli

import (
	"flag"
	"fmt"

	"sdgo/internal/weights"
)

// WeightsFlag adds the flag -weights.
func WeightsFlag(f *flag.FlagSet, name *string) {
	f.Func("weights", "`type` in which weights are kept in memory: float32, float16 or bfloat16 (default what the files have)", func(value string) error {
		if _, err := weights.ParseStorage(value); err != nil {
			return fmt.Errorf("%w", err)
		}
		*name = value
		return nil
	})
}
