package engine

import (
	"context"
	"errors"
	"slices"
)

// allowance is how many of the bytes that calls hold in small pieces do not count
// towards the limit, in all calls together.
const allowance = 16 << 20

// Need is what a call takes of an engine's memory.
type Need struct {
	What  string // what the memory is for
	Held  int64  // bytes from the call's beginning to its end
	Small int64  // bytes beside them in small pieces, of which the allowance is free
	Turn  int64  // the most that one of its turns takes

	// Short says that the call ends by itself: it does not wait for its caller, nor
	// for another call.
	Short bool

	// Caller is the goroutine on which the call runs functions of its caller's, see
	// [Goroutine]; "" if it runs none. What claims there before the call has ended is
	// within it.
	Caller string
}

// Claim is a call's share of the memory: what it holds from its beginning to its end,
// and the right to take turns, one after the other, of the size that it has named.
//
// Calls that have begun never wait for each other's memory. A call begins when, beside
// what those that have begun hold until they end, there is room for the largest turn of
// any of them; so whatever they hold, each gets its turns, and ends. A turn waits for
// nothing while it lasts.
//
// Calls begin by order of arrival, and so do turns: the first in the queue keeps what
// becomes free, and none that came later passes. So each begins once those before it
// have ended. There is one exception: short calls, and calls within another, may pass the
// first in the queue while that waits for longer ones, for it may wait for the very call
// that they are made in.
//
// A call within another holds memory, in the outer one, and waits for more. It gets it as
// long as any call that has begun can still end. Once each of them waits for one
// within it, none would ever end: the latest is refused with a *MemoryError. What the
// functions of a call do on other goroutines is not known to be within it; it waits until
// its ctx is done.
//
// An engine knows its own calls alone. Of models with engines of their own a pipeline
// claims that of the U-Net for the whole call, and those of others for short calls, which
// end by themselves: a cycle would take two pipelines of which each has a part that shares
// the other's U-Net's engine.
type Claim struct {
	e         *Engine
	need      Need
	goroutine string        // that waits, once it is in the queue
	begun     chan struct{} // closed when the call may begin, or is refused
	refused   error
	state     claimState
}

type claimState int

const (
	queued   claimState = iota // waits
	reserved                   // what it holds is counted, but turns of others still take it
	running
	ended
)

// ErrEnded is returned for work on behalf of a call that has ended.
var ErrEnded = errors.New("engine: the call has ended")

// Claim waits until the call may begin. It returns a *MemoryError at once if the call
// could not even run alone, or waits for one that it is within; and ctx's error when ctx
// is done. Close the claim when the call ends.
func (e *Engine) Claim(ctx context.Context, need Need) (*Claim, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := e.Memory.alone(need.alone(), need.What); err != nil {
		return nil, err
	}
	c := &Claim{e: e, need: need, goroutine: need.Caller, begun: make(chan struct{})}
	e.mu.Lock()
	e.queue = append(e.queue, c)
	e.dispatch()
	if c.state == queued && c.goroutine == "" { // only who waits must say
		c.goroutine = Goroutine()
		e.dispatch()
	}
	e.mu.Unlock()
	select {
	case <-c.begun:
		return c.result()
	default:
	}
	select {
	case <-c.begun:
		return c.result()
	case <-ctx.Done():
		c.Close()
		return nil, ctx.Err()
	}
}

// result returns a claim that has begun or was refused.
func (c *Claim) result() (*Claim, error) {
	if c.refused != nil {
		return nil, c.refused
	}
	return c, nil
}

// Spare returns how many bytes in small pieces a call could take beside its need if it
// ran alone.
func (e *Engine) Spare(n Need) int64 {
	return e.Memory.room() - n.Held - n.Turn + allowance - n.Small
}

// Close gives the claim's memory back.
func (c *Claim) Close() {
	e := c.e
	e.mu.Lock()
	defer e.mu.Unlock()
	switch c.state {
	case ended:
		return
	case queued:
		e.queue = slices.DeleteFunc(e.queue, func(o *Claim) bool { return o == c })
	default:
		e.claims = slices.DeleteFunc(e.claims, func(o *Claim) bool { return o == c })
		e.held -= c.need.Held
		e.small -= c.need.Small
	}
	c.state = ended
	e.dispatch()
}

