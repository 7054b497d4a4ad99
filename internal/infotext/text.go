// Package infotext has the texts that programs write into pictures to say how they were
// made: the form of Stable Diffusion WebUI, which stable-diffusion.cpp and others write,
// too, and the graphs of ComfyUI.
package infotext

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
)

// Text is what WebUI's form has:
//
//	a red house
//	on a hill
//	Negative prompt: blurry
//	Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 965400086, Size: 512x512
//
// https://github.com/AUTOMATIC1111/stable-diffusion-webui/blob/master/modules/infotext_utils.py
type Text struct {
	Prompt, Negative string
	Fields           []Field
}

// Field is a named value.
type Field struct{ Name, Value string }

// Get returns the value of the first field of a name.
func (t Text) Get(name string) (value string, ok bool) {
	for _, f := range t.Fields {
		if f.Name == name {
			return f.Value, true
		}
	}
	return "", false
}

// negative begins the line of the negative prompt.
const negative = "Negative prompt:"

// fewest is how many fields the last line has at least, if it is not prompt.
const fewest = 3

// field is WebUI's re_param_code; its \w has the letters of all languages.
var field = regexp.MustCompile(`\s*([\pL\pN_][\pL\pN_ \-/]+):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)`)

// fieldName is the name of a field that can be read back.
var fieldName = regexp.MustCompile(`^[\pL\pN_][\pL\pN_ \-/]+$`)

// IsName says whether a field of that name can be written.
func IsName(name string) bool { return fieldName.MatchString(name) && strings.TrimSpace(name) == name }

// String writes the form. Prompts whose lines end in spaces, or begin as the line of the
// negative prompt does, are not read back as they were.
func (t Text) String() string {
	var b strings.Builder
	b.WriteString(t.Prompt)
	if t.Negative != "" {
		b.WriteString("\n" + negative + " " + t.Negative)
	}
	b.WriteByte('\n')
	for i, f := range t.Fields {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(f.Name + ": " + quote(f.Value))
	}
	return b.String()
}

// Parse reads the form as WebUI does. Any text is one: without fields, all of it is prompt.
func Parse(text string) (t Text) {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	last := len(lines) - 1
	if found := field.FindAllStringSubmatch(lines[last], -1); len(found) >= fewest {
		lines = lines[:last]
		for _, m := range found {
			t.Fields = append(t.Fields, Field{strings.TrimSpace(m[1]), unquote(m[2])})
		}
	}
	var prompts [2][]string
	at := 0
	for _, line := range lines {
		line = strings.TrimSpace(line)
		if rest, ok := strings.CutPrefix(line, negative); ok {
			at, line = 1, strings.TrimSpace(rest)
		}
		if len(prompts[at]) > 0 || line != "" { // as there: empty lines at the beginning are lost
			prompts[at] = append(prompts[at], line)
		}
	}
	t.Prompt, t.Negative = strings.Join(prompts[0], "\n"), strings.Join(prompts[1], "\n")
	return t
}

// quote writes a value as a JSON string where it would not be read back as it is.
func quote(value string) string {
	if !strings.ContainsAny(value, ",\n:") && !strings.HasPrefix(value, `"`) && strings.TrimSpace(value) == value {
		return value
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(value) // a string always goes
	return strings.TrimSuffix(b.String(), "\n")
}

// unquote is the way back.
func unquote(value string) string {
	if len(value) < 2 || value[0] != '"' || value[len(value)-1] != '"' {
		return value
	}
	var s string
	if json.Unmarshal([]byte(value), &s) != nil {
		return value
	}
	return s
}
