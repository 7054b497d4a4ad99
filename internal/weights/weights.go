package weights

import (
	"errors"
	"fmt"
	"sync"

	"sdgo/internal/engine"
)

// ErrClosed is returned by calls of a model that was closed, or is being closed.
var ErrClosed = errors.New("the model is closed")

// Weights hold the memory of a model's parameters.
type Weights struct {
	memory *engine.Memory

	mu     sync.Mutex
	blocks []*engine.Block

	use  sync.RWMutex // held for reading by graphs of callers' that run
	gone bool
}

// Hold implements op.Owner.
func (w *Weights) Hold() (release func(), err error) {
	w.use.RLock()
	if w.gone {
		w.use.RUnlock()
		return nil, fmt.Errorf("weights: %w", ErrClosed)
	}
	return w.use.RUnlock, nil
}

// alloc adds memory for a weight whose numbers its type cannot hold.
func (w *Weights) alloc(n int) (*engine.Block, error) {
	block, err := w.memory.Alloc(n, "a weight that half precision cannot hold")
	if err == nil {
		w.mu.Lock()
		w.blocks = append(w.blocks, block)
		w.mu.Unlock()
	}
	return block, err
}

// Close waits for graphs that run and gives the memory back. Graphs that run later get
// an error.
func (w *Weights) Close() {
	w.use.Lock()
	defer w.use.Unlock()
	w.gone = true
	for _, b := range w.blocks {
		b.Free()
	}
}
