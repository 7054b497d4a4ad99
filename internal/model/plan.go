package model

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"sdgo/internal/engine"
	"sdgo/internal/kernel"
	"sdgo/internal/op"
)

// Plan tells how a model computes for one shape of its input, step by step.
type Plan struct {
	Model   string
	Values  int64 // bytes of the memory for intermediate values
	Weights int64 // bytes that the weights of all steps take
	Steps   []Step
}

// Step is one operation, with those that were joined with it.
type Step struct {
	Layer     string // whose weight it reads, as checkpoints name it; may be empty
	Operation string // the algorithm and its shapes
	Format    string // of the weights, or empty
	Weights   int64  // bytes
	Output    int64  // bytes
	FLOPs     float64

	cost    op.Cost
	format  kernel.Format
	threads int
}

// Time is a prediction for this machine: the operations at the rate that its
// processor reaches on numbers in cache, times what each kind loses beside. The first
// call measures that rate.
func (s *Step) Time() time.Duration {
	if s == nil {
		return 0
	}
	return s.cost.Time(s.format, s.threads, s.Output)
}

// Plan returns the plan for a key.
func (m *Model) Plan(key any, build Build) (*Plan, error) {
	leave, err := m.enter(context.Background())
	if err != nil {
		return nil, err
	}
	defer leave()
	plan, err := m.plan(key, build)
	if err != nil {
		return nil, err
	}
	p := &Plan{Model: m.name, Values: plan.Bytes()}
	counted := make(map[*op.Weight]bool)
	for _, s := range plan.Actions() {
		step := Step{Operation: s.Operation.String(), Output: s.Output, cost: s.Operation.Cost(), threads: m.eng.Threads()}
		step.FLOPs = step.cost.FLOPs
		if w := s.Weight; w != nil {
			step.Layer = layerOf(s.Name)
			step.Weights = int64(w.MemSize())
			if packed := w.Arg().Packed; packed.Data != nil {
				step.format = packed.Format
				step.Format = packed.Format.String()
			}
			if !counted[w] {
				counted[w] = true
				p.Weights += step.Weights
			}
		}
		p.Steps = append(p.Steps, step)
	}
	return p, nil
}

// layerOf returns the module of a parameter's node.
func layerOf(name string) string {
	_, key, _ := strings.Cut(name, "/")
	if i := strings.LastIndexByte(key, '.'); i >= 0 {
		return key[:i]
	}
	return key
}

// Time is the prediction for all steps.
func (p *Plan) Time() (d time.Duration) {
	if p == nil {
		return 0
	}
	for _, s := range p.Steps {
		d += s.Time()
	}
	return d
}

// Total tells in a line what the model takes of memory and time.
func (p *Plan) Total() string {
	if p == nil {
		return "no plan"
	}
	return fmt.Sprintf("%s: weights %s, values %s, %d steps, about %v", p.Model,
		engine.Bytes(p.Weights), engine.Bytes(p.Values), len(p.Steps), p.Time().Round(time.Millisecond))
}

// WriteTo writes the plan as a table.
func (p *Plan) WriteTo(w io.Writer) (int64, error) {
	if p == nil || w == nil {
		return 0, errors.New("plan: have nil, want a plan and a writer")
	}
	var b strings.Builder
	fmt.Fprintln(&b, p.Total())
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "layer\toperation\tweights\tin\toutput\tGFLOP\tms")
	for _, s := range p.Steps {
		weights := ""
		if s.Weights > 0 {
			weights = engine.Bytes(s.Weights)
		}
		flops := ""
		if s.FLOPs > 0 {
			flops = fmt.Sprintf("%.2f", s.FLOPs/1e9)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%.2f\n", s.Layer, s.Operation, weights, s.Format, engine.Bytes(s.Output), flops, s.Time().Seconds()*1e3)
	}
	t.Flush()
	n, err := io.WriteString(w, b.String())
	return int64(n), err
}
