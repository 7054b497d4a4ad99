package inspect

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"sdgo/diffusion"
	"sdgo/diffusion/plan"
)

// uneven is how many shapes of layers a report lists that lose most.
const uneven = 5

// team is how a part of a model is cut for some threads.
type team struct {
	Part     string  `json:"part"`
	Threads  int     `json:"threads"`
	Speedup  float64 `json:"speedup_bound"` // over one thread, from tasks that are counted
	Serial   float64 `json:"serial"`        // share of the work that one thread does alone
	Barriers int     `json:"phases"`        // of which each waits for the last
	Kinds    []share `json:"kinds"`         // of operations, the longest first
	Layers   []share `json:"layers"`        // by their shapes, those that lose most, or all
}

// share is a kind of operations, or those of one shape, in a team's work.
type share struct {
	Name      string  `json:"name"`
	Layer     string  `json:"layer,omitempty"` // the first that is so
	Layers    int     `json:"layers"`
	Phases    int     `json:"phases"`
	Fewest    int     `json:"tasks_fewest"` // of a phase
	Most      int     `json:"tasks_most"`
	Imbalance float64 `json:"imbalance"` // the longest thread's work against the mean
	Serial    float64 `json:"serial"`    // share of its work that one thread does alone
	Work      float64 `json:"work"`      // share of the part's work
	Time      float64 `json:"time"`      // share of the part's time on these threads
}

// parallel writes how the model's layers are cut for threads, from counts alone.
func (c *Command) parallel(ctx context.Context, stdout io.Writer) error {
	load := c.load
	load.Device = diffusion.OnPaper("cpu")
	pipe, err := c.open(ctx, &load)
	if err != nil {
		return err
	}
	defer pipe.Close()
	whole, err := pipe.Plan(&c.options)
	if err != nil {
		return err
	}
	teams := make([]team, len(whole.Parts))
	for i, p := range whole.Parts {
		teams[i] = teamOf(p, c.layers)
	}
	if c.json {
		return printJSON(stdout, teams)
	}
	var b strings.Builder
	for i := range teams {
		teams[i].write(&b)
	}
	_, err = io.WriteString(stdout, b.String())
	return err
}

// teamOf counts a part, with the layers that lose most, or all.
func teamOf(p *plan.Part, all bool) team {
	t := team{Part: p.Model, Threads: p.Threads, Speedup: p.Speedup()}
	work, time := 0.0, 0.0 // of all, and on the threads
	for i := range p.Steps {
		o := &p.Steps[i]
		work += float64(o.Work)
		time += float64(o.Work) * o.Longest()
		t.Serial += float64(o.Work) * o.Serial()
		t.Barriers += len(o.Phases)
	}
	if work == 0 {
		return t
	}
	t.Serial /= work
	t.Kinds = grouped(p, work, time, func(o *plan.Operation) string { return o.Kind })
	t.Layers = grouped(p, work, time, func(o *plan.Operation) string { return o.Operation })
	if all {
		return t
	}
	lost := func(s share) float64 { return s.Time * (1 - 1/max(1, s.Imbalance)) }
	slices.SortStableFunc(t.Layers, func(a, b share) int { return cmp.Compare(lost(b), lost(a)) })
	t.Layers = t.Layers[:min(uneven, len(t.Layers))]
	return t
}

// grouped counts the operations of a part that have a name in common, those that take
// longest first, of all the work and of the time on its threads.
func grouped(p *plan.Part, work, time float64, name func(o *plan.Operation) string) []share {
	at := make(map[string]int)
	var list []share
	for i := range p.Steps {
		o := &p.Steps[i]
		k, ok := at[name(o)]
		if !ok {
			k, at[name(o)] = len(list), len(list)
			list = append(list, share{Name: name(o), Layer: o.Layer})
		}
		list[k].add(o)
	}
	for i := range list {
		s := &list[i]
		if s.Work > 0 {
			s.Imbalance, s.Serial = s.Time*float64(p.Threads)/s.Work, s.Serial/s.Work
		}
		s.Work, s.Time = s.Work/work, s.Time/time
	}
	slices.SortStableFunc(list, func(a, b share) int { return cmp.Compare(b.Time, a.Time) })
	return list
}

// add counts an operation in.
func (s *share) add(o *plan.Operation) {
	s.Layers++
	s.Work += float64(o.Work)
	s.Time += float64(o.Work) * o.Longest()
	s.Serial += float64(o.Work) * o.Serial()
	for _, ph := range o.Phases {
		if s.Phases++; s.Phases == 1 {
			s.Fewest = ph.Tasks
		}
		s.Fewest, s.Most = min(s.Fewest, ph.Tasks), max(s.Most, ph.Tasks)
	}
}

// write writes a team as tables.
func (t *team) write(b *strings.Builder) {
	fmt.Fprintf(b, "%s: %d threads are at most %.1f times as fast as one; %.2f %% of the work is serial, %d phases wait for their last task\n",
		t.Part, t.Threads, t.Speedup, 100*t.Serial, t.Barriers)
	w := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "layers\tphases\ttasks\timbalance\tserial\twork\ttime\toperation")
	rows := func(list []share, layer bool) {
		for _, s := range list {
			name := s.Name
			if layer && s.Layer != "" {
				name += " (" + s.Layer + ")"
			}
			fmt.Fprintf(w, "%d\t%d\t%d to %d\t%.2f\t%.1f %%\t%.1f %%\t%.1f %%\t%s\n",
				s.Layers, s.Phases, s.Fewest, s.Most, s.Imbalance, 100*s.Serial, 100*s.Work, 100*s.Time, name)
		}
	}
	rows(t.Kinds, false)
	fmt.Fprintln(w, "\t\t\t\t\t\t\t")
	rows(t.Layers, true)
	w.Flush()
	b.WriteByte('\n')
}
