package cli

import (
	"flag"
	"fmt"
	"strconv"
	"strings"
)

// Bytes parses a number of bytes, such as 3000000000, 3GB, 2.5G or 512MiB.
func Bytes(s string) (int64, error) {
	number, factor := s, 1.0
	for _, unit := range []struct {
		suffix string
		factor float64
	}{
		{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30},
		{"kB", 1e3}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"K", 1e3}, {"M", 1e6}, {"G", 1e9}, {"B", 1},
	} {
		if rest, ok := strings.CutSuffix(s, unit.suffix); ok {
			number, factor = rest, unit.factor
			break
		}
	}
	v, err := strconv.ParseFloat(number, 64)
	if err != nil || !(v > 0) || v*factor < 1 || v*factor > 1<<62 {
		return 0, fmt.Errorf("have %q, want bytes such as 3GB", s)
	}
	return int64(v * factor), nil
}

// MemoryFlag adds the flag -max-memory, a number of bytes.
func MemoryFlag(f *flag.FlagSet, limit *int64, what string) {
	f.Func("max-memory", "limit on weights and values in `bytes`, such as 3GB"+what+" (default the machine's memory)", func(s string) (err error) {
		*limit, err = Bytes(s)
		return err
	})
}
