package adapter

import (
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"
)

// metadataKey is where diffusers keeps PEFT's settings in a file.
const metadataKey = "lora_adapter_metadata"

// settings are those of PEFT, of a file with one part, or of each by its name.
type settings struct {
	whole map[string]any
	parts map[string]any // "unet.lora_alpha"
}

// get is one of the settings of a part.
func (s *settings) get(part, key string) any {
	if v, ok := s.parts[part+"."+key]; ok {
		return v
	}
	return s.whole[key]
}

// scale is what PEFT multiplies a product of a rank with. Without settings it is 1.
func (s *settings) scale(part, module string, rank int) float64 {
	alpha, ok := s.get(part, "lora_alpha").(float64)
	if !ok {
		return 1
	}
	patterns, _ := s.get(part, "alpha_pattern").(map[string]any)
	for _, pattern := range slices.Sorted(maps.Keys(patterns)) {
		own, isNumber := patterns[pattern].(float64)
		if isNumber && fits(pattern, module) {
			alpha = own
			break
		}
	}
	if stabilised, _ := s.get(part, "use_rslora").(bool); stabilised {
		return alpha / math.Sqrt(float64(rank))
	}
	return alpha / float64(rank)
}

// fits says whether a pattern is for a module, as PEFT has it: a regular expression for
// the end of its name, from a dot on.
func fits(pattern, module string) bool {
	if pattern == module || strings.HasSuffix(module, "."+pattern) {
		return true
	}
	const most = 1000 // bytes of what a file says
	if len(pattern) > most {
		return false
	}
	re, err := regexp.Compile(`^(?:.*\.)?(?:` + pattern + `)$`)
	return err == nil && re.MatchString(module)
}
