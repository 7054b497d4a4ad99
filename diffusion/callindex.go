package diffusion

import (
	"slices"

	"sdgo/sampler"
)

// callIndex is the number of a call of the model among those of a run, as diffusers counts
// them: by the entries of its scheduler's list of timesteps. For most samplers that are
// the steps. Of those whose list has an entry for each call of a step, calls are counted.
type callIndex struct {
	r       *run
	at, all int
	per     int  // entries of a step, after the first
	counted bool // by calls
	begun   bool
}

// newCallIndex returns the index before the first call.
func newCallIndex(r *run) callIndex {
	class := r.schedule.Solver.Class
	if r.Sampler != nil {
		class = sampler.SchedulerClass(r.Sampler)
	}
	n := len(r.schedule.Sigmas) - 1
	switch {
	case class == "PNDMScheduler":
		return callIndex{r: r, all: n, per: 1, counted: true}
	case slices.Contains(cutWithin, class):
		return callIndex{r: r, all: 2*n - 1, per: 2, counted: true}
	}
	return callIndex{r: r, all: n, per: 1}
}

// begin is told of a call. The first one of a run that is resumed is the first of a step.
func (x *callIndex) begin(sigma float64) {
	if x.counted && x.begun {
		x.at = min(x.at+1, x.all-1)
		return
	}
	x.begun = true
	x.at = min(x.per*x.r.step(sigma), x.all-1)
}

// within says whether the call is in a part of the run, which is given by shares of it.
func (x *callIndex) within(start, end float64) bool {
	n := float64(x.all)
	return !(float64(x.at)/n < start || float64(x.at+1)/n > end)
}

// before says whether the call is among the first ones of the run, as many as a share of
// its steps.
func (x *callIndex) before(share float64) bool {
	return share == 1 || x.at < int(float64(x.r.schedule.Steps())*share)
}
