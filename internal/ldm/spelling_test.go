package ldm_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/golden"
	"sdgo/internal/ldm"
)

// The names of the original code are those of the reference's single files.
func TestSpelling(t *testing.T) {
	for _, name := range []string{"tiny-sd15", "tiny-sd15-4blk"} {
		t.Run(name, func(t *testing.T) {
			keymap, _ := golden.Keymap(t, name)
			require.NotEmpty(t, keymap)
			want := make(map[string]string)
			var modules []string
			for to, from := range keymap { // of diffusers, of the file
				module := to[:strings.LastIndexByte(to, '.')]
				from = strings.TrimPrefix(from, "model.diffusion_model.")
				want[module] = from[:strings.LastIndexByte(from, '.')]
				modules = append(modules, module)
			}
			assert.Equal(t, want, ldm.Spelling(modules))
		})
	}
}
