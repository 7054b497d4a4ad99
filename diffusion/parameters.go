package diffusion

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"image"
	"image/png"
	"io"
	"reflect"
	"slices"
	"unicode/utf8"

	"sdgo/internal/imagefile"
	"sdgo/internal/infotext"
)

// Parameters say how a picture was made: what [WritePNG] writes into its file, and
// [ReadParameters] reads from one. With the same model, and the images and masks that the call had,
// the options make it again, byte for byte, unless LeftOut says otherwise.
type Parameters struct {
	// Prompt is the prompt, and Options are those of the call for this picture alone:
	// what they left to the model is filled in as far as it was settled, the seed is the picture's,
	// and Images is zero.
	Prompt  string
	Options Options

	// Task is what the call did, such as "text-to-image"; empty if nothing tells.
	Task string

	// Sampler is the label of the model's own sampler, where Options.Sampler is nil.
	Sampler string

	// Model is the name of the model, and ModelHash the first ten hexadecimal digits of
	// the SHA-256 of its file; either may be empty.
	Model, ModelHash string

	// Program is what wrote the file: "sdgo", "stable-diffusion.cpp", "ComfyUI", or the version of WebUI.
	Program string

	// LeftOut are the options that decided the picture and that a file does not hold, by the names of
	// their fields: tensors, functions, adapters; or HighRes, Sampler and Schedule of another program's alone.
	LeftOut []string

	// Other is what the file says that is no option here, in its order. WritePNG writes it, too: the names have
	// two or more letters, digits, spaces, underscores, slashes and hyphens.
	Other []NamedValue
}

// NamedValue is a value that a picture's file has under a name.
type NamedValue struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// ErrNoParameters is in the error of [ReadParameters] for a picture whose file does not say how it was made.
var ErrNoParameters = errors.New("have a picture without parameters")

// parametersKey is the key of the text in a PNG, and comfyKey that of ComfyUI's graph.
const (
	parametersKey = "parameters"
	comfyKey      = "prompt"
)

// WritePNG writes an image as a PNG with a text that says how it was made, in the form of Stable
// Diffusion WebUI, under the key "parameters". Options that this form has no field for stand in
// fields of their own ("sdgo guidance_rescale: 0.5"). The pixels are those that image/png writes, and
// the bytes depend on nothing else. Without parameters there is no text.
func WritePNG(w io.Writer, img image.Image, p *Parameters) error {
	if w == nil {
		return errors.New("diffusion: write PNG: have a nil writer")
	}
	file, err := encodePNG(img)
	if err != nil {
		return err
	}
	if p != nil {
		for _, f := range p.Other {
			if !infotext.IsName(f.Name) {
				return fmt.Errorf("diffusion: write PNG: have %q as the name of a value, want letters, digits, spaces, underscores, slashes and hyphens", cutKey(f.Name))
			}
		}
		const header = 8 + 25 // the signature and IHDR
		file = slices.Insert(file, header, textChunk(parametersKey, p.String())...)
	}
	if _, err := w.Write(file); err != nil {
		return fmt.Errorf("diffusion: write PNG: %w", err)
	}
	return nil
}

// encodePNG returns an image as a PNG.
func encodePNG(img image.Image) (file []byte, err error) {
	s, err := newSource("image", img)
	if err != nil {
		return nil, err
	}
	defer s.recover(&err)
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		return nil, fmt.Errorf("diffusion: write PNG: %w", err)
	}
	return b.Bytes(), nil
}

// textChunk returns a chunk with a text: tEXt if its letters are those of Latin-1, as other
// programs do, else iTXt.
func textChunk(key, text string) []byte {
	kind, body := "tEXt", append([]byte(key), 0)
	latin, ok := latin1(text)
	if ok && (len(latin) == len(text) || !utf8.Valid(latin)) { // else it would be taken for UTF-8
		body = append(body, latin...)
	} else {
		kind = "iTXt"
		body = append(append(body, 0, 0, 0, 0), text...) // not compressed, of no language
	}
	chunk := binary.BigEndian.AppendUint32(nil, uint32(len(body)))
	chunk = append(append(chunk, kind...), body...)
	return binary.BigEndian.AppendUint32(chunk, crc32.ChecksumIEEE(chunk[4:]))
}

