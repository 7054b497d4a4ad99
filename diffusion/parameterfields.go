package diffusion

import (
	"fmt"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"sdgo/internal/infotext"
	"sdgo/sampler"
)

// knownField is a field of WebUI's that means an option here.
type knownField struct {
	name  string
	write func(p *Parameters) string             // empty: there is none
	read  func(p *Parameters, value string) bool // false: it is not what is known
}

// webUIFields are the fields, in the order in which WebUI writes them.
var webUIFields = []knownField{
	{"Steps", func(p *Parameters) string { return integer(p.Options.Steps) }, func(p *Parameters, v string) bool { return readInt(&p.Options.Steps, v, 0) }},
	{samplerField, writeSampler, readSampler},
	{scheduleField, writeSchedule, readSchedule},
	{"CFG scale", func(p *Parameters) string { return number(p.Options.Guidance) }, func(p *Parameters, v string) bool { return readNumber(&p.Options.Guidance, v) }},
	{"Seed", func(p *Parameters) string { return strconv.FormatUint(p.Options.Seed, 10) }, readSeed},
	{"Size", func(p *Parameters) string { return sizeText(p.Options.Width, p.Options.Height) }, func(p *Parameters, v string) bool { return readSize(&p.Options.Width, &p.Options.Height, v) }},
	{"Model hash", func(p *Parameters) string { return p.ModelHash }, func(p *Parameters, v string) bool { p.ModelHash = v; return true }},
	{"Model", func(p *Parameters) string { return p.Model }, func(p *Parameters, v string) bool { p.Model = v; return true }},
	{strengthField, writeStrength, func(p *Parameters, v string) bool { return readNumber(&p.Options.Strength, v) }},
	{"Hires resize", func(p *Parameters) string { return sizeText(p.Options.HighRes.Width, p.Options.HighRes.Height) }, func(p *Parameters, v string) bool {
		return readSize(&p.Options.HighRes.Width, &p.Options.HighRes.Height, v)
	}},
	{"Hires upscale", func(p *Parameters) string { return number(p.Options.HighRes.Scale) }, func(p *Parameters, v string) bool { return readNumber(&p.Options.HighRes.Scale, v) }},
	{"Hires steps", func(p *Parameters) string { return integer(p.Options.HighRes.Steps) }, func(p *Parameters, v string) bool { return readInt(&p.Options.HighRes.Steps, v, 0) }},
	{upscalerField, func(p *Parameters) string { return string(p.Options.HighRes.Upscaler) }, readUpscaler},
	{"Clip skip", writeClipSkip, func(p *Parameters, v string) bool { return readInt(&p.Options.ClipSkip, v, 1) }},
	{"Eta", func(p *Parameters) string { return number(p.Options.Eta) }, func(p *Parameters, v string) bool { return readNumber(&p.Options.Eta, v) }},
	{"Eta DDIM", nil, func(p *Parameters, v string) bool { return readNumber(&p.Options.Eta, v) }},
	{"RNG", writeRNG, readRNG},
	{"Discard penultimate sigma", func(p *Parameters) string { return truth(p.Options.DiscardPenultimate) }, func(p *Parameters, v string) bool { return readTruth(&p.Options.DiscardPenultimate, v) }},
	{"Tiling", func(p *Parameters) string { return truth(p.Options.Seamless.X && p.Options.Seamless.Y) }, readTiling},
	{"Token merging ratio", func(p *Parameters) string { return number(p.Options.TokenMerging.Ratio) }, func(p *Parameters, v string) bool { return readNumber(&p.Options.TokenMerging.Ratio, v) }},
}

const (
	samplerField  = "Sampler"
	scheduleField = "Schedule type"
	strengthField = "Denoising strength"
	upscalerField = "Hires upscaler"
)

// settle sets what the fields of other programs mean together, and what their absence means.
func (p *Parameters) settle(t infotext.Text) {
	if p.Options.HighRes.on() {
		p.Options.HighRes.Strength, p.Options.Strength = p.Options.Strength, 0
		p.leaveHighRes()
	}
	if p.own() {
		return
	}
	if len(t.Fields) > 0 {
		p.Options.Syntax = SyntaxWebUI
	}
	p.Prompt = p.networks(p.Prompt)
	p.Options.NegativePrompt = p.networks(p.Options.NegativePrompt)
	if p.Options.Eta != 0 && !takesEta(p.Options.Sampler) {
		p.put("Eta", number(p.Options.Eta))
		p.Options.Eta = 0
	}
	if p.Options.Sampler == nil {
		return
	}
	if _, ok := t.Get("RNG"); !ok && !p.cpp() && p.Options.NewNoise == nil {
		p.Options.NewNoise = PhiloxNoise // WebUI's "GPU", which it does not write
	}
	info, _ := sampler.Describe(p.Options.Sampler)
	own := webUISamplers[info.Name]
	if _, typed := t.Get(scheduleField); !typed && p.Options.Schedule == "" && !own.timesteps {
		p.Options.Schedule = "normal" // of the versions before there was a type, and of stable-diffusion.cpp
	}
	p.Options.DiscardPenultimate = p.Options.DiscardPenultimate || own.discards && !p.cpp()
}

