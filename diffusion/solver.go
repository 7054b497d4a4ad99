package diffusion

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"sdgo/sampler"
	"sdgo/scheduler"
)

// customClass is the scheduler class whose levels a sampler of the caller's own
// gets: those of k-diffusion, ending at zero.
const customClass = "EulerDiscreteScheduler"

var errInverse = errors.New("diffusion: sampler: have one that goes from an image to noise, want one that goes from noise to an image")

// levels returns the noise levels that the options ask for: those of the
// scheduler config, under the class that suits the sampler.
func (p *Pipeline) levels(config *scheduler.Config, o *Options) (*scheduler.Schedule, error) {
	switch s := o.Sampler.(type) {
	case sampler.DDIMInverse:
		return nil, errInverse
	case sampler.DPMSolver:
		if s.Inverse {
			return nil, errInverse
		}
	}
	if o.Sampler != nil {
		class := classOf(o.Sampler)
		own, err := config.As(class)
		if err != nil {
			return nil, fmt.Errorf("diffusion: %w", err)
		}
		if class != config.Class {
			own = p.corrected(own)
		}
		config = own
		switch o.Sampler.(type) {
		case sampler.PLMS:
			config.SkipPRKSteps = true
		case sampler.PNDM:
			config.SkipPRKSteps = false
		}
	}
	for _, family := range []string{"EDM", "FlowMatch"} {
		if strings.HasPrefix(config.Class, family) {
			return nil, fmt.Errorf("diffusion: scheduler: have %s, which Stable Diffusion 1 and 2 do not use", config.Class)
		}
	}
	var s *scheduler.Schedule
	var err error
	switch {
	case o.Sigmas != nil && (o.Schedule != "" || o.DiscardPenultimate):
		return nil, fmt.Errorf("diffusion: have sigmas beside a schedule (%q) or a level to discard, want one", o.Schedule)
	case o.Sigmas != nil && o.Steps != len(o.Sigmas)-1:
		return nil, fmt.Errorf("diffusion: steps: have %d beside %d sigmas, want 0 or %d", o.Steps, len(o.Sigmas), len(o.Sigmas)-1)
	case o.Sigmas != nil:
		s, err = config.Custom(o.Sigmas)
	case o.DiscardPenultimate:
		if s, err = config.ScheduleNamed(o.Schedule, o.Steps+1); err == nil {
			s, err = s.DiscardPenultimate()
		}
	default:
		s, err = config.ScheduleNamed(o.Schedule, o.Steps)
	}
	if err != nil {
		return nil, fmt.Errorf("diffusion: %w", err)
	}
	return s, nil
}

// named returns the entry of the table of samplers that is s, or else the first
// that has its type, or nil.
func named(s sampler.Sampler) (info sampler.Info, plain sampler.Sampler) {
	for _, candidate := range sampler.Names() {
		known, err := sampler.ByName(candidate.Name)
		switch {
		case err != nil || reflect.TypeOf(known) != reflect.TypeOf(s):
		case reflect.DeepEqual(known, s):
			return candidate, known
		case plain == nil:
			info, plain = candidate, known
		}
	}
	return info, plain
}

// classOf returns the scheduler class whose levels suit a sampler.
func classOf(s sampler.Sampler) string {
	if info, known := named(s); known != nil {
		return info.Class
	}
	return customClass
}

// isOfClass says whether a sampler is the one that a scheduler class runs, as its
// name gives it, so that the class's own, with the config's options, stands for it.
func isOfClass(s, fromClass sampler.Sampler, class string) bool {
	info, plain := named(s)
	own, err := sampler.Lookup(class)
	if err != nil || reflect.TypeOf(fromClass) != reflect.TypeOf(s) || !reflect.DeepEqual(s, plain) {
		return false
	}
	_, rungeKutta := s.(sampler.PNDM) // of PLMS's class too
	return info.Name == own.Name || rungeKutta
}

// solver returns the sampler for the levels: the config's if the options have
// none. A sampler as its name gives it is completed by what its class knows of
// the levels, which DDIM, PLMS, LCM and others step by.
func solver(o *Options, s *scheduler.Schedule) (sampler.Sampler, error) {
	config := sampler.Solver(s.Solver)
	config.BatchSize = o.Images
	if config.Eta == 0 {
		config.Eta = o.Eta
	}
	own, isDDIM := o.Sampler.(sampler.DDIM)
	if isDDIM {
		config.ClippedEps = config.ClippedEps || own.ClippedEps
		if o.Eta == 0 {
			config.Eta = own.Eta
		}
	}
	fromClass, err := sampler.FromSolver(config)
	if err != nil {
		return nil, fmt.Errorf("diffusion: %w", err)
	}
	chosen := o.Sampler
	if chosen == nil || isDDIM || isOfClass(chosen, fromClass, config.Class) {
		chosen = fromClass
	}
	if ddim, ok := chosen.(sampler.DDIM); ok {
		ddim.CFGPlusPlus = own.CFGPlusPlus
		chosen = ddim
	}
	switch chosen.(type) {
	case sampler.DDIM, sampler.TCD:
	default:
		if o.Eta != 0 {
			return nil, fmt.Errorf("diffusion: eta: have %v, want 0: the sampler is not DDIM or TCD", o.Eta)
		}
	}
	return chosen, nil
}
