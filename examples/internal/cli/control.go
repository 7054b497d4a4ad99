package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strconv"

	"sdgo/diffusion"
)

// controls are those that the flag -control names, each with what the flags behind it say.
type controls []control

type control struct {
	path, image string
	diffusion.Control
}

// flags adds the flags of controls.
func (l *controls) flags(f *flag.FlagSet) {
	f.Func("control", "`path` of a ControlNet or T2I-Adapter, a folder or file; the flags -control-image, -control-scale, -control-start, -control-end and -guess behind it are for it; may be given more than once", func(s string) error {
		if s == "" {
			return errors.New("have an empty name, want a folder or file")
		}
		*l = append(*l, control{path: s})
		return nil
	})
	of := func(name, usage string, set func(c *control, s string) error) {
		f.Func(name, usage, func(s string) error {
			if len(*l) == 0 {
				return fmt.Errorf("have no -control before it, want the network that it is for")
			}
			return set(&(*l)[len(*l)-1], s)
		})
	}
	of("control-image", "`file` of the picture that the -control before it reads: edges, a pose, a depth map (default none, which inpaint alone takes: the image without what is repainted)", func(c *control, s string) error {
		c.image = s
		return nil
	})
	number := func(to func(c *control) *float64, zero bool) func(c *control, s string) error {
		return func(c *control, s string) (err error) {
			if *to(c), err = strconv.ParseFloat(s, 64); err == nil && *to(c) == 0 && !zero { // the default, to the library
				err = errors.New("want another number than 0: leave -control out to do without it")
			}
			return err
		}
	}
	of("control-scale", "`number` that what it adds is multiplied by (default 1)", number(func(c *control) *float64 { return &c.Scale }, false))
	of("control-start", "`share` of the steps after which it begins, 0 to 1 (default 0)", number(func(c *control) *float64 { return &c.Start }, true))
	of("control-end", "`share` of the steps after which it ends, 0 to 1 (default 1)", number(func(c *control) *float64 { return &c.End }, false))
	f.BoolFunc("guess", "have the -control before it recognise its picture even where the prompt does not say what it is; a guidance of 3 to 5 suits that", func(string) error {
		if len(*l) == 0 {
			return fmt.Errorf("have no -control before it, want the network that it is for")
		}
		(*l)[len(*l)-1].Guess = true
		return nil
	})
}

// load loads the networks for a pipeline and reads their pictures, and prints what their
// files had that was left out.
func (l controls) load(ctx context.Context, pipe *diffusion.Pipeline, command string, stderr io.Writer) (loaded []diffusion.Control, err error) {
	for _, c := range l {
		if c.image != "" {
			if c.Image, err = ReadImage(ctx, "control-image", c.image); err != nil {
				return nil, err
			}
		}
		if c.Loaded, err = pipe.LoadControlContext(ctx, c.path); err != nil {
			return nil, err
		}
		for _, warning := range c.Loaded.Warnings {
			PrintWarning(stderr, command, warning)
		}
		loaded = append(loaded, c.Control)
	}
	return loaded, nil
}
