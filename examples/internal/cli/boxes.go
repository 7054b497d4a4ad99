package cli

import (
	"fmt"
	"strconv"
	"strings"

	"sdgo/diffusion"
)

// BoxFlags adds the flags for boxes, of which there may be several, in place of those of -from.
func (c *Command) BoxFlags() {
	var boxes []diffusion.Box
	c.Func("box", "`LEFT,TOP,RIGHT,BOTTOM:PHRASE`, what is to stand in a part of the picture, whose sides are shares of 0 to 1, as 0.1,0.2,0.5,0.9:a red house; for a model that was taught layouts; may be given more than once", func(s string) error {
		b, err := parseLayout(s)
		if err == nil {
			boxes = append(boxes, b)
			c.Options.Boxes = boxes
		}
		return err
	})
	c.Float64Var(&c.Options.BoxShare, "box-share", 0, "share of the run, from its beginning, in which the boxes count, above 0, to 1 (default 0.3)")
}

func parseLayout(s string) (b diffusion.Box, err error) {
	sides, phrase, ok := strings.Cut(s, ":")
	places := strings.Split(sides, ",")
	if !ok || len(places) != 4 || strings.TrimSpace(phrase) == "" {
		return b, fmt.Errorf("have %q, want left,top,right,bottom:phrase", s)
	}
	b.Phrase = strings.TrimSpace(phrase)
	for i, side := range []*float64{&b.Left, &b.Top, &b.Right, &b.Bottom} {
		if *side, err = strconv.ParseFloat(strings.TrimSpace(places[i]), 64); err != nil {
			return b, fmt.Errorf("have side %q, want a number of 0 to 1", places[i])
		}
	}
	return b, nil
}
