package diffusion

import (
	"fmt"

	G "gorgonia.org/gorgonia"

	"sdgo/internal/engine"
	"sdgo/internal/op"
)

// NewMachine returns a gorgonia.VM that computes outputs from inputs, whose
// values are bound with gorgonia.Let, on a graph made by the models' Build
// methods. Operations of gorgonia's own may stand beside the models', a loss say, and
// so may the derivatives of gorgonia.Grad, by inputs and by weights; all values are
// float32. It plans all memory ahead and shares the models' weights, and computes
// nothing that no output needs: a weight whose derivative is not asked for costs
// nothing. gorgonia.NewTapeMachine runs such graphs too, with the same results, but
// computes all that the graph holds and allocates every value; LispMachine does not.
//
// The outputs' values lie in the machine's memory and are valid until it runs again
// or is closed; a derivative's is then the Grad of the node it belongs to, where
// gorgonia's solvers look for it. Values of nodes that are no inputs are taken when
// the machine is made. One goroutine may use a machine at a time. A run uses
// GOMAXPROCS goroutines.
func NewMachine(inputs, outputs []*G.Node) (G.VM, error) {
	eng, err := engine.New(nil)
	if err != nil {
		return nil, fmt.Errorf("diffusion: %w", err)
	}
	plan, err := engine.NewPlan(inputs, outputs)
	if err != nil {
		return nil, fmt.Errorf("diffusion: %w", err)
	}
	m, err := plan.NewMachine(&eng.Memory, 0)
	if err != nil {
		return nil, fmt.Errorf("diffusion: %w", err)
	}
	return m, nil
}

// Trainable gives the nodes of weights, as the models' WeightNodes returns them, copies
// of their numbers that the caller may change: *tensor.Dense in the shape and order of
// the checkpoint, in place of the model's own, which other graphs and runs share. It
// must come before NewMachine, which sees every later change of the numbers.
func Trainable(weights ...*G.Node) error {
	for _, n := range weights {
		if n == nil {
			return fmt.Errorf("diffusion: trainable: have a nil node, want a model's weight")
		}
		w, ok := n.Value().(*op.Weight)
		if !ok {
			return fmt.Errorf("diffusion: trainable: node %q holds a %T, want a model's weight", n.Name(), n.Value())
		}
		x, err := w.Dense()
		if err != nil {
			return fmt.Errorf("diffusion: trainable: %q: %w", n.Name(), err)
		}
		if err := G.Let(n, x); err != nil {
			return fmt.Errorf("diffusion: trainable: %q: %w", n.Name(), err)
		}
	}
	return nil
}
