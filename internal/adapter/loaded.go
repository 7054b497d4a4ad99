package adapter

import (
	"errors"
	"slices"
	"sync"

	"sdgo/internal/engine"
	"sdgo/internal/model"
	"sdgo/internal/op"
	"sdgo/internal/weights"
)

// Loaded is an adapter in the memory of a model, in the form that kernels read. It is safe
// for concurrent use.
type Loaded struct {
	Warnings []string

	layers []*resident
	models map[string]*model.Model
	digest string

	mu     sync.Mutex
	calls  int
	closed bool
	blocks []*engine.Block
}

// resident is a change in a model's memory.
type resident struct {
	Target
	kind           string
	rank           int
	scale          float64
	down, mid, up  weight // up alone is the whole change
	magnitude      []float32
	onInput        bool
	squares        [3][]float64 // of V = W + s·Δ by channels: ‖W‖², ⟨W, Δ⟩ and ‖Δ‖²
	bias, vector   []float32    // what they change by
	bias0, vector0 []float32    // what the model has
}

// weight is one as kernels read it, its shape, and the bytes that it takes.
type weight struct {
	arg   op.Arg
	shape []int
	bytes int64
}

// decompose keeps what the norms of V depend on.
func (r *resident) decompose(c *Change, base []float32) {
	for i := range r.squares {
		r.squares[i] = make([]float64, len(c.Magnitude))
	}
	for j, d := range c.Delta(base) {
		at, w, d := c.channel(j), float64(base[j]), float64(d)
		r.squares[0][at] += w * w
		r.squares[1][at] += w * d
		r.squares[2][at] += d * d
	}
}

// gains are m/‖V‖ for an adapter's weight.
func (r *resident) gains(s float64) []float32 {
	gains := make([]float32, len(r.magnitude))
	for i, m := range r.magnitude {
		gains[i] = gain(m, r.squares[0][i]+2*s*r.squares[1][i]+s*s*r.squares[2][i])
	}
	return gains
}

// Digest tells adapters apart by what they change.
func (l *Loaded) Digest() string { return l.digest }

// For says whether the adapter was loaded for a part of a model.
func (l *Loaded) For(part string, m *model.Model) bool {
	own := l.models[part]
	return own != nil && own.Same(m)
}

// ErrClosed is returned for an adapter that was closed.
var ErrClosed = errors.New("the adapter is closed")

// Hold keeps the adapter in memory until release is called.
func (l *Loaded) Hold() (release func(), err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, ErrClosed
	}
	l.calls++
	return sync.OnceFunc(func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.calls--
		l.free()
	}), nil
}

// Close gives the memory back, once no call holds the adapter any more.
func (l *Loaded) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	l.free()
}

// free wants the lock held.
func (l *Loaded) free() {
	if !l.closed || l.calls > 0 {
		return
	}
	for _, b := range l.blocks {
		b.Free()
	}
	l.blocks = nil
}

// ForAny says whether the adapter was loaded for a model with a parameter of which is says
// so.
func (l *Loaded) ForAny(is func(key string) bool) bool {
	for _, m := range l.models {
		if slices.ContainsFunc(m.Params(), func(p *weights.Param) bool { return is(p.Key) }) {
			return true
		}
	}
	return false
}
