package plan_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"sdgo/diffusion/plan"
)

func TestSpeedup(t *testing.T) {
	p := &plan.Part{Threads: 4, Steps: []plan.Operation{
		{Work: 3 * time.Second, Phases: []plan.Phase{{Tasks: 4, Share: 2. / 3, Longest: 0.25}, {Tasks: 3, Share: 1. / 3, Longest: 0.5}}},
		{Work: time.Second, Phases: []plan.Phase{{Tasks: 1, Share: 1, Longest: 1}}},
	}}
	assert.InDelta(t, 1./3, p.Steps[0].Longest(), 1e-9)
	assert.Zero(t, p.Steps[0].Serial())
	assert.InDelta(t, 1, p.Steps[1].Serial(), 1e-9)
	assert.InDelta(t, 2, p.Speedup(), 1e-9) // 4 s against 1 s + 1 s

	assert.InDelta(t, 1, (&plan.Operation{}).Longest(), 0)
	assert.InDelta(t, 1, (*plan.Operation)(nil).Longest(), 0)
	assert.Zero(t, (*plan.Operation)(nil).Serial())
	assert.Zero(t, (*plan.Part)(nil).Speedup())
	assert.InDelta(t, 1, (&plan.Part{Threads: 4}).Speedup(), 0)
}
