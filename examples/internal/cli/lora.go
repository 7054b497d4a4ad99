package cli

import (
	"flag"
	"fmt"
	"strconv"
	"strings"

	"sdgo/diffusion"
)

// MergeFlag adds the flag -lora, which may be given more than once.
func MergeFlag(f *flag.FlagSet, merge *[]diffusion.MergedAdapter) {
	f.Func("lora", "`FILE:WEIGHT` of an adapter to merge into the weights, such as style.safetensors:0.8; without a weight it is 1; may be given more than once", func(s string) error {
		a, err := weighted(s)
		if err == nil {
			*merge = append(*merge, a)
		}
		return err
	})
}

// weighted takes the weight at the end of an adapter's path off it. A colon that no number
// follows is one of the path.
func weighted(s string) (a diffusion.MergedAdapter, err error) {
	a.Path, a.Weight = s, 1
	if i := strings.LastIndexByte(s, ':'); i >= 0 {
		if w, err := strconv.ParseFloat(s[i+1:], 64); err == nil {
			a.Path, a.Weight = s[:i], w
		}
	}
	if a.Path == "" || a.Weight == 0 {
		return a, fmt.Errorf("have %q, want a file, and a weight that is not 0", s)
	}
	return a, nil
}