// alone is what the call takes if no other has begun.
func (n *Need) alone() int64 { return n.Held + counted(n.Small) + n.Turn }

// counted is the part of bytes in small pieces that counts towards the limit.
func counted(small int64) int64 { return max(0, small-allowance) }

// base is what calls hold beside their turns.
func (e *Engine) base() int64 { return e.held + counted(e.small) }

// admissible says whether a call can begin, and every call that has begun still gets
// its turns. Without short says: if no short ones were among them.
func (e *Engine) admissible(c *Claim, withoutShort bool) bool {
	return e.sum(c, withoutShort) <= e.Memory.room()
}

// sum is what the call and those that have begun may take together, in turn.
func (e *Engine) sum(c *Claim, withoutShort bool) int64 {
	held, small, turn := c.need.Held, c.need.Small, c.need.Turn
	for _, o := range e.claims {
		if withoutShort && o.need.Short {
			continue
		}
		held += o.need.Held
		small += o.need.Small
		turn = max(turn, o.need.Turn)
	}
	return held + counted(small) + turn
}

// within says whether the call is made in a function of the other's.
func (c *Claim) within(o *Claim) bool { return o.need.Caller != "" && o.need.Caller == c.goroutine }

// inner says whether the call is made in a function of one that has begun.
func (e *Engine) inner(c *Claim) bool { return slices.ContainsFunc(e.claims, c.within) }

// refuse ends the wait of the latest call within another if every call that has begun
// waits for one within it, and says whether there was one.
func (e *Engine) refuse() bool {
	waits := func(o *Claim) bool {
		return slices.ContainsFunc(e.queue, func(c *Claim) bool { return c.within(o) })
	}
	if len(e.queue) == 0 || len(e.claims) == 0 || slices.ContainsFunc(e.claims, func(o *Claim) bool { return !waits(o) }) {
		return false
	}
	for i := len(e.queue) - 1; i >= 0; i-- {
		if c := e.queue[i]; e.inner(c) {
			e.queue = slices.Delete(e.queue, i, i+1)
			c.state = ended
			c.refused = e.Memory.refusal(e.sum(c, false)-e.base(), e.base(), c.need.What)
			close(c.begun)
			return true
		}
	}
	return false
}

// admit takes calls from the queue that can begin.
func (e *Engine) admit() {
	var first *Claim // that cannot
	pass := true
	e.queue = slices.DeleteFunc(e.queue, func(c *Claim) bool {
		switch {
		case first != nil && !(pass && (c.need.Short || e.inner(c))):
			return false
		case e.admissible(c, false):
			c.state = reserved
			e.claims = append(e.claims, c)
			e.held += c.need.Held
			e.small += c.need.Small
			return true
		case first == nil:
			first = c
			pass = !e.admissible(c, true) // else it waits for short ones alone
		}
		return false
	})
}

// dispatch lets calls and turns begin for which there is room, and drops idle machines
// whose memory is wanted. It wants the lock held, and is called whenever anything has
// changed.
func (e *Engine) dispatch() {
	e.admit()
	for e.refuse() {
		e.admit()
	}
	room := e.Memory.room() - e.base()
	if e.taken+e.scratch <= room || e.turns == 0 {
		for _, c := range e.claims {
			if c.state == reserved {
				c.state = running
				close(c.begun)
			}
		}
	}
	for len(e.waiting) > 0 {
		t := e.waiting[0]
		if e.turns > 0 && e.taken+e.scratch+t.bytes+t.plan.scratchBytes(e.Threads()) > room {
			break
		}
		e.waiting = slices.Delete(e.waiting, 0, 1)
		e.begin(t, room)
	}
	e.trim(room - e.taken - e.scratch)
	// A call that has not quite begun holds nothing yet.
	e.Memory.setCalls(min(e.base()+e.taken+e.idleArenas, e.Memory.room()))
}
