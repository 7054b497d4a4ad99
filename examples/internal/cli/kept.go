package cli

import (
	"flag"
	"fmt"

	"sdgo/diffusion"
)

// kept are the flags beside the options that decide a picture, and the names under which its file has
// what they were. Those that do for any model and image are taken again; of the others a note
// says that they are missing.
var kept = []struct {
	flag, field string
	again       bool
}{
	{"precision", "Precision", true},
	{"weights", "Weights", true},
	{"vae", "VAE", false},
	{"unet", "Unet", false},
	{"text-encoder", "TE", false},
	{"text-encoder-2", "TE 2", false},
	{"tokenizer", "Tokenizer", false},
	{"variant", "Variant", false},
	{"ema", "EMA", false},
	{"prediction", "Prediction", false},
	{"border", "Border", true},
	{"border-fill", "Border fill", true},
	{"border-overlap", "Border overlap", true},
	{"border-seed", "Border seed", true},
}

// keptValues are those of the flags, for a picture's file.
func (c *Command) keptValues() (values []diffusion.NamedValue) {
	for _, k := range kept {
		f := c.Lookup(k.flag)
		if f == nil || f.Value.String() == f.DefValue {
			continue
		}
		value := f.Value.String()
		if !k.again { // it may be a path
			value = baseName(value)
		}
		values = append(values, diffusion.NamedValue{Name: k.field, Value: value})
	}
	return values
}

// keptSetting is what the settings say of a flag, if sdgo wrote them.
func (c *Command) keptSetting(field string) (value string, ok bool) {
	if c.settings == nil || c.settings.Program != "sdgo" {
		return "", false
	}
	for _, other := range c.settings.Other {
		if other.Name == field {
			return other.Value, true
		}
	}
	return "", false
}

// takeKept sets the flags that are taken again.
func (c *Command) takeKept() error {
	for _, k := range kept {
		value, ok := c.keptSetting(k.field)
		if !ok || !k.again || c.Lookup(k.flag) == nil {
			continue
		}
		if err := c.Set(k.flag, value); err != nil {
			return fmt.Errorf("-%s: %w", k.flag, err)
		}
	}
	return nil
}

// noteKept tells which of the others were given for the picture of the settings, and not now.
func (c *Command) noteKept(given map[string]bool) {
	for _, k := range kept {
		if value, ok := c.keptSetting(k.field); ok && !k.again && !given[k.flag] {
			c.note("-from: the picture was made with -%s %s, which is not given", k.flag, value)
		}
	}
}

// textFlag is a flag that knows what it was set to.
type textFlag struct {
	set  func(string) error
	text string
}

func (f *textFlag) String() string { return f.text }

func (f *textFlag) Set(s string) error {
	err := f.set(s)
	if err == nil {
		f.text = s
	}
	return err
}

// textVar adds one.
func textVar(f *flag.FlagSet, name, usage string, set func(string) error) {
	f.Var(&textFlag{set: set}, name, usage)
}
