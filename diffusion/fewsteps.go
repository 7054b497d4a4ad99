package diffusion

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"sdgo/scheduler"
	"sdgo/unet"
)

// Defaults are what a call takes where its options are zero.
type Defaults struct {
	Steps    int     `json:"steps"`
	Guidance float64 `json:"guidance"`

	// Few is how the model was trained to need few steps: "LCM", "TCD", "Turbo",
	// "Lightning", "Hyper" or "SDXS". It is empty for others, and where nothing tells.
	Few string `json:"few,omitempty"`

	// Told says what tells it, a key of a file or a name, with its value.
	Told string `json:"told,omitempty"`
}

// few are the ways in which models are trained to need few steps: with how many, and
// with which guidance, where one turns it off.
var few = map[string]Defaults{
	"LCM":       {Steps: 4, Guidance: 1},
	"TCD":       {Steps: 4, Guidance: 1},
	"Turbo":     {Steps: 4, Guidance: 1},
	"Lightning": {Steps: 4, Guidance: 1},
	"Hyper":     {Steps: 4, Guidance: 1},
	"SDXS":      {Steps: 1, Guidance: 1},
}

// guidanceOfLCM is the scale that diffusers' LatentConsistencyModelPipeline gives to a
// U-Net that reads it.
const guidanceOfLCM = 8.5

// Defaults returns the number of steps and the guidance scale of a call whose Options have
// none. These are 50 and 7.5, or 5 of Stable Diffusion XL, of a model for editing 100 steps
// of an upscaler 75 and 9, and of Stable unCLIP 20 and 10, as in diffusers, unless the model is known to have been
// trained for few steps. In this order that is told by a U-Net that reads the
// guidance scale (time_cond_proj_dim); a name with "turbo", "lightning", "lcm", "tcd",
// "hyper" or "sdxs" in it, as model_index.json, the U-Net's config.json or the metadata of
// a single file have it, or that of the file itself, where "4step" is the number of steps;
// a scheduler config of LCM's or TCD's, or one with the plain levels of Euler's sampler,
// trailing, as that of SD-Turbo; and the blocks of SDXS. Where an image is begun with, and
// the strength would leave no step, there are more steps. Of a model without text they are those of
// diffusers' pipeline that its folder names: 1000 steps of DDPMPipeline, 100 of
// LDMSuperResolutionPipeline and 50 of others, without guidance. The sampler is what
// [Pipeline].Scheduler says, which of a single file follows from the same. The zero value
// is of no pipeline.
func (p *Pipeline) Defaults() Defaults {
	if p == nil || p.UNet == nil {
		return Defaults{}
	}
	if p.textless() {
		return p.textlessDefaults()
	}
	d := fewSteps(&p.UNet.Config, p.Scheduler, p.names)
	switch {
	case d.Few != "":
	case p.unclip != nil:
		d.Steps, d.Guidance = 20, 10
	case p.VAE != nil && p.reads(smallPicture):
		d.Steps, d.Guidance = 75, 9
	case p.VAE != nil && p.reads(withImage):
		d.Steps, d.Guidance = 100, defaultGuidance
		if p.xl() {
			d.Guidance = defaultGuidanceXL
		}
	case p.xl():
		d.Steps, d.Guidance = defaultSteps, defaultGuidanceXL
	default:
		d.Steps, d.Guidance = defaultSteps, defaultGuidance
	}
	return d
}

// named is a name that a file gives to a model.
type named struct{ where, name string }

// fewSteps says whether a model was trained for few steps, and what tells it. The
// scheduler may be nil.
func fewSteps(u *unet.Config, s *scheduler.Config, names []named) Defaults {
	found := func(kind, told string, values ...any) Defaults {
		d := few[kind]
		d.Few, d.Told = kind, fmt.Sprintf(told, values...)
		return d
	}
	if u.TimeCondProjDim != nil {
		d := found("LCM", "the U-Net reads the guidance scale (time_cond_proj_dim %d)", *u.TimeCondProjDim)
		d.Guidance = guidanceOfLCM
		return d
	}
	if name, ok := u.NameOrPath.(string); ok {
		names = append(slices.Clip(names), named{"_name_or_path of the U-Net's config.json", name})
	}
	for _, n := range names {
		if kind, steps := fewInName(n.name); kind != "" {
			d := found(kind, "%s is %.200q", n.where, n.name)
			if steps > 0 {
				d.Steps = steps
			}
			return d
		}
	}
	switch {
	case s == nil:
	case s.Class == "LCMScheduler", s.Class == "TCDScheduler":
		return found(strings.TrimSuffix(s.Class, "Scheduler"), "the scheduler is %s", s.Class)
	case trailingEuler(s):
		return found("Turbo", "the scheduler is %s with timestep_spacing trailing", s.Class)
	}
	if len(u.BlockOutChannels) > 0 && variantOf(u) == "sdxs" {
		return found("SDXS", "the U-Net has three levels of one layer and no middle")
	}
	return Defaults{}
}

// words and parts of names that tell, the first that is there.
var fewNames = []struct {
	text, kind string
	whole      bool // else it may be part of a word, as in dreamshaperXLturbo
}{
	{"lightning", "Lightning", false}, {"turbo", "Turbo", false}, {"sdxs", "SDXS", true}, {"hyper", "Hyper", true},
	{"lcm", "LCM", true}, {"tcd", "TCD", true},
}

var namedSteps = regexp.MustCompile(`(?:^|[^0-9])([1-9][0-9]?)[-_ ]?steps?(?:[^a-z]|$)`)

// fewInName returns what a name says, and with how many steps if it says that, else 0.
func fewInName(name string) (kind string, steps int) {
	name = strings.ToLower(name)
	all := strings.FieldsFunc(name, func(r rune) bool { return !unicode.IsLetter(r) })
	for _, n := range fewNames {
		if n.whole && !slices.Contains(all, n.text) || !strings.Contains(name, n.text) {
			continue
		}
		if m := namedSteps.FindStringSubmatch(name); m != nil {
			steps, _ = strconv.Atoi(m[1]) // of at most two digits
		}
		return n.kind, steps
	}
	return "", 0
}

// trailingEuler says whether a config is like those of SD-Turbo and SDXL-Turbo. Models that
// predict v have trailing levels for another reason (Lin et al. 2024).
func trailingEuler(s *scheduler.Config) bool {
	plain := !s.RescaleBetasZeroSNR && !s.UseKarrasSigmas && !s.UseExponentialSigmas && !s.UseBetaSigmas
	return (s.Class == "EulerDiscreteScheduler" || s.Class == "EulerAncestralDiscreteScheduler") &&
		s.TimestepSpacing == "trailing" && s.PredictionType == epsilon && plain
}

// enough is the number of steps of which the strength leaves one at least.
func enough(steps int, strength float64) int {
	for strength > 0 && int(float64(steps)*strength) < 1 && steps < 1000 {
		steps++
	}
	return steps
}
