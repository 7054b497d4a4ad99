package prompt_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/diffusion/prompt"
)

// spans are the ids of chunks without BOS, EOS and Pad.
func spans(chunks []prompt.Chunk) (all [][]int) {
	for _, c := range chunks {
		ids := slices.DeleteFunc(slices.Clone(c.IDs), func(id int) bool { return id == 2 || id == 3 || id == 0 })
		all = append(all, ids)
	}
	return all
}

// together are three ids of 20, and two of 30.
func together(ids []int) int {
	for id, n := range map[int]int{20: 3, 30: 2} {
		if ids[0] == id {
			return n
		}
	}
	return 1
}

// ComfyUI moves a short piece to the next chunk and parts one of 8 ids, and the vectors of a
// textual inversion are a piece; WebUI keeps these together, too.
func TestChunkGroups(t *testing.T) {
	ids := map[string][]int{",": {1}, "five": {11, 12, 13, 14, 15}, "nine": {41, 42, 43, 44, 45, 46, 47, 48, 49}, "three": {20, 20, 20}, "x three x": {11, 20, 20, 20, 12}, "": nil}
	for _, tt := range []struct {
		name    string
		dialect prompt.Dialect
		texts   []string
		want    [][]int
	}{
		{"short ones move", prompt.ComfyUI, []string{"five", "five", "five"}, [][]int{ids["five"], ids["five"], ids["five"]}},
		{"a long one is parted", prompt.ComfyUI, []string{"five", "nine"}, [][]int{append(slices.Clone(ids["five"]), 41, 42, 43), ids["nine"][3:]}},
		{"an inversion moves", prompt.ComfyUI, []string{"five", "x three x"}, [][]int{append(slices.Clone(ids["five"]), 11), {20, 20, 20, 12}}},
		{"BREAK is a word", prompt.ComfyUI, []string{"BREAK", "five"}, [][]int{ids["five"]}},
		{"nothing", prompt.ComfyUI, nil, [][]int{{}}},
		{"any is parted", prompt.A1111, []string{"five", "five"}, [][]int{{11, 12, 13, 14, 15, 11, 12, 13}, {14, 15}}},
		{"but an inversion", prompt.A1111, []string{"five", "x three x"}, [][]int{append(slices.Clone(ids["five"]), 11), {20, 20, 20, 12}}},
	} {
		var pieces []prompt.Piece
		for _, text := range tt.texts {
			pieces = append(pieces, prompt.Piece{Text: text, Weight: 1.5})
		}
		c := prompt.Chunker{Tokens: func(text string) []int { return ids[text] }, Together: together, BOS: 2, EOS: 3, Length: 10, Dialect: tt.dialect}
		if tt.name == "BREAK is a word" {
			pieces[0].Weight = -1
		}
		chunks, err := c.Chunks(pieces)
		require.NoError(t, err)
		assert.Equal(t, tt.want, spans(chunks), tt.name)
	}
}
