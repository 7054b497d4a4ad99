package cli

import (
	"flag"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"sdgo/diffusion"
)

// guiderHelp is the text that asks for a list of Guiders.
const guiderHelp = "help"

// guidanceFlags adds the flags for guidance beside its scale, and for what changes the
// U-Net's work without other weights. Guider is what the text of -guider is put in.
func guidanceFlags(f *flag.FlagSet, o *diffusion.Options, guider *string) {
	f.StringVar(guider, "guider", "", "guidance as a `text`, such as apg:scale=9,norm=15 or cfg:scale=5+pag:scale=3, in place of -guidance-rescale; -guidance is the scale of what comes first if that has none; help to list what there is (default cfg)")
	f.Func("guidance-interval", "`low,high` noise levels between which guidance is applied, such as 0.3,5; without high there is no upper bound (default all)", func(s string) error {
		ends, err := numbers(s, 1, 2)
		if err == nil {
			o.GuidanceInterval = diffusion.Interval{Low: ends[0]}
			if len(ends) == 2 {
				o.GuidanceInterval.High = ends[1]
			}
		}
		return err
	})
	f.Func("freeu", "`b1,b2,s1,s2`: FreeU's factors for what comes from below and for the skips, 1.5,1.6,0.9,0.2 for Stable Diffusion 1 (default none)", func(s string) error {
		factors, err := numbers(s, 4, 4)
		if err == nil {
			o.FreeU.B1, o.FreeU.B2, o.FreeU.S1, o.FreeU.S2 = factors[0], factors[1], factors[2], factors[3]
		}
		return err
	})
	f.Func("seamless", "`sides` without a seam when copies of the picture lie there: x (left and right), y (above and below) or xy (default none)", func(s string) error {
		switch s {
		case "x", "y", "xy":
			o.Seamless.X, o.Seamless.Y = strings.Contains(s, "x"), strings.Contains(s, "y")
			return nil
		}
		return fmt.Errorf("have %q, want x, y or xy", s)
	})
}

// numbers reads numbers between commas, of which there are least to most.
func numbers(s string, least, most int) (list []float64, err error) {
	for part := range strings.SplitSeq(s, ",") {
		v, err := strconv.ParseFloat(strings.TrimSpace(part), 64)
		if err != nil {
			return nil, fmt.Errorf("have %q, want numbers between commas", s)
		}
		list = append(list, v)
	}
	if len(list) < least || len(list) > most {
		return nil, fmt.Errorf("have %d numbers, want %s", len(list), amountOf(least, most))
	}
	return list, nil
}

// amountOf says how many.
func amountOf(least, most int) string {
	if least == most {
		return strconv.Itoa(least)
	}
	return fmt.Sprintf("%d or %d", least, most)
}

// listGuiders prints what -guider takes.
func (c *Command) listGuiders() {
	t := c.table()
	for _, info := range diffusion.GuiderNames() {
		fmt.Fprintf(t, "%s\t%s\n", info.Name, info.Description)
	}
	t.Flush()
}

// chooseGuider puts the Guider of -guider in the options.
func (c *Command) chooseGuider() (err error) {
	if c.guider == "" {
		return nil
	}
	if c.Options.Guider, err = diffusion.ParseGuider(c.guider); err != nil {
		return fmt.Errorf("-guider: %w (-guider help lists all)", err)
	}
	return nil
}

// scaleGuider gives the Guider of -guider the scale of -guidance, or of the demo model, where
// its text has none. If both have one, and -guidance was given, that is an error of the call.
func (c *Command) scaleGuider(given bool) (err error) {
	if c.guider == "" || c.Options.Guidance == 0 {
		return nil
	}
	text, taken := withScale(c.guider, c.Options.Guidance)
	if taken || !given {
		c.Options.Guidance = 0
	}
	c.Options.Guider, err = diffusion.ParseGuider(text)
	return err
}

// hasScale finds the setting of a scale.
var hasScale = regexp.MustCompile(`[:,]\s*scale\s*=`)

// withScale returns the text of a Guider with a scale for what comes first, and whether it
// was without one. What stands around others stands around classifier-free guidance of the
// scale, and where the scale turns guidance off around none, if it needs none.
func withScale(text string, scale float64) (scaled string, taken bool) {
	text = strings.TrimSpace(text)
	first, _, _ := strings.Cut(text, "+")
	name, _, _ := strings.Cut(first, ":")
	switch name := strings.TrimSpace(name); {
	case (name == "pag" || name == "seg") && scale <= 1:
		return "unguided+" + text, true
	case name == "pag" || name == "seg" || name == "thresholded":
		return fmt.Sprintf("cfg:scale=%v+%s", scale, text), true
	case name != "cfg" && name != "apg" && name != "zero-star" && name != "rescaled" || hasScale.MatchString(first):
		return text, false
	case strings.Contains(first, ":"):
		return strings.Replace(text, ":", fmt.Sprintf(":scale=%v,", scale), 1), true
	default:
		return name + fmt.Sprintf(":scale=%v", scale) + text[len(first):], true
	}
}
