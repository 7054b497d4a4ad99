package inspect

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"sdgo/diffusion"
	"sdgo/examples/internal/cli"
	"sdgo/examples/internal/models"
	"sdgo/internal/engine"
)

// plan prints how the model would make a picture.
func (c *Command) plan(ctx context.Context, stdout, stderr io.Writer) error {
	onCards, err := cardNames(c.device)
	if err != nil {
		return err
	}
	if onCards != nil {
		return c.cards(ctx, onCards, stdout)
	}
	if c.load.Threads > 0 && len(c.adapters) == 0 {
		return c.parallel(ctx, stdout)
	}
	pipe, err := c.open(ctx, &c.load)
	if err != nil {
		return err
	}
	defer pipe.Close()
	cli.PrintWarnings(stderr, c.name, pipe)
	if c.options.Adapters, err = c.adapters.Load(ctx, pipe, c.name, stderr); err != nil {
		return err
	}
	plan, err := pipe.Plan(&c.options)
	if err != nil {
		return err
	}
	if c.layers {
		_, err = plan.WriteTo(stdout)
		return err
	}
	return summary(stdout, plan)
}

// open loads the model: one of [models.Open], or a file.
func (c *Command) open(ctx context.Context, o *diffusion.LoadOptions) (*diffusion.Pipeline, error) {
	fsys, err := models.Open(c.model)
	if err == nil {
		return diffusion.LoadFSContext(ctx, fsys, o)
	}
	if info, failed := os.Stat(c.model); failed == nil && !info.IsDir() {
		return diffusion.LoadContext(ctx, c.model, o)
	}
	return nil, err
}

// slowest is how many layers a summary lists: with the totals they fit on a screen of
// 24 lines, though 80 columns are too few for most of them.
const slowest = 6

// summary writes totals and the slowest layers of a plan.
func summary(w io.Writer, plan *diffusion.Plan) error {
	type layer struct {
		part string
		*diffusion.StepPlan
	}
	var layers []layer
	var b strings.Builder
	var weights, values int64
	var total time.Duration
	for _, part := range plan.Parts {
		fmt.Fprintln(&b, part.Total())
		weights, values, total = weights+part.Weights, max(values, part.Values), total+part.Time()
		for i := range part.Steps {
			layers = append(layers, layer{part.Model, &part.Steps[i]})
		}
	}
	fmt.Fprintf(&b, "total: weights %s, values up to %s, %d operations, about %v for one call of each\n\n",
		engine.Bytes(weights), engine.Bytes(values), len(layers), total.Round(time.Millisecond))

	slices.SortStableFunc(layers, func(a, b layer) int { return int(b.Time() - a.Time()) })
	listed := layers[:min(slowest, len(layers))]
	fmt.Fprintf(&b, "the slowest %d of %d (-layers lists all):\n", len(listed), len(layers))
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "ms\tpart\tin\tlayer\toperation")
	for _, l := range listed {
		fmt.Fprintf(t, "%.2f\t%s\t%s\t%s\t%s\n", l.Time().Seconds()*1e3, l.part, l.Format, l.Layer, l.Operation)
	}
	t.Flush()
	_, err := io.WriteString(w, b.String())
	return err
}
