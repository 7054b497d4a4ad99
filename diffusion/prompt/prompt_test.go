package prompt_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/diffusion/prompt"
)

func TestTree(t *testing.T) {
	type (
		T  = prompt.Text
		ns = []prompt.Node
	)
	for text, want := range map[string]ns{
		"a [b:c:7] d":  {T("a "), prompt.Edit{From: ns{T("b")}, To: ns{T("c")}, When: "7"}, T(" d")},
		"[:b: .5 ]":    {prompt.Edit{To: ns{T("b")}, When: ".5"}},
		"[a|(b:1.2)|]": {prompt.Alternation{Items: []([]prompt.Node){{T("a")}, {prompt.Emphasis{Body: ns{T("b")}, Weight: ns{T("1.2")}}}, nil}}},
		`[x\]] (`:      {prompt.Emphasis{Square: true, Body: ns{T(`x\]`)}}, T(" (")},
		"(a:)":         {prompt.Emphasis{Body: ns{T("a")}, Weight: ns{}}},
		"([a:b:c])":    {T("([a:b:c])")},
		"(a|b) [c:3]":  {T("(a|b) [c:3]")},
	} {
		p, err := prompt.Parse(text, prompt.A1111)
		require.NoError(t, err, text)
		assert.Equal(t, []prompt.Part{{Nodes: want, Weight: 1}}, p.Parts, text)
	}
	p, err := prompt.Parse("(a [b] (c:2) AND d:.5)", prompt.ComfyUI)
	require.NoError(t, err)
	assert.Equal(t, []prompt.Part{{Nodes: ns{prompt.Emphasis{
		Body:   ns{T("a [b] "), prompt.Emphasis{Body: ns{T("c")}, Weight: ns{T("2")}}, T(" AND d")},
		Weight: ns{T(".5")},
	}}, Weight: 1}}, p.Parts)
}

// What is printed is what was written, up to white space and the form of numbers.
func TestString(t *testing.T) {
	for text, want := range map[string]string{
		"a [b:c: 7 ]  AND (d:1.2):.50": "a [b:c:7] AND (d:1.2) :0.5",
		"[:b:0.5] AND":                 "[b:0.5] AND",
		"a:2:1":                        "a:2 :1",
		"a :1 ":                        "a",
		`[x\]|y](`:                     `[x\]|y](`,
	} {
		p, err := prompt.Parse(text, prompt.A1111)
		require.NoError(t, err, text)
		assert.Equal(t, want, p.String(), text)
	}
}

func TestWhen(t *testing.T) {
	for when, want := range map[prompt.When]int{
		"3": 3, "0.3": 3, "1.0": 10, "1": 1, "1.5": 10, "30": 10, "0.05": 0, "-2": -1, "1e1": 10, "1e-1": 0,
		"1e999": 10, "-1e999": -1, "nan": 0, "": 0, "x": 0,
	} {
		assert.Equal(t, want, when.Step(10), "%q", when)
	}
}

// What WebUI fails on, or makes numbers of that are none, is text.
func TestNoNumbers(t *testing.T) {
	for _, c := range []struct {
		text string
		d    prompt.Dialect
		want []prompt.Piece
	}{
		{"(a:1.2.3)", prompt.A1111, []prompt.Piece{{Text: "a:1.2.3", Weight: 1.1}}},
		{"(a:.)", prompt.A1111, []prompt.Piece{{Text: "a:.", Weight: 1.1}}},
		{"(a:inf)", prompt.ComfyUI, []prompt.Piece{{Text: "a:inf", Weight: 1.1}}},
		{"(a:0x1p2)", prompt.ComfyUI, []prompt.Piece{{Text: "a:0x1p2", Weight: 1.1}}},
	} {
		got, err := prompt.Weigh(c.text, c.d)
		require.NoError(t, err)
		assert.Equal(t, c.want, got, "%s", c.text)
	}
}

