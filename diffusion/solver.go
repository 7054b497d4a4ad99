package diffusion

import (
	"fmt"
	"reflect"
	"strings"

	"sdgo/sampler"
	"sdgo/scheduler"
)

// customClass is the scheduler class whose levels a sampler of the caller's own
// gets: those of k-diffusion, ending at zero.
const customClass = "EulerDiscreteScheduler"

var errInverse = badOption("Sampler", "have one that goes from an image to noise, want one that goes from noise to an image")

// levels returns the noise levels that the options ask for: those of the
// scheduler config, under the class that suits the sampler. AsSaved leaves clip_sample
// of a model's file as it is.
func (p *Pipeline) levels(config *scheduler.Config, o *Options, asSaved bool) (*scheduler.Schedule, error) {
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
			clips := own.ClipSample
			own = p.corrected(own)
			if asSaved {
				own.ClipSample = clips
			}
		}
		config = own
		_, rungeKutta := o.Sampler.(sampler.PNDM)
		config.SkipPRKSteps = !rungeKutta // of PNDMScheduler, which is PLMS's class too
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
		return nil, badOption("Sigmas", "have them beside a schedule (%q) or a level to discard, want one", o.Schedule)
	case o.Sigmas != nil && o.Steps != len(o.Sigmas)-1:
		return nil, badOption("Steps", "have %d beside %d sigmas, want 0 or %d", o.Steps, len(o.Sigmas), len(o.Sigmas)-1)
	case o.Sigmas != nil:
		s, err = config.Custom(o.Sigmas)
		err = wrong("Sigmas", err)
	case o.DiscardPenultimate && o.Steps >= config.NumTrainTimesteps:
		err = fmt.Errorf("steps: have %d, want at most %d with DiscardPenultimate, which takes one more of %d levels",
			o.Steps, config.NumTrainTimesteps-1, config.NumTrainTimesteps)
	case o.DiscardPenultimate:
		if s, err = config.ScheduleNamed(o.Schedule, o.Steps+1); err == nil {
			s, err = s.DiscardPenultimate()
		}
	default:
		s, err = config.ScheduleNamed(o.Schedule, o.Steps)
	}
	if err != nil {
		return nil, wrong(o.levelsOption(config), fmt.Errorf("diffusion: %w", err))
	}
	return s, nil
}

// levelsOption is the option that is wrong where a config has no levels for them.
func (o *Options) levelsOption(config *scheduler.Config) string {
	const few = 8 // steps, which any schedule has
	if _, err := config.ScheduleNamed(o.Schedule, few); err != nil {
		return "Schedule"
	}
	return "Steps"
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
	if c, ok := s.(interface{ SchedulerClass() string }); ok {
		return c.SchedulerClass()
	}
	if info, known := named(s); known != nil {
		return info.Class
	}
	return customClass
}

// pointedTo returns the sampler that a pointer to one of package sampler's points
// to, which says what a pointer does not: its name. Other samplers stay as they are.
func pointedTo(s sampler.Sampler) (sampler.Sampler, error) {
	v := reflect.ValueOf(s)
	if v.Kind() != reflect.Pointer {
		return s, nil
	}
	if v.IsNil() {
		return nil, fmt.Errorf("diffusion: sampler: have a nil %T, want one that points to a sampler", s)
	}
	if value, ok := v.Elem().Interface().(sampler.Sampler); ok {
		if _, known := named(value); known != nil {
			return value, nil
		}
	}
	return s, nil
}

// solver returns the sampler for the levels: the config's if the options have
// none. A sampler as its name gives it is completed by what its class knows of
// the levels, which DDIM, PLMS, LCM and others step by, and any has the bounds of
// the config.
func solver(o *Options, s *scheduler.Schedule) (sampler.Sampler, error) {
	config := sampler.Solver(s.Solver)
	config.BatchSize = o.Images
	if config.Eta == 0 {
		config.Eta = o.Eta
	}
	chosen, err := choose(o, config)
	if err != nil {
		return nil, fmt.Errorf("diffusion: %w", err)
	}
	switch chosen.(type) {
	case sampler.DDIM, sampler.TCD:
	default:
		if o.Eta != 0 {
			return nil, badOption("Eta", "have %v, want 0: the sampler is not DDIM or TCD", o.Eta)
		}
	}
	return chosen, nil
}

func choose(o *Options, config sampler.Solver) (sampler.Sampler, error) {
	if o.Sampler == nil {
		return sampler.FromSolver(config)
	}
	if own, ok := o.Sampler.(sampler.DDIM); ok {
		return ddim(own, o, config)
	}
	if info, plain := named(o.Sampler); plain != nil && reflect.DeepEqual(o.Sampler, plain) {
		return sampler.Named(info.Name, config)
	}
	return sampler.Bounded(o.Sampler, config), nil
}

// ddim completes a DDIM, options of its own kept, by what its class's config says.
func ddim(own sampler.DDIM, o *Options, config sampler.Solver) (sampler.Sampler, error) {
	config.ClippedEps = config.ClippedEps || own.ClippedEps
	if o.Eta == 0 {
		config.Eta = own.Eta
	}
	fromClass, err := sampler.FromSolver(config)
	if err != nil {
		return nil, err
	}
	d, ok := fromClass.(sampler.DDIM)
	if !ok {
		return nil, fmt.Errorf("scheduler class: have %s, want DDIMScheduler", config.Class)
	}
	d.CFGPlusPlus = own.CFGPlusPlus
	if own.Limit != (sampler.Limit{}) {
		d.Limit = own.Limit
	}
	if own.To != nil {
		d.To = own.To
	}
	return d, nil
}
