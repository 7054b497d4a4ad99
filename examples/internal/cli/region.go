package cli

import (
	"context"
	"fmt"
	"image"
	"strconv"
	"strings"

	"sdgo/diffusion"
)

// region is one that a flag names, whose mask is not read yet.
type region struct {
	diffusion.Region
	mask string // its file, or "": there is a box
}

// regionFlags adds the flags of what is put together of several prompts or windows.
func (c *Command) regionFlags() {
	o := &c.Options
	c.Func("region", "`PLACE:PROMPT` of a part of the picture, whose place is X,Y,WIDTH,HEIGHT in pixels or the file of a mask of the picture's size, such as 0,0,256,512:a red house; "+
		"behind the place may stand ;weight=0.8 ;feather=64 (pixels) ;start=0.2 ;end=0.7 (shares of the run) ;negative=text ;alone (the U-Net sees nothing else); may be given more than once", func(s string) error {
		r, err := parseRegion(s)
		if err == nil {
			c.regions = append(c.regions, r)
			o.Regions = nil // those of -from
		}
		return err
	})
	c.Float64Var(&o.BaseWeight, "base-weight", 0, "how much the prompt counts beside regions (default what they leave of 1)")
	c.IntVar(&o.Windows.Width, "window", 0, "side in `pixels` of overlapping windows through which the U-Net sees a larger picture, such as a panorama, mostly what the model was trained on (default the whole picture)")
	c.IntVar(&o.Windows.Overlap, "overlap", 0, "how many `pixels` windows have in common (default a half)")
	c.BoolVar(&o.Windows.Wrap, "wrap", false, "join the right edge to the left one, for a view of 360°; with -window")
}

// parseRegion reads the value of -region.
func parseRegion(s string) (r region, err error) {
	place, prompt, ok := cutPlace(s)
	if !ok {
		return r, fmt.Errorf("have %q, want a place (X,Y,WIDTH,HEIGHT or a file), a colon and a prompt", s)
	}
	settings := strings.Split(place, ";")
	if r.Box, ok = parseBox(settings[0]); !ok {
		r.mask = settings[0]
	}
	r.Prompt = prompt
	for _, setting := range settings[1:] {
		if err := r.set(setting); err != nil {
			return r, err
		}
	}
	return r, nil
}

// cutPlace divides at the first colon behind a box or an existing file, with its settings, or
// else at the first colon.
func cutPlace(s string) (place, prompt string, ok bool) {
	for i := range s {
		if s[i] != ':' {
			continue
		}
		first, _, _ := strings.Cut(s[:i], ";")
		if _, box := parseBox(first); box || exists(first) {
			return s[:i], s[i+1:], true
		}
	}
	return strings.Cut(s, ":")
}

// parseBox reads X,Y,WIDTH,HEIGHT.
func parseBox(s string) (box image.Rectangle, ok bool) {
	var n [4]int
	parts := strings.Split(s, ",")
	if len(parts) != len(n) {
		return box, false
	}
	for i, part := range parts {
		v, err := strconv.Atoi(strings.TrimSpace(part))
		if err != nil || v < 0 || v > 1<<16 {
			return box, false
		}
		n[i] = v
	}
	return image.Rect(n[0], n[1], n[0]+n[2], n[1]+n[3]), true
}

// set changes what a setting names.
func (r *region) set(setting string) (err error) {
	name, value, _ := strings.Cut(strings.TrimSpace(setting), "=")
	number := func(to *float64) { *to, err = strconv.ParseFloat(value, 64) }
	zero := false
	positive := func(to *float64) {
		number(to)
		zero = *to == 0 // which to the library means 1
	}
	switch name {
	case "weight":
		positive(&r.Weight)
	case "start":
		number(&r.Start)
	case "end":
		positive(&r.End)
	case "feather":
		r.Feather, err = strconv.Atoi(value)
	case "negative":
		r.NegativePrompt = value
	case "alone":
		r.Alone = true
	default:
		return fmt.Errorf("have %q behind the place, want weight=, feather=, start=, end=, negative= or alone", setting)
	}
	switch {
	case err != nil:
		return fmt.Errorf("have %q, which is no number", setting)
	case zero:
		return fmt.Errorf("have %q, want more than 0", setting)
	}
	return nil
}

// loadRegions reads the masks of regions into the options.
func (c *Command) loadRegions(ctx context.Context) error {
	for _, r := range c.regions {
		if r.mask != "" {
			mask, err := ReadImage(ctx, "region", r.mask)
			if err != nil {
				return err
			}
			r.Mask = mask
		}
		c.Options.Regions = append(c.Options.Regions, r.Region)
	}
	return nil
}
