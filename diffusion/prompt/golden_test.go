package prompt_test

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/diffusion/prompt"
)

// golden is a prompt with what the functions of WebUI 1.10 and of ComfyUI make of it, as
// testdata/README.md tells.
type golden struct {
	Prompt string
	Steps  int
	A1111  []struct {
		Weight   float64
		Schedule []struct {
			Until  int
			Text   string
			Pieces []pair
		}
	}
	ComfyUI []pair
}

// pair is a piece as [text, weight].
type pair prompt.Piece

func (p *pair) UnmarshalJSON(data []byte) error {
	return json.Unmarshal(data, &[]any{&p.Text, &p.Weight})
}

func pieces(pairs []pair) (list []prompt.Piece) {
	for _, p := range pairs {
		list = append(list, prompt.Piece(p))
	}
	return list
}

func goldens(t testing.TB) (all []golden) {
	data, err := os.ReadFile("testdata/prompts.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, &all))
	require.Greater(t, len(all), 200)
	return all
}

// Texts, steps and weights are those of the programs themselves, bit for bit.
func TestA1111(t *testing.T) {
	for _, g := range goldens(t) {
		p, err := prompt.Parse(g.Prompt, prompt.A1111)
		require.NoError(t, err, "%q", g.Prompt)
		require.Len(t, p.Parts, len(g.A1111), "%q", g.Prompt)
		for i, want := range g.A1111 {
			assert.Equal(t, want.Weight, p.Parts[i].Weight, "%q", g.Prompt)
			n, step := 0, 1
			for until, text := range p.Parts[i].Schedule(g.Steps) {
				if !assert.Less(t, n, len(want.Schedule), "%q", g.Prompt) {
					break
				}
				w := want.Schedule[n]
				assert.Equal(t, w.Until, until, "%q", g.Prompt)
				assert.Equal(t, w.Text, text, "%q at %d", g.Prompt, until)
				for ; step <= until; step++ {
					c := p.At(step, g.Steps)[i]
					assert.Equal(t, prompt.Condition{Text: w.Text, Pieces: pieces(w.Pieces), Weight: want.Weight}, c, "%q at %d", g.Prompt, step)
				}
				n++
			}
			assert.Len(t, want.Schedule, n, "%q", g.Prompt)
		}
	}
}

func TestComfyUI(t *testing.T) {
	for _, g := range goldens(t) {
		p, err := prompt.Parse(g.Prompt, prompt.ComfyUI)
		require.NoError(t, err, "%q", g.Prompt)
		want := []prompt.Condition{{Text: g.Prompt, Pieces: pieces(g.ComfyUI), Weight: 1}}
		assert.Equal(t, want, p.At(1, 1), "%q", g.Prompt)
	}
}
