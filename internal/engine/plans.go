package engine

import (
	"slices"
	"sync"

	G "gorgonia.org/gorgonia"

	"sdgo/internal/op"
)

// planLimit is how many plans a cache keeps: a plan is a megabyte at most.
const planLimit = 16

// Plans caches a model's plans by the shapes of its inputs. The zero value is
// empty. It is safe for concurrent use.
type Plans struct {
	Target op.Target // that plans are made for; nil means the processor
	Steady []string  // names of inputs whose numbers seldom change from run to run

	build sync.Mutex // held while a plan is built: who wants one that is there does not wait

	mu    sync.Mutex
	plans map[any]*Plan
	used  []any // keys, the longest unused first
}

// Get returns the plan for the key, building it if need be.
func (c *Plans) Get(key any, build func() (inputs, outputs []*G.Node, err error)) (*Plan, error) {
	if p := c.find(key); p != nil {
		return p, nil
	}
	c.build.Lock()
	defer c.build.Unlock()
	if p := c.find(key); p != nil { // it was built meanwhile
		return p, nil
	}
	inputs, outputs, err := build()
	if err != nil {
		return nil, err
	}
	target := c.Target
	if target == nil {
		target = op.CPU{}
	}
	p, err := NewPlanFor(target, inputs, outputs, c.Steady...)
	if err != nil {
		return nil, err
	}
	c.add(key, p)
	return p, nil
}

// find returns the plan for the key, or nil.
func (c *Plans) find(key any) *Plan {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.Index(c.used, key)
	if i < 0 {
		return nil
	}
	c.used = append(slices.Delete(c.used, i, i+1), key)
	return c.plans[key]
}

// add keeps a plan, in place of the longest unused if there are many.
func (c *Plans) add(key any, p *Plan) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.plans == nil {
		c.plans = make(map[any]*Plan)
	}
	if len(c.used) == planLimit {
		c.plans[c.used[0]].dropped.Store(true)
		delete(c.plans, c.used[0])
		c.used = c.used[1:]
	}
	c.plans[key] = p
	c.used = append(c.used, key)
}

// Forget empties the cache and drops the idle machines of its plans.
func (e *Engine) Forget(c *Plans) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range c.plans {
		p.dropped.Store(true)
	}
	c.plans, c.used = nil, nil
	e.dropIf(func(m *Machine) bool { return m.plan.dropped.Load() })
}
