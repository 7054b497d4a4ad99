package diffusion

import (
	"cmp"
	"fmt"
	"strings"

	"sdgo/sampler"
	"sdgo/scheduler"
)

// customClass is the scheduler class whose levels a sampler gets that names none: those
// of k-diffusion, ending at zero.
const customClass = "EulerDiscreteScheduler"

var errInverse = badOption("Sampler", "have one that goes from an image to noise, want one that goes from noise to an image")

// levels returns the noise levels that the options ask for: those of the
// scheduler config, under the class that suits the sampler. If asSaved, clip_sample is
// what the model's file says.
func (p *Pipeline) levels(config *scheduler.Config, o *Options, asSaved bool) (*scheduler.Schedule, error) {
	config, err := p.under(config, o.Sampler, asSaved)
	if err != nil {
		return nil, err
	}
	var s *scheduler.Schedule
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
	if s.Flow {
		return nil, fmt.Errorf("diffusion: scheduler: have %s, which Stable Diffusion 1, 2 and XL do not use", config.Class)
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

// under returns the config under the class that suits a sampler, if there is one.
func (p *Pipeline) under(config *scheduler.Config, s sampler.Sampler, asSaved bool) (*scheduler.Config, error) {
	if s == nil {
		return config, nil
	}
	info, _ := sampler.Describe(s)
	if info.Inverse() {
		return nil, errInverse
	}
	if strings.HasPrefix(config.Class, "EDM") { // the model was trained on other levels than all other classes have
		return config, nil
	}
	own, err := config.As(cmp.Or(sampler.SchedulerClass(s), customClass))
	if err != nil {
		return nil, wrong("Sampler", fmt.Errorf("diffusion: %w", err))
	}
	if own.Class != config.Class {
		clips := own.ClipSample
		own = p.corrected(own)
		if asSaved {
			own.ClipSample = clips
		}
	}
	own.SkipPRKSteps = info.Name != "pndm" // of PNDMScheduler, which is PLMS's class too
	return own, nil
}

// checkSampler wants no sampler, or one whose methods can be called.
func checkSampler(s sampler.Sampler) error {
	if s != nil && sampler.IsNil(s) {
		return fmt.Errorf("diffusion: sampler: have a nil %T, want one that points to a sampler", s)
	}
	return nil
}

// solver returns the sampler for the levels: the config's if the options have
// none, else theirs, fitted to the levels.
func solver(o *Options, s *scheduler.Schedule) (sampler.Sampler, error) {
	config := sampler.Solver(s.Solver)
	config.BatchSize = o.Images
	if config.Eta == 0 {
		config.Eta = o.Eta
	}
	chosen := sampler.Fitted(o.Sampler, config)
	if o.Sampler == nil {
		var err error
		if chosen, err = sampler.FromSolver(config); err != nil {
			return nil, fmt.Errorf("diffusion: %w", err)
		}
	}
	if o.Eta != 0 && !takesEta(chosen) {
		return nil, badOption("Eta", "have %v, want 0: the sampler is not DDIM or TCD", o.Eta)
	}
	return chosen, nil
}

// takesEta says whether Options.Eta means something to a sampler.
func takesEta(s sampler.Sampler) bool {
	info, _ := sampler.Describe(s)
	return info.Name == "ddim" || info.Name == "ddim_cfg_pp" || info.Name == "tcd"
}
