package infotext

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// The examples are of WebUI's documentation and of files that it wrote, and what its
// parse_generation_parameters makes of them.
func TestParse(t *testing.T) {
	for name, tt := range map[string]struct {
		text string
		want Text
	}{
		"plain": {
			"girl with an artist's beret, ((eyeshadow))\nNegative prompt: ugly, fat, [blurry]\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 965400086, Size: 512x512, Model hash: 45dee52b",
			Text{"girl with an artist's beret, ((eyeshadow))", "ugly, fat, [blurry]", []Field{
				{"Steps", "20"}, {"Sampler", "Euler a"}, {"CFG scale", "7"}, {"Seed", "965400086"}, {"Size", "512x512"}, {"Model hash", "45dee52b"}}},
		},
		"lines": {
			"  a house \n\n by night\nNegative prompt: bad\n worse \nSteps: 1, Seed: 2, Size: 8x8\n",
			Text{"a house\n\nby night", "bad\nworse", []Field{{"Steps", "1"}, {"Seed", "2"}, {"Size", "8x8"}}},
		},
		"quoted": {
			`a` + "\n" + `Steps: 1, Lora hashes: "a: 1f, b: \"2\"", Hires prompt: "two\nlines", Wildcard: x: y, Version: v1.9.4-2-gab`,
			Text{"a", "", []Field{{"Steps", "1"}, {"Lora hashes", `a: 1f, b: "2"`}, {"Hires prompt", "two\nlines"}, {"Wildcard", "x: y"}, {"Version", "v1.9.4-2-gab"}}},
		},
		"prompt alone":    {"a house, Steps: 3", Text{Prompt: "a house, Steps: 3"}},
		"negative alone":  {"Negative prompt: x", Text{Negative: "x"}},
		"fields alone":    {"Steps: 1, Seed: 2, Size: 8x8", Text{Fields: []Field{{"Steps", "1"}, {"Seed", "2"}, {"Size", "8x8"}}}},
		"nothing":         {"", Text{}},
		"broken quote":    {"a\nSteps: 1, XY: \"y, Seed: 2, Size: 8x8", Text{Prompt: "a", Fields: []Field{{"Steps", "1"}, {"XY", `"y`}, {"Seed", "2"}, {"Size", "8x8"}}}},
		"bad escape":      {"a\nSteps: 1, X Y: \"\\q\", Seed: 2", Text{Prompt: "a", Fields: []Field{{"Steps", "1"}, {"X Y", `"\q"`}, {"Seed", "2"}}}},
		"layers with ,":   {"a\nSteps: 1, Skip layers: [7, 8, ], Eta: 0.000000, Seed: 2", Text{Prompt: "a", Fields: []Field{{"Steps", "1"}, {"Skip layers", "[7"}, {"Eta", "0.000000"}, {"Seed", "2"}}}},
		"other languages": {"дом\nШаги: 1, 種: 2, Größe: 3, Seed: 4", Text{Prompt: "дом", Fields: []Field{{"Шаги", "1"}, {"Größe", "3"}, {"Seed", "4"}}}},
	} {
		assert.Equal(t, tt.want, Parse(tt.text), name)
	}
}

// What is written is read as it was.
func TestString(t *testing.T) {
	for _, text := range []Text{
		{"a house", "a boat, a car", []Field{{"Steps", "3"}, {"Seed", "1"}, {"Size", "8x8"}}},
		{"", "", []Field{{"Steps", "3"}, {"sdgo guider", `{"a": "b, c\n"}`}, {"Size", `"8"`}}},
		{"two\nlines", "", []Field{{"a b", " x"}, {"c/d", ""}, {"e-f_g", "<&>"}}},
		{"é\u2028", "日本", []Field{{"日 本", "日, 本"}, {"x1", "1"}, {"x2", "2"}}},
	} {
		want := text
		want.Prompt = strings.TrimSpace(want.Prompt)
		assert.Equal(t, want, Parse(text.String()))
		for _, f := range text.Fields {
			assert.True(t, IsName(f.Name), f.Name)
		}
	}
	for _, name := range []string{"", "a", " ab", "ab ", "a:b", "a,b", "a\nb", "-ab"} {
		assert.False(t, IsName(name), name)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("a\nNegative prompt: b\nSteps: 1, X: \"y\\\"\", Seed: 2")
	f.Fuzz(func(t *testing.T, s string) {
		first := Parse(s)
		for _, field := range first.Fields {
			assert.Equal(t, strings.TrimSpace(field.Name), field.Name)
		}
		if len(first.Fields) >= fewest { // else they would be prompt
			again := Parse(first.String())
			assert.Equal(t, first.Fields, again.Fields)
		}
	})
}
