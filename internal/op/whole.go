package op

import (
	"fmt"

	"sdgo/internal/kernel"
)

// wantWhole is a phase that first wants an input's numbers, which come from a caller, to
// be whole and below limit. The kernels panic at others.
func wantWhole(o Operation, what string, x []float32, limit int, p kernel.Phase) kernel.Phase {
	check := func(p kernel.Phase) kernel.Phase {
		run := p.Run
		p.Run = func(task int, scratch []float32) {
			for i, v := range x {
				if !(v >= 0 && v < float32(limit)) || v != float32(int(v)) {
					panic(&Failure{o, fmt.Errorf("%s %d is %v, want a whole number from 0 to %d", what, i, v, limit-1)})
				}
			}
			run(task, scratch)
		}
		return p
	}
	if split := p.Split; split != nil {
		p.Split = func(threads int) kernel.Phase { return check(split(threads)) }
	}
	return check(p)
}
