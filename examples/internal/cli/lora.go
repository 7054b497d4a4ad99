package cli

import (
	"context"
	"flag"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"sdgo/diffusion"
)

// MergeFlag adds the flag -lora, which may be given more than once.
func MergeFlag(f *flag.FlagSet, merge *[]diffusion.MergedAdapter) {
	f.Func("lora", "`FILE:WEIGHT` of an adapter to merge into the weights, such as style.safetensors:0.8; without a weight it is 1; may be given more than once", func(s string) error {
		a, err := weighted(s)
		if err == nil && a.Weight == 0 {
			err = fmt.Errorf("have %q, want a weight that is not 0", s)
		}
		if err == nil {
			*merge = append(*merge, a)
		}
		return err
	})
}

// Adapters are those that the flag -lora names.
type Adapters []diffusion.MergedAdapter

// Flag adds the flag -lora, which may be given more than once.
func (l *Adapters) Flag(f *flag.FlagSet) {
	f.Func("lora", "`FILE:WEIGHT` of an adapter (LoRA and its kin), such as style.safetensors:0.8; without a weight it is 1; may be given more than once", func(s string) error {
		a, err := weighted(s)
		if err == nil {
			*l = append(*l, a)
		}
		return err
	})
}

// Load loads them for a pipeline, and prints what their files had that was left out.
func (l Adapters) Load(ctx context.Context, pipe *diffusion.Pipeline, command string, stderr io.Writer) (loaded []diffusion.Adapter, err error) {
	for _, a := range l {
		x, err := pipe.LoadAdapterContext(ctx, a.Path)
		if err != nil {
			return nil, err
		}
		for _, warning := range x.Warnings {
			PrintWarning(stderr, command, warning)
		}
		loaded = append(loaded, diffusion.Adapter{Loaded: x, Weight: a.Weight})
	}
	return loaded, nil
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
	if a.Path == "" || math.IsNaN(a.Weight) {
		return a, fmt.Errorf("have %q, want a file and a weight", s)
	}
	return a, nil
}
