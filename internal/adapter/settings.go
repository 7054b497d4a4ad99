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

	alphas map[string][]alphaOf // by parts, once they were asked for
}

// alphaOf is the alpha of modules that a pattern is for.
type alphaOf struct {
	pattern string
	alpha   float64
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
	for _, a := range s.patterns(part) {
		if fits(a.pattern, module) {
			alpha = a.alpha
			break
		}
	}
	if stabilised, _ := s.get(part, "use_rslora").(bool); stabilised {
		return alpha / math.Sqrt(float64(rank))
	}
	return alpha / float64(rank)
}

// patterns are the patterns of a part that have a number, sorted: once, as there may be one
// for each module.
func (s *settings) patterns(part string) []alphaOf {
	if all, ok := s.alphas[part]; ok {
		return all
	}
	patterns, _ := s.get(part, "alpha_pattern").(map[string]any)
	var all []alphaOf
	for _, pattern := range slices.Sorted(maps.Keys(patterns)) {
		if alpha, ok := patterns[pattern].(float64); ok {
			all = append(all, alphaOf{pattern, alpha})
		}
	}
	if s.alphas == nil {
		s.alphas = make(map[string][]alphaOf)
	}
	s.alphas[part] = all
	return all
}

// fits says whether a pattern is for a module, as PEFT has it: a regular expression for
// the end of its name, from a dot on.
func fits(pattern, module string) bool {
	if pattern == module || strings.HasSuffix(module, "."+pattern) {
		return true
	}
	if strings.Trim(pattern, plain) == "" { // mostly the name of another module
		return endsAs(pattern, module)
	}
	const most = 1000 // bytes of what a file says
	if len(pattern) > most {
		return false
	}
	re, err := regexp.Compile(`^(?:.*\.)?(?:` + pattern + `)$`)
	return err == nil && re.MatchString(module)
}

// plain are the characters of names. In a regular expression all but the dot stand for
// themselves.
const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_."

// endsAs says whether a plain pattern is for a module: its dots stand for any character.
func endsAs(pattern, module string) bool {
	before := len(module) - len(pattern)
	if before < 0 || before > 0 && module[before-1] != '.' {
		return false
	}
	for i := range len(pattern) {
		if pattern[i] != '.' && pattern[i] != module[before+i] {
			return false
		}
	}
	return true
}
