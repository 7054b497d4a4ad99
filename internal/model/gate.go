package model

import (
	"sync"

	"sdgo/internal/weights"
)

// ErrClosed is returned by calls of a model that was closed, or is being closed.
var ErrClosed = weights.ErrClosed

// Gate knows the calls that are in flight, so that closing can wait for them. The zero
// value is open; nil always is. It is safe for concurrent use.
type Gate struct {
	mu       sync.Mutex
	calls    int
	inside   map[string]int // calls by goroutine, if they said theirs
	closed   bool
	empty    chan struct{} // closed when the last call has left a closed gate
	unwaited bool          // a Close did not wait: the last call finishes its work
	finish   func() error
}

// Enter begins a call, or returns ErrClosed. The call ends with leave. A call that runs
// its caller's functions says on which goroutine, see [engine.Goroutine]; others say "".
func (g *Gate) Enter(goroutine string) (leave func(), err error) {
	if g == nil {
		return func() {}, nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return nil, ErrClosed
	}
	g.calls++
	if goroutine != "" {
		if g.inside == nil {
			g.inside = make(map[string]int)
		}
		g.inside[goroutine]++
	}
	return func() { g.leave(goroutine) }, nil
}

func (g *Gate) leave(goroutine string) {
	g.mu.Lock()
	g.calls--
	if goroutine != "" {
		if g.inside[goroutine]--; g.inside[goroutine] == 0 {
			delete(g.inside, goroutine)
		}
	}
	last := g.closed && g.calls == 0
	if last {
		close(g.empty)
	}
	unwaited := g.unwaited
	g.mu.Unlock()
	if last && unwaited {
		g.finish()
	}
}

// Close lets no call enter any more, waits until those in flight have left, and calls
// release, once for all Closes. On a goroutine that is in such a call itself it does not
// wait: the last call to leave releases.
func (g *Gate) Close(goroutine string, release func() error) error {
	if g == nil {
		return release()
	}
	g.mu.Lock()
	if !g.closed {
		g.closed, g.empty, g.finish = true, make(chan struct{}), sync.OnceValue(release)
		if g.calls == 0 {
			close(g.empty)
		}
	}
	if goroutine != "" && g.inside[goroutine] > 0 {
		g.unwaited = true
		g.mu.Unlock()
		return nil
	}
	g.mu.Unlock()
	<-g.empty
	return g.finish()
}