func TestBreak(t *testing.T) {
	got, err := prompt.Weigh("a BREAK (BREAK)", prompt.A1111)
	require.NoError(t, err)
	var breaks []int
	for i, p := range got {
		if p.Break() {
			breaks = append(breaks, i)
		}
	}
	assert.Equal(t, []int{1}, breaks, "%v", got)
}

func TestErrors(t *testing.T) {
	const n = prompt.MaxDepth
	deep := func(n int) string { return "a" + strings.Repeat("(", n) + "b" + strings.Repeat(")", n) }
	for _, d := range []prompt.Dialect{prompt.A1111, prompt.ComfyUI} {
		_, err := prompt.Parse(deep(n), d)
		assert.NoError(t, err, d)
		_, err = prompt.Parse(deep(n+1), d)
		assert.EqualError(t, err, "prompt: more than 100 brackets are open at byte 101", d)
		_, err = prompt.Weigh(deep(n+1), d)
		assert.Error(t, err, d)
	}
	_, err := prompt.Parse(strings.Repeat("(a] ", n+1), prompt.A1111)
	assert.Error(t, err, "open to the end of the text")
	_, err = prompt.Parse("a", prompt.Dialect(7))
	assert.EqualError(t, err, "prompt: Dialect(7) is no dialect: want A1111 or ComfyUI")
}

// An edit stays one beside brackets and colons that fit no other, where WebUI's parser takes one
// of several readings, here that without an edit.
func TestStray(t *testing.T) {
	p, err := prompt.Parse("[b:c:3]:)", prompt.A1111)
	require.NoError(t, err)
	assert.Equal(t, "b:)", p.At(3, 10)[0].Text)
	assert.Equal(t, "c:)", p.At(4, 10)[0].Text)
}

// Steps out of range are those at the ends.
func TestSteps(t *testing.T) {
	p, err := prompt.Parse("[a|b|c]", prompt.A1111)
	require.NoError(t, err)
	assert.Equal(t, p.At(1, 5), p.At(0, 5))
	assert.Equal(t, p.At(1, 5), p.At(-3, 5))
	assert.Equal(t, p.At(5, 5), p.At(9, 5))
	assert.Equal(t, p.At(1, 1), p.At(3, -1))
	assert.Equal(t, "b", p.At(2, 5)[0].Text)
	var none *prompt.Prompt
	assert.Empty(t, none.At(1, 1))
	assert.Empty(t, none.String())
}

// Long texts of each kind take milliseconds, which with squared time would be minutes.
func TestLinear(t *testing.T) {
	for _, s := range []string{"(a] ", "[a:b", "[a](b:", ")", ":", "|", `\(`, "BREAK ", "AND ", "(a)", "[a|b", "[a|b]", "[a:b:3]", "a:1 ", ":1", ": ", "(:", "((a))"} {
		s = strings.Repeat(s, 1<<16/len(s))
		for _, d := range []prompt.Dialect{prompt.A1111, prompt.ComfyUI} {
			for _, text := range []string{s, strings.Repeat("[(", prompt.MaxDepth/2) + s, "(" + s + ")"} {
				p, err := prompt.Parse(text, d)
				if err != nil {
					continue
				}
				assert.NotEmpty(t, p.At(1, 2))
				assert.NotEmpty(t, p.String())
			}
		}
	}
}

// A negative prompt is one part.
func TestParseWhole(t *testing.T) {
	p, err := prompt.ParseWhole("a AND [b:c:2] :0.5", prompt.A1111)
	require.NoError(t, err)
	require.Len(t, p.Parts, 1)
	assert.Equal(t, []prompt.Condition{{Text: "a AND c :0.5", Pieces: []prompt.Piece{{Text: "a AND c :0.5", Weight: 1}}, Weight: 1}}, p.At(3, 4))
	_, err = prompt.ParseWhole("a", 7)
	assert.ErrorContains(t, err, "Dialect(7) is no dialect")
}
