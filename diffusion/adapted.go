package diffusion

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"sdgo/internal/adapter"
	"sdgo/internal/model"
)

// maxAdapters is how many a call may have.
const maxAdapters = 64

// adapters are those of a call.
type adapters struct {
	list    []Adapter
	sets    map[string]*adapter.Set // by parts; those that nothing changes are not there
	factors [][]float64             // of each step, one for each adapter; nil: all are 1
	release []func()
}

// adapted returns the pipeline with adapters in it, and those. Steps is their number, or 0
// for a plan, where the factors of all steps are 1. Close the adapters.
func (p *Pipeline) adapted(list []Adapter, steps int) (*Pipeline, *adapters, error) {
	a := &adapters{list: list, sets: make(map[string]*adapter.Set)}
	if len(list) == 0 {
		return p, a, nil
	}
	if len(list) > maxAdapters {
		return nil, nil, badOption("Adapters", "have %d, want at most %d", len(list), maxAdapters)
	}
	done := false // else there was an error, or a panic of a function for steps
	defer func() {
		if !done {
			a.close()
		}
	}()
	for i, one := range list {
		if err := one.check(p, i); err != nil {
			return nil, nil, err
		}
		release, err := one.Loaded.loaded.Hold()
		if err != nil {
			return nil, nil, badOption("Adapters", "number %d: %w", i, err)
		}
		a.release = append(a.release, release)
	}
	if err := a.chooseFactors(steps); err != nil {
		return nil, nil, err
	}
	q := *p
	for part := range p.adaptable() {
		set := adapter.NewSet(part, a.wanted(part))
		if set == nil {
			continue
		}
		a.sets[part] = set
		switch part {
		case adapter.UNet:
			q.UNet = model.With(p.UNet, set.Adapted)
		case adapter.TextEncoder:
			q.TextEncoder = model.With(p.TextEncoder, set.Adapted)
		case adapter.TextEncoder2:
			q.TextEncoder2 = model.With(p.TextEncoder2, set.Adapted)
		}
	}
	done = true
	return &q, a, nil
}

// adapt puts the run's adapters in its pipeline, and takes its controls.
func (r *run) adapt() error {
	p, adapters, err := r.Pipeline.adapted(r.Adapters, len(r.schedule.Sigmas)-1)
	if err != nil {
		return err
	}
	r.Pipeline, r.adapters = p, adapters
	return r.takeControls()
}

// wanted are the adapters with their weights of a part.
func (a *adapters) wanted(part string) []adapter.Wanted {
	wanted := make([]adapter.Wanted, len(a.list))
	for i, one := range a.list {
		wanted[i] = adapter.Wanted{Loaded: one.Loaded.loaded, Weight: one.weight}
		if part == adapter.UNet && a.never(i) {
			wanted[i].Weight = func(string, string) float64 { return 0 }
		}
	}
	return wanted
}

// never says whether the factors of an adapter are zero in all steps.
func (a *adapters) never(i int) bool {
	return a.factors != nil && !slices.ContainsFunc(a.factors, func(f []float64) bool { return f[i] != 0 })
}

// chooseFactors asks the adapters for their factors in each step.
func (a *adapters) chooseFactors(steps int) error {
	if steps == 0 || !slices.ContainsFunc(a.list, func(one Adapter) bool { return one.Loaded.steps != nil }) {
		return nil
	}
	for step := range steps {
		factors := make([]float64, len(a.list))
		for i, one := range a.list {
			if factors[i] = 1; one.Loaded.steps != nil {
				factors[i] = one.Loaded.steps(step, steps)
			}
			if err := checkFactor(i, fmt.Sprintf("step %d", step), factors[i]); err != nil {
				return err
			}
		}
		a.factors = append(a.factors, factors)
	}
	return nil
}

// at makes the adapters' weights those of a step.
func (a *adapters) at(step int) {
	if a == nil || a.factors == nil || a.sets[adapter.UNet] == nil {
		return
	}
	a.sets[adapter.UNet].At(a.factors[step])
}

// adapters are those that options may have.
func (o *Options) adapters() []Adapter {
	if o == nil {
		return nil
	}
	return o.Adapters
}

// partOf is the name of the part that a text encoder is.
func (p *Pipeline) partOf(s textStage) string {
	if p.xl() && s.tokenizer == p.Tokenizer2 {
		return adapter.TextEncoder2
	}
	return adapter.TextEncoder
}

// tell adds to the plan of a part how its adapters are computed.
func (a *adapters) tell(part string, x *PartPlan) {
	if set := a.sets[part]; set != nil && x != nil {
		x.Adapters = set.Summary()
	}
}

// identity tells the adapters of a run from others.
func (a *adapters) identity() string {
	var b strings.Builder
	for i, one := range a.list {
		l := one.Loaded
		fmt.Fprintf(&b, "%s %v", l.loaded.Digest(), one.Weight)
		for _, factors := range []map[string]float64{l.parts, l.blocks} {
			for _, key := range slices.Sorted(maps.Keys(factors)) {
				fmt.Fprintf(&b, " %s %v", key, factors[key])
			}
		}
		for _, f := range a.factors {
			fmt.Fprintf(&b, " %v", f[i])
		}
		b.WriteByte('\n')
	}
	return digest([]byte(b.String()))
}

// close lets go of the adapters.
func (a *adapters) close() {
	if a == nil {
		return
	}
	for _, release := range a.release {
		release()
	}
	a.release = nil
}
