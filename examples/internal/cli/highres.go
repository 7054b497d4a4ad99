package cli

import (
	"fmt"
	"strings"

	"sdgo/diffusion"
)

// HighResFlags adds the flags for a second, larger pass.
func (c *Command) HighResFlags() {
	h := &c.Options.HighRes
	c.Float64Var(&h.Scale, "hires", 0, "make the picture in two passes, the second so many `times` larger, 2 say (default one pass)")
	c.Func("hires-upscaler", "`name` of what enlarges between the passes, one of "+upscalers()+" (default Latent)", func(name string) error {
		for _, u := range diffusion.Upscalers() {
			if strings.EqualFold(name, string(u)) {
				h.Upscaler = u
				return nil
			}
		}
		return fmt.Errorf("want one of %s", upscalers())
	})
	c.IntVar(&h.Steps, "hires-steps", 0, "steps of the second pass (default as many as -steps)")
	c.Float64Var(&h.Strength, "hires-strength", 0, "how much of the picture the second pass replaces by noise, above 0, to 1 (default 0.7)")
}

// upscalers are the names of all.
func upscalers() string {
	var names []string
	for _, u := range diffusion.Upscalers() {
		names = append(names, string(u))
	}
	return strings.Join(names, ", ")
}
