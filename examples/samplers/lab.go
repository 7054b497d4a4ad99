package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"sdgo/diffusion"
	"sdgo/sampler"
)

// lab runs samplers on the model, all from the same noise and over the same
// levels.
type lab struct {
	settings
	pipe     *diffusion.Pipeline
	progress io.Writer
}

// over runs a sampler over levels of our own. A pipeline would give each the
// levels of its scheduler class in diffusers, and those differ. It embeds the sampler,
// by which the pipeline knows what that wants of a call.
type over struct {
	sampler.Sampler
	sigmas []float64
	seed   uint64
}

func (o over) Sample(ctx context.Context, denoise sampler.Denoiser, x []float32, _ []float64, noise sampler.Noise) error {
	sampler.NewTorch(o.seed).Normal(x) // what the pipeline began with, without its scale
	for i := range x {
		x[i] *= float32(o.sigmas[0])
	}
	return o.Sampler.Sample(ctx, denoise, x, o.sigmas, noise)
}

// run makes one picture. sigmas are the levels between the steps.
func (l *lab) run(ctx context.Context, name string, s sampler.Sampler, sigmas []float64) (*diffusion.Result, error) {
	levels, err := suit(s, sigmas)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	result, err := l.pipe.TextToImage(ctx, l.prompt, &diffusion.Options{
		Guidance: l.guidance, Seed: l.seed, Sampler: over{s, levels, l.seed},
	})
	if err != nil {
		return nil, fmt.Errorf("%s, %d steps: %w", name, len(sigmas)-1, err)
	}
	return result, nil
}

// suit brings levels into the form that a sampler takes.
func suit(s sampler.Sampler, sigmas []float64) ([]float64, error) {
	switch s.(type) {
	case sampler.PLMS: // the first step is made twice
		if len(sigmas) > 2 {
			return slices.Insert(slices.Clone(sigmas), 1, sigmas[1]), nil
		}
	case sampler.PNDM: // three Runge-Kutta steps of four calls
		const rungeKutta = 3
		if len(sigmas) < rungeKutta+2 {
			return nil, fmt.Errorf("have %d steps, want at least %d", len(sigmas)-1, rungeKutta+1)
		}
		var levels []float64
		for i := range rungeKutta {
			middle := math.Sqrt(sigmas[i] * sigmas[i+1])
			levels = append(levels, sigmas[i], middle, middle, sigmas[i+1])
		}
		return append(levels, sigmas[rungeKutta:]...), nil
	}
	return sigmas, nil
}

// levels lists the noise levels of a run that ends at zero. They are those of a
// class that has no curves of its own, so that Karras' and others go between the
// ends of all training levels.
func (l *lab) levels(steps int) ([]float64, error) {
	config, err := l.pipe.Scheduler.As("EulerAncestralDiscreteScheduler")
	if err != nil {
		return nil, err
	}
	schedule, err := config.ScheduleNamed(l.schedule, steps)
	if err != nil {
		return nil, fmt.Errorf("-schedule: %w", err)
	}
	return schedule.Sigmas, nil
}

// positiveLevels lists the noise levels of a run that ends at the last positive
// one. The step to zero is no step of the solver: most samplers take the model's
// estimate there.
func (l *lab) positiveLevels(steps int) ([]float64, error) {
	sigmas, err := l.levels(steps + 1)
	if err != nil {
		return nil, err
	}
	if last := len(sigmas) - 1; sigmas[last] == 0 {
		sigmas = sigmas[:last]
	}
	if len(sigmas) < 2 {
		return nil, fmt.Errorf("-schedule: %s has no two levels above zero in %d steps", l.schedule, steps)
	}
	return sigmas, nil
}

// check finds out before the first run whether the schedule will do.
func (l *lab) check() error {
	if l.settings.sheet != "" {
		for _, steps := range l.steps {
			if _, err := l.levels(steps); err != nil {
				return err
			}
		}
	}
	if l.settings.plot == "" {
		return nil
	}
	if !slices.ContainsFunc(l.samplers, deterministic) {
		return errors.New("-samplers: all of them add noise, want one that does not for the plot (or an empty -o-plot)")
	}
	high, low := 0.0, 0.0
	for i, steps := range l.plotSteps {
		sigmas, err := l.positiveLevels(steps)
		if err != nil {
			return err
		}
		first, last := sigmas[0], sigmas[len(sigmas)-1]
		if i == 0 {
			high, low = first, last
		}
		if first != high || last != low {
			return fmt.Errorf("-schedule: %s goes from %.4g to %.4g in %d steps and from %.4g to %.4g in %d: want the same ends for the plot (or an empty -o-plot)",
				l.schedule, high, low, l.plotSteps[0], first, last, steps)
		}
	}
	return nil
}

// deterministic says whether a sampler adds no noise, by a run on a model that
// always returns zeros.
func deterministic(info sampler.Info) bool {
	s, err := sampler.ByName(info.Name)
	if err != nil {
		return false
	}
	var levels []float64 // enough for samplers that go back up
	for i := range 20 {
		levels = append(levels, 16*math.Pow(0.8, float64(i)))
	}
	sigmas, err := suit(s, levels)
	if err != nil {
		return false
	}
	zeros := func(_ context.Context, x []float32, _ float64) (sampler.Estimate, error) {
		return sampler.Estimate{Denoised: make([]float32, len(x))}, nil
	}
	drawn := false
	noise := func(dst []float32) { drawn = true }
	return s.Sample(context.Background(), zeros, []float32{16}, sigmas, noise) == nil && !drawn
}
