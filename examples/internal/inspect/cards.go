package inspect

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"sdgo/diffusion"
	"sdgo/examples/internal/cli"
	"sdgo/internal/device"
	"sdgo/internal/engine"
)

// cardNames are the graphics processors that are planned for: those of a -device, none
// for the processor.
func cardNames(name string) (cards []string, err error) {
	for _, c := range device.Cards {
		cards = append(cards, c.Name)
	}
	switch {
	case name == "" || name == "cpu":
		return nil, nil
	case name == "cuda":
		return cards, nil
	case slices.Contains(cards, name):
		return []string{name}, nil
	}
	return nil, cli.Misuse(fmt.Errorf("-device: have %q, want cpu, cuda for all cards, or one of %s", name, strings.Join(cards, ", ")))
}

// cards writes how a model would make a picture on graphics processors, as a model on
// paper has it: of its parts each kind of layers, or each layer.
func (c *Command) cards(ctx context.Context, names []string, stdout io.Writer) error {
	if len(c.adapters) > 0 {
		return cli.Misuse(errors.New("-lora: have it beside -device, want one of them: graphics processors have no adapters"))
	}
	load := c.load
	var plans []*diffusion.Plan
	for _, name := range names {
		load.Device = diffusion.OnPaper(name)
		pipe, err := c.open(ctx, &load)
		if err != nil {
			return err
		}
		plan, err := pipe.Plan(&c.options)
		pipe.Close()
		if err != nil {
			return err
		}
		plans = append(plans, plan)
	}
	var b strings.Builder
	for i, part := range plans[0].Parts {
		rows := rowsOf(plans, i)
		if !c.layers {
			rows = byKind(rows)
		}
		fmt.Fprintf(&b, "%s: weights %s, values %s, %d operations; ms on paper, and the roof by arithmetic and memory\n",
			part.Model, engine.Bytes(part.Weights), engine.Bytes(part.Values), len(part.Steps))
		write(&b, names, rows)
		fmt.Fprintln(&b)
	}
	_, err := io.WriteString(stdout, b.String())
	return err
}

// row is a layer, or several, on each of the cards.
type row struct {
	diffusion.StepPlan // as the card of most launches has it
	time, roof         []time.Duration
}

func rowsOf(plans []*diffusion.Plan, part int) (rows []row) {
	for i, s := range plans[0].Parts[part].Steps {
		r := row{StepPlan: s}
		for _, p := range plans {
			on := p.Parts[part].Steps[i]
			r.Launches, r.Moved = max(r.Launches, on.Launches), max(r.Moved, on.Moved)
			r.time, r.roof = append(r.time, on.Predicted), append(r.roof, on.Roof)
		}
		rows = append(rows, r)
	}
	return rows
}

// add counts another row in.
func (r *row) add(o row) {
	r.Launches, r.Moved, r.FLOPs = r.Launches+o.Launches, r.Moved+o.Moved, r.FLOPs+o.FLOPs
	for i := range o.time {
		r.time[i] += o.time[i]
		r.roof[i] += o.roof[i]
	}
}

// byKind adds rows of a kind up, and all of them.
func byKind(rows []row) (list []row) {
	cards := len(rows[0].time)
	named := func(name string) row {
		return row{StepPlan: diffusion.StepPlan{Operation: name}, time: make([]time.Duration, cards), roof: make([]time.Duration, cards)}
	}
	sum := named("sum")
	for _, r := range rows {
		i := slices.IndexFunc(list, func(o row) bool { return o.Operation == r.Kind })
		if i < 0 {
			i, list = len(list), append(list, named(r.Kind))
		}
		list[i].add(r)
		sum.add(r)
	}
	last := len(sum.time) - 1
	slices.SortStableFunc(list, func(a, b row) int { return cmp.Compare(b.time[last], a.time[last]) })
	return append(list, sum)
}

func write(b *strings.Builder, cards []string, rows []row) {
	t := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "layer\toperation\tlaunches\tmoved\tGFLOP\t%s\n", strings.Join(cards, "\t"))
	for _, r := range rows {
		fmt.Fprintf(t, "%s\t%s\t%d\t%s\t%.2f", r.Layer, r.Operation, r.Launches, engine.Bytes(r.Moved), r.FLOPs/1e9)
		for i := range cards {
			fmt.Fprintf(t, "\t%.3f (%.3f)", r.time[i].Seconds()*1e3, r.roof[i].Seconds()*1e3)
		}
		fmt.Fprintln(t)
	}
	t.Flush()
}
