package cli

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"sdgo/diffusion"
	"sdgo/internal/regular"
)

// maxSettings is the most bytes that are read as settings.
const maxSettings = 1 << 24

// takeSettings sets the options to what the file of -from says, if the arguments have that flag. The flags
// that are parsed after that hold.
func (c *Command) takeSettings(ctx context.Context, args []string) error {
	path, given := lastValue(c, args, "from")
	varied := false
	if !given && c.varies != "" {
		path, varied = lastValue(c, args, c.varies)
	}
	if !given && !varied {
		return nil
	}
	f, err := regular.Open(ctx, regular.OS{}, path)
	if varied && err != nil {
		return nil
	}
	if err != nil {
		return fmt.Errorf("-from: %w", err)
	}
	settings, err := await(ctx, func() (*diffusion.Parameters, error) {
		defer f.Close()
		return c.readSettings(regular.Reader(ctx, f))
	})
	if varied && err != nil { // which does not matter, or is told where it is read
		return nil
	}
	if err != nil {
		return Misuse(fmt.Errorf("-from: %s: %w", path, err))
	}
	if varied {
		settings.Options.Seed++
		settings.Options.Strength, settings.Options.Width, settings.Options.Height = 0, 0, 0
	}
	c.settings = settings
	shown := c.Options.OnStep
	c.Options = settings.Options
	c.Options.OnStep = shown
	c.dropForeign()
	if err := c.takeKept(); err != nil {
		return Misuse(fmt.Errorf("-from: %s: %w", path, err))
	}
	for _, name := range settings.LeftOut {
		what := name
		if i := slices.IndexFunc(settings.Other, func(v diffusion.NamedValue) bool { return v.Name == name }); i >= 0 {
			what += " (" + settings.Other[i].Value + ")"
		}
		c.note("%s was made with %s, which is left out", path, what)
	}
	return nil
}

// VaryFrom takes the settings, and the seeds that follow, from the picture that a flag names, if it has some, where
// there is no -from. A prompt need not be given then.
func (c *Command) VaryFrom(flag string) { c.varies = flag }

// readSettings reads JSON, or what a picture says.
func (c *Command) readSettings(r io.Reader) (*diffusion.Parameters, error) {
	b := bufio.NewReader(r)
	head, _ := b.Peek(1) // of an empty file the rest says so
	if !bytes.Contains([]byte("{ \t\r\n"), head) {
		p, err := diffusion.ReadParameters(b)
		if err == nil {
			p.Options.Images = max(1, p.Options.Images)
		}
		return p, err
	}
	data, err := io.ReadAll(io.LimitReader(b, maxSettings+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxSettings {
		return nil, fmt.Errorf("have more than %d bytes of JSON, want up to that", maxSettings)
	}
	p := &diffusion.Parameters{Options: c.Options}
	if err := json.Unmarshal(data, p); err != nil {
		return nil, err
	}
	p.Options.Images = cmp.Or(p.Options.Images, 1)
	return p, nil
}

// overrule drops what settings have in place of flags that were given.
func (c *Command) overrule(given map[string]bool) {
	if c.settings == nil {
		return
	}
	o := &c.Options
	switch {
	case given["guider"] && !given["guidance"]:
		o.Guidance = 0
		if !given["guidance-rescale"] {
			o.GuidanceRescale = 0
		}
	case !given["guider"] && (given["guidance"] || given["guidance-rescale"]):
		o.Guider = nil
	}
	if given["steps"] || given["schedule"] {
		if o.Sigmas = nil; !given["steps"] && c.settings.Options.Sigmas != nil {
			o.Steps = len(c.settings.Options.Sigmas) - 1
		}
	}
}

// dropForeign drops the options that the command has no flag and no use for: those of an image, a
// mask or a second pass.
func (c *Command) dropForeign() {
	o := &c.Options
	lacks := func(flag string) bool { return c.Lookup(flag) == nil }
	if lacks("strength") && o.Strength != 0 {
		c.note("-from: the strength of %g is left out: there is no image to begin with", o.Strength)
		o.Strength = 0
	}
	if lacks("hires") && o.HighRes != (diffusion.HighRes{}) {
		c.note("-from: the second pass is left out: there is an image to begin with")
		o.HighRes = diffusion.HighRes{}
		o.Width, o.Height = 0, 0 // which were the first pass's
	}
	if !lacks("border") { // the size is that of the image and its border
		o.Width, o.Height = 0, 0
	}
	for _, option := range []struct {
		flag  string
		clear func()
	}{
		{"mask-mode", func() { o.Mask = 0 }}, {"mask-cells", func() { o.MaskCells = 0 }}, {"mask-blur", func() { o.MaskBlur = 0 }},
		{"only-masked", func() { o.MaskPadding = 0 }}, {"keep-outside", func() { o.KeepOutside = false }},
		{"image-guidance", func() { o.ImageGuidance = 0 }}, {"noise-level", func() { o.NoiseLevel = 0 }},
	} {
		if lacks(option.flag) {
			option.clear()
		}
	}
}

// DropWords drops the prompts that settings have, and what goes with them, for a model that reads
// none. What flags and words say stays.
func (c *Command) DropWords() {
	if c.settings == nil {
		return
	}
	o, from := &c.Options, &c.settings.Options
	for have, said := range map[*string]string{
		&c.Prompt: c.settings.Prompt, &o.NegativePrompt: from.NegativePrompt, &o.Prompt2: from.Prompt2, &o.NegativePrompt2: from.NegativePrompt2,
	} {
		if *have == said {
			*have = ""
		}
	}
	if o.ClipSkip == from.ClipSkip {
		o.ClipSkip = 0
	}
	if len(c.regions) > 0 { // these took the place of the settings'
		return
	}
	if o.Regions = nil; o.BaseWeight == from.BaseWeight {
		o.BaseWeight = 0
	}
}

// settingsModel wants the model that the settings name, in a flag or a JSON's path.
func (c *Command) settingsModel() error {
	if c.settings == nil || c.model != "" || c.settings.Model == "" || c.settings.Model == demoModel {
		return nil
	}
	if exists(c.settings.Model) {
		c.model = c.settings.Model
		return nil
	}
	return misusef("-from: have settings for the model %q, want its path in -model", c.settings.Model)
}

// lastValue returns the value of a flag's last appearance in arguments.
func lastValue(c *Command, args []string, name string) (value string, given bool) {
	for len(args) > 0 && args[0] != "--" {
		arg := args[0]
		if arg == "-" || !strings.HasPrefix(arg, "-") {
			args = args[1:]
			continue
		}
		n := min(length(c.FlagSet, arg), len(args))
		if have, inside := flagName(arg); have == name && (inside || n == 2) {
			if given = true; inside {
				_, value, _ = strings.Cut(arg, "=")
			} else {
				value = args[1]
			}
		}
		args = args[n:]
	}
	return value, given
}
