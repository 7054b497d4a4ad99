package unet

import (
	"regexp"
	"strconv"
)

const (
	// defaultCells is the size of the latents of Stable Diffusion 1: what counts where
	// the config has none that makes sense.
	defaultCells = 64
	maxCells     = 1 << 15
)

// Cells returns the size of the latents that the model was trained on: sample_size for
// both sides, or a list of height and width, or 64. As in diffusers' pipelines a single
// number below 64 counts as 64 if diffusers before 0.9 wrote it: the published files of
// that time say 32 for models of 64.
func (c *Config) Cells() (height, width int) {
	if c == nil {
		return defaultCells, defaultCells
	}
	switch v := c.SampleSize.(type) {
	case float64:
		if v < defaultCells && v == float64(int(v)) && c.Unconditional == nil && c.old() {
			break
		}
		return cells(v), cells(v)
	case []any:
		if len(v) == 2 {
			return cells(v[0]), cells(v[1])
		}
	}
	return defaultCells, defaultCells
}

// cells is the number v of a config, or the default if it is none that makes sense.
func cells(v any) int {
	if n, ok := v.(float64); ok && n >= 1 && n <= maxCells {
		return int(n)
	}
	return defaultCells
}

// version finds the epoch and the first two numbers of a Python version (PEP 440).
var version = regexp.MustCompile(`^\s*v?(?:([0-9]+)!)?([0-9]+)(?:\.([0-9]+))?`)

// old says whether diffusers before 0.9 wrote the config. Versions under development
// count as what they are to be; what is no version counts as new.
func (c *Config) old() bool {
	text, _ := c.DiffusersVersion.(string)
	m := version.FindStringSubmatch(text)
	if m == nil {
		return false
	}
	var numbers [3]int
	for i := range numbers {
		numbers[i], _ = strconv.Atoi(m[i+1]) // MaxInt where it overflows, 0 where there is none
	}
	return numbers[0] == 0 && numbers[1] == 0 && numbers[2] < 9
}
