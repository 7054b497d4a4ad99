package diffusion

import (
	"errors"
	"fmt"
	"strings"

	"sdgo/internal/infotext"
	"sdgo/sampler"
	"sdgo/scheduler"
)

// webUISampler is what WebUI has for a sampler.
type webUISampler struct {
	label     string
	schedule  string // that the type "Automatic" means; empty: evenly spaced times
	discards  bool   // the level before the last is left out
	timesteps bool   // it has levels of its own, and no types
}

// webUISamplers are WebUI's, by the names of ours.
//
// https://github.com/AUTOMATIC1111/stable-diffusion-webui/blob/master/modules/sd_samplers_kdiffusion.py
var webUISamplers = map[string]webUISampler{
	"dpmpp_2m":           {label: "DPM++ 2M", schedule: "karras_full"},
	"dpmpp_sde":          {label: "DPM++ SDE", schedule: "karras_full"},
	"dpmpp_2m_sde":       {label: "DPM++ 2M SDE", schedule: "exponential_full"},
	"dpmpp_2m_sde_heun":  {label: "DPM++ 2M SDE Heun", schedule: "exponential_full"},
	"dpmpp_2s_ancestral": {label: "DPM++ 2S a", schedule: "karras_full"},
	"dpmpp_3m_sde":       {label: "DPM++ 3M SDE", schedule: "exponential_full", discards: true},
	"euler_ancestral":    {label: "Euler a"},
	"euler":              {label: "Euler"},
	"lms":                {label: "LMS"},
	"heun":               {label: "Heun"},
	"dpm2":               {label: "DPM2", schedule: "karras_full", discards: true},
	"dpm2_ancestral":     {label: "DPM2 a", schedule: "karras_full", discards: true},
	"dpm_fast":           {label: "DPM fast"},
	"dpm_adaptive":       {label: "DPM adaptive"},
	"restart":            {label: "Restart", schedule: "karras_full"},
	"ddim":               {label: "DDIM", timesteps: true},
	"ddim_cfg_pp":        {label: "DDIM CFG++", timesteps: true},
	"plms":               {label: "PLMS", timesteps: true},
	"unipc":              {label: "UniPC", timesteps: true},
	"lcm":                {label: "LCM", timesteps: true},
}

// samplerLabel is WebUI's label of a sampler, or our name of one that WebUI does not have.
func samplerLabel(s sampler.Sampler) string {
	info, ok := sampler.Describe(s)
	if !ok {
		return ""
	}
	if w, ok := webUISamplers[info.Name]; ok {
		return w.label
	}
	return info.Name
}

func writeSampler(p *Parameters) string {
	if p.Options.Sampler == nil {
		return p.Sampler
	}
	return samplerLabel(p.Options.Sampler)
}

// readSampler reads a label, which may end in a schedule.
func readSampler(p *Parameters, value string) bool {
	info, schedule, err := sampler.ParseLabel(value)
	if err != nil {
		return false
	}
	s, err := sampler.ByName(info.Name)
	if err != nil {
		return false
	}
	p.Options.Sampler, p.Sampler = s, value
	if schedule != "" {
		p.Options.Schedule = schedule
	}
	return true
}

// scheduleTypes are WebUI's types of schedules, by the names of ours.
var scheduleTypes = map[string]string{
	"karras_full": "Karras", "exponential_full": "Exponential", "sgm_uniform": "SGM Uniform", "kl_optimal_open": "KL Optimal",
	"align_your_steps": "Align Your Steps", "simple": "Simple", "normal": "Normal", "ddim_uniform": "DDIM", "beta_sigma_full": "Beta",
	"turbo": "Turbo", "align_your_steps_gits": "Align Your Steps GITS", "align_your_steps_32": "Align Your Steps 32",
}

func writeSchedule(p *Parameters) string {
	if label := scheduleTypes[p.Options.Schedule]; label != "" {
		return label
	}
	return p.Options.Schedule
}

// readSchedule reads a type. "Automatic" is what the sampler, which stands before, has.
func readSchedule(p *Parameters, value string) bool {
	if strings.EqualFold(value, "automatic") && p.Options.Sampler != nil {
		info, _ := sampler.Describe(p.Options.Sampler)
		switch w := webUISamplers[info.Name]; {
		case w.schedule != "":
			p.Options.Schedule = w.schedule
		case !w.timesteps:
			p.Options.Schedule = "normal"
		}
		return true
	}
	if _, schedule, err := sampler.ParseLabel("Euler " + value); err == nil && schedule != "" {
		p.Options.Schedule = schedule
		return true
	}
	info, err := scheduler.Lookup(value)
	if err == nil {
		p.Options.Schedule = info.Name
	}
	return err == nil
}

// comfySchedules are ComfyUI's names of levels that have another name here.
var comfySchedules = map[string]string{"karras": "karras_full", "exponential": "exponential_full"}

// comfyDiscards are ComfyUI's samplers that leave out the level before the last.
var comfyDiscards = map[string]bool{"dpm2": true, "dpm2_ancestral": true, "unipc": true, "unipc_bh2": true}

// parseComfy reads a graph of ComfyUI's.
func parseComfy(text string) (*Parameters, error) {
	c, err := infotext.ParseComfy([]byte(text))
	if err != nil {
		return nil, fmt.Errorf("diffusion: parameters: %w", errors.Join(err, ErrNoParameters))
	}
	p := &Parameters{Prompt: c.Prompt, Program: "ComfyUI", Model: c.Model}
	p.Options = Options{
		Syntax: SyntaxComfyUI, NegativePrompt: c.Negative, Prompt2: c.Prompt2, NegativePrompt2: c.Negative2,
		Seed: c.Seed, Steps: c.Steps, Guidance: c.CFG, Width: c.Width, Height: c.Height, ClipSkip: c.SkippedLayers,
	}
	for _, f := range c.Other {
		if f.Name == infotext.Lora {
			p.leave("Adapters", f.Name, f.Value)
			continue
		}
		p.put(f.Name, f.Value)
	}
	if c.FromImage && c.Denoise > 0 && c.Denoise < 1 { // it takes so many steps of a run that is longer
		p.Options.Strength, p.Options.Steps = c.Denoise, int(float64(c.Steps)/c.Denoise)
	}
	name := c.Sampler
	if name == "ddim" { // which is Euler's there
		name = "euler"
	}
	if info, err := sampler.Lookup(name); err != nil {
		p.leave("Sampler", "sampler_name", c.Sampler)
	} else {
		p.Options.Sampler, _ = sampler.ByName(info.Name) // which was looked up
		p.Options.DiscardPenultimate = comfyDiscards[info.Name]
	}
	schedule := c.Scheduler
	if own, ok := comfySchedules[schedule]; ok {
		schedule = own
	}
	if known, err := scheduler.Lookup(schedule); err == nil {
		p.Options.Schedule = known.Name
	} else if schedule != "" {
		p.leave("Schedule", "scheduler", schedule)
	}
	return p, nil
}
