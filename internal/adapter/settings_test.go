package adapter

import (
	"fmt"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
)

// Patterns are regular expressions for the end of a name, also those without one's signs.
func TestPatterns(t *testing.T) {
	patterns := []string{"", ".", "..", "to_q", "o_q", "attn1.to_q", "attn1xto_q", "attn.\\.to_q", "attn..to_q", "attn1.to_.", "[12].to_q", "a.attn1.to_q", "x.a.attn1.to_q", "*", "to_q|to_k", "to_.*"}
	for _, module := range []string{"a.attn1.to_q", "to_q", "attn1.to_q", "xto_q", "attn1_to_q", "a.b", "", "."} {
		for _, pattern := range patterns {
			re, err := regexp.Compile(`^(?:.*\.)?(?:` + pattern + `)$`)
			want := err == nil && re.MatchString(module)
			assert.Equal(t, want, fits(pattern, module), "%q for %q", pattern, module)
		}
	}
}

func BenchmarkPatterns(b *testing.B) {
	const n = 700 // about the layers of a U-Net that have a LoRA
	modules, alphas := make([]string, n), make(map[string]any)
	for i := range modules {
		modules[i] = fmt.Sprintf("down_blocks.1.attentions.1.transformer_blocks.%d.attn1.to_q", i)
		alphas[modules[i]] = float64(i)
	}
	for b.Loop() {
		s := settings{whole: map[string]any{"lora_alpha": 4.0, "alpha_pattern": alphas}}
		for _, m := range modules {
			s.scale("unet", m, 4)
		}
	}
}
