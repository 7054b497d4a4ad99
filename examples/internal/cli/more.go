package cli

import (
	"flag"
	"fmt"
	"path/filepath"
	"strings"

	"sdgo/diffusion"
	"sdgo/diffusion/watermark"
)

// demoModel is the name of the model that is built in.
const demoModel = "tinyscenes"

// more is what flags say of where settings come from, and of what is written.
type more struct {
	from                   string
	grid, json, noMetadata bool
}

// moreFlags adds them.
func (c *Command) moreFlags() {
	c.StringVar(&c.more.from, "from", "", "`file` to take prompt and settings from, a picture that says how it was made or JSON; other flags hold, and a prompt that is given (default none)")
	c.BoolVar(&c.more.grid, "grid", false, "write a contact sheet of the pictures of -n, too: out-grid.png")
	c.BoolVar(&c.more.json, "json", false, "write files, seeds, settings and times to standard output as JSON")
	c.BoolVar(&c.more.noMetadata, "no-metadata", false, "do not write into the PNG how the picture was made")
	watermarkFlag(c.FlagSet, &c.Options.Watermark)
}

// watermarkFlag adds the flag -watermark.
func watermarkFlag(f *flag.FlagSet, mark *watermark.Mark) {
	f.Func("watermark", "hide a `mark` in pictures of 65536 pixels and more: sd as the original scripts do, sdxl as those of Stable Diffusion XL, or zeros and ones (default none)", func(s string) error {
		switch s {
		case "sd":
			*mark = watermark.StableDiffusionV1
		case "sdxl":
			*mark = watermark.SDXL
		default:
			if s == "" || strings.Trim(s, "01") != "" {
				return fmt.Errorf("have %q, want sd, sdxl, or zeros and ones", s)
			}
			*mark = watermark.Mark(s)
		}
		return nil
	})
}

// modelName is that of the model's file or folder, without the ending of a file.
func (c *Command) modelName() string {
	if c.model == "" {
		return demoModel
	}
	return baseName(c.model)
}

// baseName is the name of a file or folder, without the ending of a file of weights.
func baseName(path string) string {
	name := filepath.Base(filepath.Clean(path))
	switch ext := filepath.Ext(name); strings.ToLower(ext) {
	case ".safetensors", ".ckpt", ".gguf", ".pt", ".bin":
		return strings.TrimSuffix(name, ext)
	}
	return name
}

// The fields that name adapters and controls.
const (
	adaptersField = "Adapters"
	controlsField = "Controls"
)

// parameters say how picture i was made.
func (c *Command) parameters(r *diffusion.Result, i int) *diffusion.Parameters {
	p := r.Parameters(i)
	if p == nil {
		return nil
	}
	p.Model = c.modelName()
	var adapters []string
	for _, a := range c.adapters {
		adapters = append(adapters, fmt.Sprintf("%s:%g", baseName(a.Path), a.Weight))
	}
	for _, f := range []diffusion.NamedValue{{Name: adaptersField, Value: strings.Join(adapters, ", ")}, {Name: controlsField, Value: c.controls.String()}} {
		if f.Value != "" {
			p.Other = append(p.Other, f)
		}
	}
	p.Other = append(p.Other, c.keptValues()...)
	return p
}

// text is what the file of picture i says; nil if it is not to say anything.
func (c *Command) text(r *diffusion.Result, i int) *diffusion.Parameters {
	if c.more.noMetadata {
		return nil
	}
	return c.parameters(r, i)
}
