package cli

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"image"
	"io"
	"strconv"
	"strings"

	"sdgo/diffusion"
)

// controls are those that the flag -control names, each with what the flags behind it say.
type controls []control

type control struct {
	path, image string
	diffusion.Control
	preprocess func(image.Image) (image.Image, error) // nil: the picture as it is
}

// flags adds the flags of controls.
func (l *controls) flags(f *flag.FlagSet) {
	f.Func("control", "`path` of a ControlNet or T2I-Adapter, a folder or file; the flags -control-image, -preprocess, -control-scale, -control-start, -control-end and -guess behind it are for it; may be given more than once", func(s string) error {
		if s == "" {
			return errors.New("have an empty name, want a folder or file")
		}
		*l = append(*l, control{path: s})
		return nil
	})
	last := func(set func(c *control, s string) error) func(string) error {
		return func(s string) error {
			if len(*l) == 0 {
				return fmt.Errorf("have no -control before it, want the network that it is for")
			}
			return set(&(*l)[len(*l)-1], s)
		}
	}
	f.Func("control-image", "`file` of the picture that the -control before it reads: edges, a pose, a depth map (default none, which inpaint alone takes: the image without what is repainted)", last(func(c *control, s string) error {
		c.image = s
		return nil
	}))
	f.Func("preprocess", "what to make of that picture first, by `name` and numbers, one of "+preprocessorNames()+" (default none: the network reads it)", last(func(c *control, s string) (err error) {
		c.preprocess, err = parsePreprocess(s)
		return err
	}))
	number := func(to func(c *control) *float64, zero bool) func(string) error {
		return last(func(c *control, s string) (err error) {
			if *to(c), err = strconv.ParseFloat(s, 64); err == nil && *to(c) == 0 && !zero { // the default, to the library
				err = errors.New("want another number than 0: leave -control out to do without it")
			}
			return err
		})
	}
	f.Func("control-scale", "`number` that what it adds is multiplied by (default 1)", number(func(c *control) *float64 { return &c.Scale }, false))
	f.Func("control-start", "`share` of the steps after which it begins, 0 to 1 (default 0)", number(func(c *control) *float64 { return &c.Start }, true))
	f.Func("control-end", "`share` of the steps after which it ends, 0 to 1 (default 1)", number(func(c *control) *float64 { return &c.End }, false))
	f.BoolFunc("guess", "have the -control before it recognise its picture even where the prompt does not say what it is; a guidance of 3 to 5 suits that", last(func(c *control, s string) (err error) {
		c.Guess, err = strconv.ParseBool(s)
		return err
	}))
}

// read reads the pictures of the networks, and makes what they read of them. Those without
// one have the shared picture, which may be nil.
func (l controls) read(ctx context.Context, shared image.Image) (err error) {
	for i := range l {
		c, img := &l[i], shared
		if c.image != "" {
			if img, err = ReadImage(ctx, "control-image", c.image); err != nil {
				return err
			}
		}
		if c.Image = img; c.preprocess == nil {
			continue
		}
		if img == nil {
			return misusef("-preprocess: have no picture for %s, want a -control-image", c.path)
		}
		made, err := await(ctx, func() (image.Image, error) { return c.preprocess(img) })
		if err != nil {
			return fmt.Errorf("-preprocess: %w", err)
		}
		c.Image = made
	}
	return nil
}

// load loads the networks for a pipeline, each once, and prints what their files had that
// was left out.
func (l controls) load(ctx context.Context, pipe *diffusion.Pipeline, command string, stderr io.Writer) (list []diffusion.Control, err error) {
	loaded := make(map[string]*diffusion.LoadedControl)
	for _, c := range l {
		if loaded[c.path] == nil {
			if loaded[c.path], err = pipe.LoadControlContext(ctx, c.path); err != nil {
				return nil, err
			}
			for _, warning := range loaded[c.path].Warnings {
				PrintWarning(stderr, command, warning)
			}
		}
		c.Loaded = loaded[c.path]
		list = append(list, c.Control)
	}
	return list, nil
}

// ControlBy gives the picture that networks without a -control-image read, of which there
// must be some.
func (c *Command) ControlBy(img image.Image) error {
	if len(c.controls) == 0 {
		return misusef("-control: have none, want the folder or file of a ControlNet or T2I-Adapter")
	}
	c.controlImage = img
	return nil
}

// String is the names of the networks with their scales.
func (l controls) String() string {
	var names []string
	for _, c := range l {
		names = append(names, fmt.Sprintf("%s:%g", baseName(c.path), cmp.Or(c.Scale, 1)))
	}
	return strings.Join(names, ", ")
}
