// Package plan tells how models compute: which operations, in which order, what they
// take of memory, and how long they should take. The models' Plan methods return it, and
// diffusion.Pipeline's that of a whole picture:
//
//	whole, err := pipe.Plan(&diffusion.Options{Width: 768, Height: 512})
//	…
//	for _, part := range whole.Parts {
//		fmt.Println(part.Total())
//	}
//	_, err = whole.WriteTo(os.Stdout) // operation by operation
//
// Nothing of a picture is computed or allocated. The memory is exact, the time a
// prediction for the machine that asks. All here is plain data.
package plan

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"sdgo/internal/engine"
)

// Part tells how one model computes for one shape of its input.
type Part struct {
	Model   string      // "unet", say
	Values  int64       // bytes of the memory for intermediate values
	Weights int64       // bytes that the weights of all operations take
	Steps   []Operation // in the order in which they run
	Threads int         // that compute on the processor; 0 on a graphics processor

	// Adapters tells in a line how adapters are computed. It is empty if there are none.
	Adapters string
}

// Operation is one operation of a model, with those that were joined with it: an action
// of its plan.
type Operation struct {
	Layer     string  // whose weight it reads, as checkpoints name it; may be empty
	Operation string  // the algorithm and its shapes
	Kind      string  // of operation: "conv 3×3", "linear", "attention", …
	Format    string  // of the weights, or empty
	Weights   int64   // bytes
	Output    int64   // bytes
	FLOPs     float64 // of the plain algorithm; a multiplication and an addition are two

	// Of the processor: the phases, which run one after the other, and how long all
	// takes one core on paper, counted and the same on every machine.
	Phases []Phase
	Work   time.Duration

	// Of a graphics processor: how many kernels are launched, the bytes of its memory that
	// they read and write, each once, and the least time that those bytes, or the
	// arithmetic, could take on it.
	Launches int
	Moved    int64
	Roof     time.Duration

	// Predicted is how long it should take on this machine: the arithmetic at the rate
	// that the processor reaches on numbers in cache, times what operations of the kind
	// lose beside. The first plan of a process measures that rate, in some milliseconds.
	// On a graphics processor it is a model fitted to what an H100 did.
	Predicted time.Duration
}

// Time returns o.Predicted.
func (o *Operation) Time() time.Duration {
	if o == nil {
		return 0
	}
	return o.Predicted
}

// Time is the prediction for all operations.
func (p *Part) Time() (d time.Duration) {
	if p == nil {
		return 0
	}
	for _, s := range p.Steps {
		d += s.Predicted
	}
	return d
}

// Total tells in a line what the model takes of memory and time.
func (p *Part) Total() string {
	if p == nil {
		return "no plan"
	}
	launches, unit := p.launches(), time.Millisecond
	launched, adapters := "", ""
	if launches > 0 {
		launched, unit = fmt.Sprintf(" in %d launches", launches), 10*time.Microsecond
	}
	if p.Adapters != "" {
		adapters = "; " + p.Adapters
	}
	return fmt.Sprintf("%s: weights %s, values %s, %d operations%s, about %v%s", p.Model,
		engine.Bytes(p.Weights), engine.Bytes(p.Values), len(p.Steps), launched, p.Time().Round(unit), adapters)
}

// launches are those of all operations.
func (p *Part) launches() (n int) {
	for _, s := range p.Steps {
		n += s.Launches
	}
	return n
}

// WriteTo writes the plan as a table.
func (p *Part) WriteTo(w io.Writer) (int64, error) {
	if p == nil || w == nil {
		return 0, errors.New("plan: have nil, want a plan and a writer")
	}
	var b strings.Builder
	fmt.Fprintln(&b, p.Total())
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	onDevice := p.launches() > 0
	fmt.Fprint(t, "layer\toperation\tweights\tin\toutput\tGFLOP\t")
	if onDevice {
		fmt.Fprint(t, "launches\tmoved\troof ms\t")
	}
	fmt.Fprintln(t, "ms")
	for _, s := range p.Steps {
		weights := ""
		if s.Weights > 0 {
			weights = engine.Bytes(s.Weights)
		}
		flops := ""
		if s.FLOPs > 0 {
			flops = fmt.Sprintf("%.2f", s.FLOPs/1e9)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t", s.Layer, s.Operation, weights, s.Format, engine.Bytes(s.Output), flops)
		if onDevice {
			fmt.Fprintf(t, "%d\t%s\t%.4f\t%.4f\n", s.Launches, engine.Bytes(s.Moved), s.Roof.Seconds()*1e3, s.Time().Seconds()*1e3)
			continue
		}
		fmt.Fprintf(t, "%.2f\n", s.Time().Seconds()*1e3)
	}
	t.Flush()
	n, err := io.WriteString(w, b.String())
	return int64(n), err
}
