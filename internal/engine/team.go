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
	number uint32 // among the jobs of a team, which runs it once
}

// share is a member's part of the tasks of a job, one after the other. The others help when
// they have done theirs. Those that follow each other use the same data, and so do the
// shares of a member in one job after the other: it finds them in its own cache.
type share struct {
	next atomic.Uint64 // the job's number, and in the lower half the next task
	_    [56]byte      // to have a line of the cache for itself
}

// take returns the next task of a job before end, or false if there is none, or another
// job runs by now.
func (s *share) take(number uint32, end int) (task int, ok bool) {
	for {
		next := s.next.Load()
		task := int(uint32(next))
		if uint32(next>>32) != number || task >= end {
			return 0, false
		}
		if s.next.CompareAndSwap(next, next+1) {
			return task, true
		}
	}
}

// team is a few goroutines that share the tasks of one phase after the other.
// It lives as long as one run, so that nothing is left behind; the goroutine
// that calls run is its first member. All of them panic on a fault of memory.
type team struct {
	members  int
	scratch  [][]float32 // one for each member
	shares   []share     // of the current job, one for each member
	jobs     uint32      // so far
	current  atomic.Pointer[job]
	done     atomic.Int64 // tasks of the current job
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
	t := &team{
		members: members, scratch: scratch, shares: make([]share, members),
		wake: make(chan struct{}, members), finished: make(chan struct{}, 1),
	}
	for i := 1; i < members; i++ {
		t.workers.Add(1)
		go t.serve(i)
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
	t.jobs++
	j.number = t.jobs
	t.done.Store(0)
	for i := range t.shares {
		first, _ := t.part(j, i)
		t.shares[i].next.Store(uint64(j.number)<<32 | uint64(first))
	}
	if t.members > 1 && j.Tasks > 1 {
		t.current.Store(j)
		t.wakeAll()
	}
	t.work(j, 0)
	t.wait(j)
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
	for begin := time.Now(); t.done.Load() < tasks; {
		if time.Since(begin) < spin {
			runtime.Gosched()
			continue
		}
		t.waiting.Store(true)
		if t.done.Load() < tasks {
			<-t.finished
		}
		t.waiting.Store(false)
	}
}

// serve works on every job that comes until the team is closed.
func (t *team) serve(member int) {
	defer t.workers.Done()
	debug.SetPanicOnFault(true) // for as long as the goroutine lives
	var last *job
	begin := time.Now()
	for !t.closed.Load() {
		if j := t.current.Load(); j != last {
			last = j
			t.work(j, member)
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

// part returns the tasks of a member's share, [first, end).
func (t *team) part(j *job, member int) (first, end int) {
	return j.Tasks * member / t.members, j.Tasks * (member + 1) / t.members
}

// work does the tasks of a member's share, and then those that are left of the others'.
func (t *team) work(j *job, member int) {
	for i := range t.members {
		owner := (member + i) % t.members
		_, end := t.part(j, owner)
		n := 0
		for {
			task, ok := t.shares[owner].take(j.number, end)
			if !ok {
				break
			}
			if !t.cancel.Load() {
				t.do(j, task, t.scratch[member])
			}
			n++
		}
		if n > 0 && t.done.Add(int64(n)) == int64(j.Tasks) && t.waiting.Load() {
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
