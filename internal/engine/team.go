package engine

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"sdgo/internal/kernel"
	"sdgo/internal/mapped"
	"sdgo/internal/op"
)

// spin is how long a goroutine looks for work, or for the others to finish,
// before it sleeps. Waking a sleeper takes tens of microseconds, as long as
// many a phase takes.
const spin = 100 * time.Microsecond

// job is a phase while it runs.
type job struct {
	kernel.Phase
	next, done atomic.Int64 // tasks taken, tasks finished
}

// team is a few goroutines that share the tasks of one phase after the other.
// It lives as long as one run, so that nothing is left behind; the goroutine
// that calls run is its first member. All of them panic on a fault of memory.
type team struct {
	members  int
	scratch  [][]float32 // one for each member
	current  atomic.Pointer[job]
	closed   atomic.Bool
	cancel   atomic.Bool // stop: tasks not yet begun are skipped
	sleepers atomic.Int32
	wake     chan struct{}
	waiting  atomic.Bool // the caller sleeps until a job is done
	finished chan struct{}
	workers  sync.WaitGroup
	fault    atomic.Pointer[fault]
}

// fault is a panic of a task, kept so that it does not end the process.
type fault struct{ value any }

// startTeam makes a team of the given number of members.
func startTeam(members int, scratch [][]float32) *team {
	t := &team{members: members, scratch: scratch, wake: make(chan struct{}, members), finished: make(chan struct{}, 1)}
	for i := 1; i < members; i++ {
		t.workers.Add(1)
		go t.serve(scratch[i])
	}
	return t
}

// stop ends the workers and waits for them.
func (t *team) stop() {
	t.closed.Store(true)
	t.wakeAll()
	t.workers.Wait()
}

// run does all tasks of the phase. It reports a panic in a task as an error.
func (t *team) run(j *job) error {
	j.next.Store(0)
	j.done.Store(0)
	if t.members == 1 || j.Tasks == 1 {
		t.work(j, t.scratch[0])
	} else {
		t.current.Store(j)
		t.wakeAll()
		t.work(j, t.scratch[0])
		t.wait(j)
	}
	if f := t.fault.Load(); f != nil {
		return f.err()
	}
	return nil
}

// err is the error for a panic.
func (f *fault) err() error {
	if failure, ok := f.value.(*op.Failure); ok {
		return failure
	}
	if cut := mapped.FaultOf(f.value); cut != nil {
		return fmt.Errorf("engine: %w", cut)
	}
	return fmt.Errorf("engine: internal error: %v", f.value)
}

// wait returns when all tasks are done.
func (t *team) wait(j *job) {
	tasks := int64(j.Tasks)
	for begin := time.Now(); j.done.Load() < tasks; {
		if time.Since(begin) < spin {
			runtime.Gosched()
			continue
		}
		t.waiting.Store(true)
		if j.done.Load() < tasks {
			<-t.finished
		}
		t.waiting.Store(false)
	}
}

// serve works on every job that comes until the team is closed.
func (t *team) serve(scratch []float32) {
	defer t.workers.Done()
	debug.SetPanicOnFault(true) // for as long as the goroutine lives
	var last *job
	begin := time.Now()
	for !t.closed.Load() {
		if j := t.current.Load(); j != last {
			last = j
			t.work(j, scratch)
			begin = time.Now()
			continue
		}
		if time.Since(begin) < spin {
			runtime.Gosched()
			continue
		}
		t.sleepers.Add(1)
		if t.current.Load() == last && !t.closed.Load() {
			<-t.wake
		}
		t.sleepers.Add(-1)
		begin = time.Now()
	}
}

// wakeAll wakes the workers that sleep. A spurious wake does no harm.
func (t *team) wakeAll() {
	for range t.sleepers.Load() {
		select {
		case t.wake <- struct{}{}:
		default:
		}
	}
}

// work takes tasks until none is left.
func (t *team) work(j *job, scratch []float32) {
	tasks := int64(j.Tasks)
	for {
		i := j.next.Add(1) - 1
		if i >= tasks {
			return
		}
		if !t.cancel.Load() {
			t.do(j, int(i), scratch)
		}
		if j.done.Add(1) == tasks && t.waiting.Load() {
			select {
			case t.finished <- struct{}{}:
			default:
			}
		}
	}
}

// do runs one task. A panic is a bug of ours, the [op.Failure] of an operation that is the
// caller's, or a fault on reading weights in a file that another program cut; it must not
// take the caller's process down.
func (t *team) do(j *job, i int, scratch []float32) {
	defer func() {
		if r := recover(); r != nil {
			t.fault.CompareAndSwap(nil, &fault{r})
			t.cancel.Store(true)
		}
	}()
	j.Run(i, scratch)
}