// latin1 returns a text in ISO 8859-1, if it can be.
func latin1(text string) (b []byte, ok bool) {
	for _, r := range text {
		if r > 0xff {
			return nil, false
		}
		b = append(b, byte(r))
	}
	return b, true
}

// ReadParameters reads how a picture was made from its file: a PNG that [WritePNG], Stable
// Diffusion WebUI, stable-diffusion.cpp or ComfyUI wrote, or a JPEG or WebP with such a text as
// EXIF's comment. Of ComfyUI's graphs it reads a sampler and what leads to it, as far as values are not computed.
// What their options mean here is set, the noise of the graphics processor (PhiloxNoise)
// and the schedules of WebUI's samplers among it; samplers and prompts are taken as they are written, and
// everything else is in Other. A file without any of that gives an error with [ErrNoParameters] in it.
// It reads a PNG without its pixels, at most 16 MB of text.
func ReadParameters(r io.Reader) (*Parameters, error) {
	if r == nil {
		return nil, errors.New("diffusion: parameters: have a nil reader")
	}
	texts, err := imagefile.Texts(r)
	if err != nil {
		return nil, fmt.Errorf("diffusion: parameters: %w", err)
	}
	for _, key := range []string{parametersKey, imagefile.UserComment, comfyKey} {
		i := slices.IndexFunc(texts, func(t imagefile.Text) bool { return t.Key == key })
		switch {
		case i < 0:
		case key == comfyKey:
			return parseComfy(texts[i].Text)
		default:
			return ParseParameters(texts[i].Text)
		}
	}
	return nil, fmt.Errorf("diffusion: parameters: %w, want a text such as WebUI's under the key %q", ErrNoParameters, parametersKey)
}

// MarshalJSON writes an object with the prompt, the keys of [Options.MarshalJSON], and what else is known:
// {"prompt": "a house", "seed": 1, "steps": 20, "model": "tinyscenes"}.
func (p Parameters) MarshalJSON() ([]byte, error) {
	p.LeftOut = p.leftOut()
	return json.Marshal(p.values())
}

// UnmarshalJSON reads what [Parameters.MarshalJSON] writes. A key that is unknown is an
// error that says what it may have meant.
func (p *Parameters) UnmarshalJSON(data []byte) error {
	if p == nil {
		return errors.New("diffusion: parameters: have nil, want some to set")
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(data, &object); err != nil {
		return fmt.Errorf("diffusion: parameters: %w", err)
	}
	read := *p
	for _, f := range read.parts() {
		if text, ok := object[f.key]; ok {
			if err := json.Unmarshal(text, f.value); err != nil {
				return fmt.Errorf("diffusion: parameters: %s: %w", f.key, err)
			}
		}
	}
	if err := decodeStruct("parameters", data, reflect.ValueOf(&read.Options).Elem(), read.keys()...); err != nil {
		return fmt.Errorf("diffusion: %w", err)
	}
	*p = read
	return nil
}

// samplerKey is the key of the label of the model's own sampler, and programKey that of what
// wrote the file.
const (
	samplerKey = "model_sampler"
	programKey = "program"
)

// part is a part of Parameters beside the options.
type part struct {
	key   string
	value any // a pointer to it
}

func (p *Parameters) parts() []part {
	return []part{
		{"prompt", &p.Prompt}, {"task", &p.Task}, {samplerKey, &p.Sampler}, {"model", &p.Model}, {"model_hash", &p.ModelHash},
		{programKey, &p.Program}, {leftOutKey, &p.LeftOut}, {"other", &p.Other},
	}
}

// keys are those of the parts.
func (p *Parameters) keys() (keys []string) {
	for _, f := range p.parts() {
		keys = append(keys, f.key)
	}
	return keys
}
