package diffusion

import (
	"fmt"

	G "gorgonia.org/gorgonia"

	"sdgo/internal/engine"
)

// NewMachine returns a gorgonia.VM that computes outputs from inputs, whose
// values are bound with gorgonia.Let, on a graph made by the models' Build
// methods. It plans all memory ahead and shares the models' weights; gorgonia's
// own machines run such graphs too, but allocate every value. The outputs'
// values lie in the machine's memory and are valid until it runs again or is
// closed. One goroutine may use a machine at a time. A run uses GOMAXPROCS
// goroutines.
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