// leaveHighRes leaves a second pass out whose upscaler is none of ours: most often it is a model.
func (p *Parameters) leaveHighRes() {
	if !slices.ContainsFunc(p.Other, func(v NamedValue) bool { return v.Name == upscalerField }) {
		return
	}
	for _, f := range webUIFields {
		if f.name != strengthField && !strings.HasPrefix(f.name, "Hires ") {
			continue
		}
		if value := f.write(p); value != "" {
			p.put(f.name, value)
		}
	}
	p.Options.HighRes = HighRes{}
	p.LeftOut = append(p.LeftOut, "HighRes")
}

// adapterInPrompt is how prompts of other programs name an adapter: <lora:style:0.8>.
var adapterInPrompt = regexp.MustCompile(`<(lora|lyco|lycoris|hypernet):([^<>]*)>`)

// networks takes the adapters out of a prompt, as those programs do before they read it.
func (p *Parameters) networks(prompt string) string {
	for _, m := range adapterInPrompt.FindAllStringSubmatch(prompt, -1) {
		p.leave("Adapters", m[1], m[2])
	}
	return adapterInPrompt.ReplaceAllLiteralString(prompt, "")
}

// put keeps a field that is no option after all.
func (p *Parameters) put(name, value string) { p.Other = append(p.Other, NamedValue{name, value}) }

// leave keeps a field that decided the picture, of a value that an option does not have.
func (p *Parameters) leave(option, name, value string) {
	p.put(name, value)
	if !slices.Contains(p.LeftOut, option) {
		p.LeftOut = append(p.LeftOut, option)
	}
}

func integer(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

func truth(b bool) string {
	if b {
		return "True"
	}
	return ""
}

func readTruth(b *bool, value string) bool {
	*b = value == "True"
	return *b || value == "False"
}

func readTiling(p *Parameters, value string) bool {
	var both bool
	ok := readTruth(&both, value)
	p.Options.Seamless.X, p.Options.Seamless.Y = both, both
	return ok
}

// readInt reads a whole number that is so much more than the option.
func readInt(n *int, value string, more int) bool {
	const most = 1 << 30
	v, err := strconv.Atoi(value)
	if err != nil || v < more || v > most {
		return false
	}
	*n = v - more
	return true
}

func readNumber(x *float64, value string) bool {
	v, err := strconv.ParseFloat(value, 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		return false
	}
	*x = v
	return true
}

func readSeed(p *Parameters, value string) bool {
	v, err := strconv.ParseUint(value, 10, 64)
	if err == nil {
		p.Options.Seed = v
	}
	return err == nil
}

// sizeText writes a width and a height, of which one may be zero.
func sizeText(width, height int) string {
	if width <= 0 && height <= 0 {
		return ""
	}
	return fmt.Sprintf("%dx%d", width, height)
}

func readSize(width, height *int, value string) bool {
	x, y, ok := strings.Cut(value, "x")
	var w, h int
	if !ok || !readInt(&w, x, 0) || !readInt(&h, y, 0) {
		return false
	}
	*width, *height = w, h
	return true
}

// writeStrength writes the strength: of two passes that of the second.
func writeStrength(p *Parameters) string {
	if p.Options.HighRes.on() {
		return number(p.Options.HighRes.Strength)
	}
	return number(p.Options.Strength)
}

func readUpscaler(p *Parameters, value string) bool {
	u := Upscaler(value)
	if value == "None" { // then WebUI's resize_image resizes with Lanczos' filter
		u = UpscaleLanczos
	}
	if !slices.Contains(Upscalers(), u) {
		return false
	}
	p.Options.HighRes.Upscaler = u
	return true
}

// writeClipSkip writes what others count from one: 1 is all layers.
func writeClipSkip(p *Parameters) string {
	if p.Options.ClipSkip <= 0 {
		return ""
	}
	return strconv.Itoa(p.Options.ClipSkip + 1)
}

// writeRNG writes where the noise is drawn: CPU, or NV for the numbers of CUDA.
func writeRNG(p *Parameters) string {
	if p.Options.NewNoise == nil {
		return "CPU"
	}
	name, _ := encodeNoise(reflect.ValueOf(p.Options.NewNoise))
	if string(name) == `"philox"` {
		return "NV"
	}
	return ""
}

func readRNG(p *Parameters, value string) bool {
	switch strings.ToLower(value) {
	case "cpu":
		p.Options.NewNoise = nil
	case "nv", "gpu", "cuda":
		p.Options.NewNoise = PhiloxNoise
	default:
		return false
	}
	return true
}
