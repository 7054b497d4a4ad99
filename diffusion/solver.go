package diffusion

import (
	"fmt"
	"reflect"

	"sdgo/sampler"
	"sdgo/scheduler"
)

// customClass is the scheduler class whose levels a sampler of the caller's own
// gets: those of k-diffusion, ending at zero.
const customClass = "EulerDiscreteScheduler"

// levels returns the noise levels that the options ask for: those of the model's
// scheduler config, under the class that suits the sampler.
func (p *Pipeline) levels(o *Options) (*scheduler.Schedule, error) {
	config := p.Scheduler
	if o.Sampler != nil {
		var err error
		if config, err = config.As(classOf(o.Sampler)); err != nil {
			return nil, fmt.Errorf("diffusion: %w", err)
		}
	}
	s, err := config.ScheduleNamed(o.Schedule, o.Steps)
	if err != nil {
		return nil, fmt.Errorf("diffusion: %w", err)
	}
	return s, nil
}

// classOf returns the scheduler class whose levels suit a sampler.
func classOf(s sampler.Sampler) string {
	for _, info := range sampler.Names() {
		if known, err := sampler.ByName(info.Name); err == nil && reflect.TypeOf(known) == reflect.TypeOf(s) {
			return info.Class
		}
	}
	return customClass
}

// solver returns the sampler for the levels. What DDIM and PLMS need to know of
// them is filled in.
func solver(o *Options, s *scheduler.Schedule) (sampler.Sampler, error) {
	config := sampler.Solver(s.Solver)
	config.Eta, config.BatchSize = o.Eta, o.Images
	chosen := o.Sampler
	switch own := chosen.(type) {
	case nil, sampler.PLMS:
		chosen = nil
	case sampler.DDIM:
		if o.Eta == 0 {
			config.Eta = own.Eta
		}
		config.ClippedEps = config.ClippedEps || own.ClippedEps
		chosen = nil
	}
	if chosen == nil {
		var err error
		if chosen, err = sampler.FromSolver(config); err != nil {
			return nil, fmt.Errorf("diffusion: %w", err)
		}
	}
	if _, ok := chosen.(sampler.DDIM); o.Eta != 0 && !ok {
		return nil, fmt.Errorf("diffusion: eta: have %v, want 0: the sampler is not DDIM", o.Eta)
	}
	return chosen, nil
}
