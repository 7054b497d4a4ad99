package diffusion

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"sdgo/internal/infotext"
)

// ownField begins the names of the fields that WebUI does not have.
const ownField = "sdgo "

// program is the value of Version that says who wrote a text.
const program = "sdgo"

// String returns the text in the form of Stable Diffusion WebUI. [ParseParameters] reads it
// back as it was.
func (p Parameters) String() string {
	p.LeftOut = p.leftOut()
	t := infotext.Text{Prompt: printable(p.Prompt), Negative: printable(p.Options.NegativePrompt)}
	add := func(name, value string) {
		if value != "" {
			t.Fields = append(t.Fields, infotext.Field{Name: name, Value: printable(value)})
		}
	}
	for _, f := range webUIFields {
		if f.write != nil {
			add(f.name, f.write(&p))
		}
	}
	for _, f := range p.Other {
		t.Fields = append(t.Fields, infotext.Field{Name: f.Name, Value: printable(f.Value)})
	}
	version := infotext.Field{Name: "Version", Value: program}
	read := fromText(infotext.Parse(infotext.Text{Prompt: t.Prompt, Negative: t.Negative, Fields: append(slices.Clip(t.Fields), version)}.String()))
	for _, f := range p.differing(read) {
		add(ownField+f.Name, f.Value)
	}
	t.Fields = append(t.Fields, version)
	return t.String()
}

// printable is a text without what a PNG's texts do not have.
func printable(text string) string {
	return strings.ToValidUTF8(strings.ReplaceAll(text, "\x00", " "), "\uFFFD")
}

// differing lists what is not as it was read from a text of p, as the values of JSON.
func (p *Parameters) differing(read *Parameters) (fields []infotext.Field) {
	have, want := read.values(), p.values()
	want[programKey] = have[programKey] // which Version says
	all := maps.Clone(have)
	maps.Copy(all, want)
	for _, key := range sortedKeys(all) {
		switch value, ok := want[key]; {
		case string(have[key]) == string(value):
		case key == samplerKey && p.Options.Sampler == nil && read.Options.Sampler != nil: // the label is kept
		case ok:
			fields = append(fields, infotext.Field{Name: key, Value: bare(value)})
		default:
			fields = append(fields, infotext.Field{Name: key, Value: "null"})
		}
	}
	return fields
}

// leftOut are the options that the file does not hold, those of p.Options among them. What only
// looks at a run, or takes it up, decides nothing.
func (p *Parameters) leftOut() []string {
	left := slices.Concat(p.LeftOut, p.Options.LeftOut())
	slices.Sort(left)
	return slices.DeleteFunc(slices.Compact(left), func(name string) bool {
		return !slices.Contains(p.LeftOut, name) && (name == "OnStep" || name == "Resume")
	})
}

// bare is a value of JSON as a field has it: a text without quotes, unless it could be taken for
// another value. dressed is the way back.
func bare(value json.RawMessage) string {
	var text string
	if json.Unmarshal(value, &text) == nil && !json.Valid([]byte(text)) && text != "" && text == printable(text) {
		return text
	}
	return string(value)
}

func dressed(value string) json.RawMessage {
	if json.Valid([]byte(value)) {
		return json.RawMessage(value)
	}
	text, _ := marshal(value) // a text always goes
	return text
}

// values are the options and what else is known, by their keys in JSON.
func (p *Parameters) values() map[string]json.RawMessage {
	object, _ := p.Options.object()
	for _, f := range p.parts() {
		if text, err := marshal(f.value); err == nil && !slices.Contains([]string{`""`, "null", "[]"}, string(text)) {
			object[f.key] = text
		}
	}
	return object
}

// ParseParameters reads a text in the form of Stable Diffusion WebUI, as [ReadParameters] does.
// Any text is one: without fields, all of it is prompt. Fields that are broken are in Other.
func ParseParameters(text string) (*Parameters, error) {
	const most = 16 << 20
	if len(text) > most {
		return nil, fmt.Errorf("diffusion: parameters: have a text of %d bytes, want at most %d", len(text), most)
	}
	return fromText(infotext.Parse(text)), nil
}

// fromText sets what a text has.
func fromText(t infotext.Text) *Parameters {
	p := &Parameters{Prompt: t.Prompt}
	p.Options.NegativePrompt = t.Negative
	p.Program, _ = t.Get("Version")
	own := map[string]json.RawMessage{}
	for _, f := range t.Fields {
		if key, ok := strings.CutPrefix(f.Name, ownField); ok && p.own() {
			own[key] = dressed(f.Value)
			continue
		}
		if f.Name == "Version" {
			continue
		}
		i := slices.IndexFunc(webUIFields, func(k knownField) bool { return k.name == f.Name })
		switch {
		case i >= 0 && webUIFields[i].read(p, f.Value):
		case f.Name == samplerField:
			p.leave("Sampler", f.Name, f.Value)
		case f.Name == scheduleField:
			p.leave("Schedule", f.Name, f.Value)
		default:
			p.put(f.Name, f.Value)
		}
	}
	p.settle(t)
	p.override(own)
	if p.Options.Sampler != nil {
		p.Sampler = ""
	}
	return p
}

// own says whether the text is one of ours.
func (p *Parameters) own() bool { return p.Program == program }

// cpp says whether it is one of stable-diffusion.cpp's.
func (p *Parameters) cpp() bool { return strings.HasPrefix(p.Program, "stable-diffusion.cpp") }

// override sets what fields of our own say: last the parts, Other among them.
func (p *Parameters) override(own map[string]json.RawMessage) {
	parts := p.keys()
	for _, key := range sortedKeys(own) { // one by one, so that one that is unknown spoils no other
		read := p.Options
		switch {
		case slices.Contains(parts, key):
		case decodeStruct("options", mustObject(key, own[key]), reflect.ValueOf(&read).Elem()) != nil:
			p.put(ownField+key, bare(own[key]))
		default:
			p.Options = read
		}
	}
	for _, f := range p.parts() {
		if text, ok := own[f.key]; ok {
			reflect.ValueOf(f.value).Elem().SetZero()
			_ = json.Unmarshal(text, f.value) // else it stays empty
		}
	}
}

// mustObject is an object of one key, of a value that is JSON.
func mustObject(key string, value json.RawMessage) []byte {
	text, _ := json.Marshal(map[string]json.RawMessage{key: value})
	return text
}

// number writes a number so that it is read back as it was; zero is none.
func number(x float64) string {
	if x == 0 {
		return ""
	}
	return strconv.FormatFloat(x, 'g', -1, 64)
}
