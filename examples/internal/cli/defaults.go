package cli

import (
	"fmt"
	"strings"

	"sdgo/diffusion"
)

// noteDefaults tells what is taken where flags are not given, if the model was trained
// for few steps, and what says so.
func (c *Command) noteDefaults(pipe *diffusion.Pipeline) {
	d := pipe.Defaults()
	if d.Few == "" {
		return
	}
	var taken []string
	if c.Options.Steps == 0 {
		taken = append(taken, fmt.Sprintf("%d steps", d.Steps))
	}
	switch {
	case c.Options.Guidance != 0 || c.Options.Guider != nil:
	case d.Guidance == 1:
		taken = append(taken, "no guidance")
	default:
		taken = append(taken, fmt.Sprintf("guidance %g", d.Guidance))
	}
	if c.Options.Sampler == nil {
		taken = append(taken, "the sampler of "+pipe.Scheduler.Class)
	}
	if len(taken) > 0 {
		c.note("a model for few steps, %s, as %s: taken are %s", d.Few, OneLine(d.Told), strings.Join(taken, ", "))
	}
}
