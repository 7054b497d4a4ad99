package prompt_test

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/diffusion/prompt"
)

// Whatever the text, it is read or refused for its depth; what is printed is read as the
// same tree; and no text of a step is too deep to be weighed.
func FuzzParse(f *testing.F) {
	for i, g := range goldens(f) {
		f.Add(g.Prompt, i, 10)
	}
	f.Add("(((a AND [[[b:1:2:3.5] : 1e3", 1, 1)
	f.Add(strings.Repeat("(", 101), 1, 1)
	f.Fuzz(func(t *testing.T, text string, step, steps int) {
		for _, d := range []prompt.Dialect{prompt.A1111, prompt.ComfyUI} {
			p, err := prompt.Parse(text, d)
			if err != nil {
				require.ErrorContains(t, err, "brackets are open")
				require.Greater(t, strings.Count(text, "(")+strings.Count(text, "["), prompt.MaxDepth)
				continue
			}
			printed := p.String()
			again, err := prompt.Parse(printed, d)
			require.NoError(t, err)
			require.Equal(t, p, again, "%q", printed)
			require.Equal(t, printed, again.String())
			for _, c := range p.At(step, steps) {
				got, err := prompt.Weigh(c.Text, d)
				require.NoError(t, err, "%q", c.Text)
				require.Len(t, got, len(c.Pieces))
				for i, piece := range got {
					assert.Equal(t, c.Pieces[i].Text, piece.Text)
					assert.Equal(t, math.Float64bits(c.Pieces[i].Weight), math.Float64bits(piece.Weight))
				}
			}
		}
	})
}
