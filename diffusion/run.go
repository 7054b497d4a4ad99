package diffusion

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"sdgo/internal/engine"
	"sdgo/sampler"
	"sdgo/scheduler"
	"sdgo/unet"
	"sdgo/vae"
)

// run is one call: what it was asked for and what it has made so far.
type run struct {
	*Pipeline
	Options
	task     task
	result   Result
	begin    time.Time
	schedule *scheduler.Schedule
	sampler  sampler.Sampler
	net      *unet.UNet // the pipeline's, as the options change it
	keeper   *keeper    // nil without reuse
	noise    []*stream  // of each image
	prompt   string
	forms    map[Condition][]form   // of what the U-Net reads, known before that is
	scripts  map[spot]*script       // of prompts with weights
	said     map[Condition][]phrase // nil before encodeText
	progress progress
	h, w     int     // size of the latents
	cutoff   float64 // the run ends at the first call below this timestep
	final    float64 // turns the x that sampling ended with into latents

	steers []steer                     // of the U-Net's inputs, in their order
	around []func(predictor) predictor // layers around the U-Net, the inner ones first

	shown      *shown // nil without image prompts
	edited     bool   // a Step has changed the latents
	adapters   *adapters
	controls   *controls // nil without any
	guider     Guider
	conditions []Condition // that the guider may need, in the order of the network
	others     []another   // of the conditions
	places     []*place    // of the regions
	guide      *guide      // nil before denoiser

	encodeTile, decodeTile int // sides in pixels, or 0: whole

	previewWork vae.Work
	noPreview   error // why there is none

	claim  *engine.Claim // of the memory; nil before claimMemory
	own    int64         // bytes that the task takes beside its images
	record int64         // bytes that what a Step saves may take

	goroutine  string            // that the call was made on, and its functions run on
	leave      func()            // the pipeline's calls
	endWrapped func()            // ends the Denoiser that Wrap got; may be nil
	noted      map[string]string // for a run that may be saved
}

// newRun begins a call: it checks the options and chooses the noise levels. Close it.
func (p *Pipeline) newRun(ctx context.Context, t task, prompt string, o *Options) (_ *run, err error) {
	if err := p.ready(); err != nil {
		return nil, err
	}
	if ctx == nil {
		return nil, errors.New("diffusion: have a nil context")
	}
	goroutine := engine.Goroutine()
	leave, err := p.calls.Enter(goroutine)
	if err != nil {
		return nil, fmt.Errorf("diffusion: %w", err)
	}
	r := &run{Pipeline: p, task: t, prompt: prompt, begin: time.Now(), leave: leave, goroutine: goroutine}
	chosen := false // else there was an error, or a panic of NewNoise
	defer func() {
		if !chosen {
			r.adapters.close()
			r.controls.close()
			leave()
		}
	}()
	if err := r.choose(o); err != nil {
		return nil, err
	}
	if err := r.readPrompts(ctx); err != nil {
		return nil, err
	}
	chosen = true
	return r, nil
}

// choose checks the options and chooses the noise levels.
func (r *run) choose(o *Options) (err error) {
	about := r.task.about()
	config := *r.Scheduler
	if about.asSaved {
		config.SkipPRKSteps = config.SkipPRKSteps || !r.xl()
		if r.Scheduler == r.modelScheduler {
			config.ClipSample = r.clips
		}
	}
	if r.Options, err = r.Pipeline.withDefaults(o); err != nil {
		return err
	}
	if (o == nil || o.Steps == 0 && o.Sigmas == nil) && r.Defaults().Few != "" {
		r.Steps = enough(r.Steps, cmp.Or(r.Strength, about.strength))
	}
	if err := r.limits.checkNumbers(&r.Options); err != nil {
		return err
	}
	if err := o.checkGuider(r.distilled()); err != nil {
		return err
	}
	if err := cmp.Or(r.checkChecker(), r.checkWording(r.prompt), r.checkWordless(about)); err != nil {
		return err
	}
	if err := r.checkTextless(about.textless); err != nil {
		return err
	}
	embedded, err := r.Pipeline.embedded(r.Embeddings)
	if err != nil {
		return err
	}
	r.Pipeline = embedded
	if err := r.checkXL(&r.Options); err != nil {
		return err
	}
	if err := cmp.Or(r.checkTask(about), r.checkBoxes(&r.Options)); err != nil {
		return err
	}
	if about.image && r.Guider == nil {
		r.ImageGuidance = cmp.Or(r.ImageGuidance, defaultImageGuidance)
	}
	if err := cmp.Or(r.checkOutput(), r.checkHandover()); err != nil {
		return err
	}
	if err := checkSampler(r.Sampler); err != nil {
		return wrong("Sampler", err)
	}
	if r.schedule, err = r.levels(&config, &r.Options, about.asSaved); err != nil {
		return wrong("Schedule", err)
	}
	if err := r.wantInput(about.inputs...); err != nil {
		return err
	}
	if err := r.adapt(); err != nil {
		return err
	}
	return r.startNoise()
}

// startNoise starts the stream of each image.
func (r *run) startNoise() error {
	for i := range r.Images {
		seed := r.Seed + uint64(i)
		r.result.Seeds = append(r.result.Seeds, seed)
		stream, err := newStream(seed, r.NewNoise)
		if err != nil {
			return err
		}
		r.noise = append(r.noise, stream)
	}
	return nil
}

// close gives back what the run holds beside the model, once nobody uses it.
func (r *run) close() {
	if r.endWrapped != nil {
		r.endWrapped()
	}
	if r.keeper != nil {
		r.keeper.close()
	}
	if r.claim != nil {
		r.claim.Close()
	}
	r.adapters.close()
	r.controls.close()
	r.leave()
}
