// Package ldm reads checkpoints in the layout of the original code of latent diffusion
// (CompVis and Stability AI), in which one file holds all parts of a model:
//
//	model.diffusion_model.*   the U-Net
//	first_stage_model.*       the VAE
//	cond_stage_model.*        the text encoder, in the names of transformers or OpenCLIP
//	conditioner.embedders.N.* the text encoders of Stable Diffusion XL
//
// What the model is, and the configuration of each part, come from the names and shapes
// of the tensors. Each part then is a checkpoint in the names of diffusers, whose tensors
// are those of the file: no number of theirs is read before it is asked for.
package ldm

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"sdgo/internal/quote"
)

// Tensors are those of a file, as [checkpoint.Source] has them.
type Tensors interface {
	Names() []string
	Tensor(name string) (shape []int, dtype string, ok bool)
	Float32s(name string, from int, dst []float32) error
	Release(name string)
	Changed() error
}

// Family is a kind of models that share a structure.
type Family string

// The families.
const (
	SD1         Family = "Stable Diffusion 1"
	SD2         Family = "Stable Diffusion 2"
	SDXL        Family = "Stable Diffusion XL"
	SDXLRefiner Family = "the refiner of Stable Diffusion XL"
)

// Names of the parts, those of the folders of diffusers.
const (
	TextEncoder  = "text_encoder"
	TextEncoder2 = "text_encoder_2"
	UNet         = "unet"
	VAE          = "vae"
)

// Where the parts are in a file.
const (
	unetPrefix   = "model.diffusion_model."
	vaePrefix    = "first_stage_model."
	textPrefix   = "cond_stage_model."
	sgmPrefix    = "conditioner.embedders."
	inputBlock   = unetPrefix + "input_blocks."
	outputBlock  = unetPrefix + "output_blocks."
	clipPrefix   = textPrefix + "transformer."
	openPrefix   = textPrefix + "model."
	firstSGM     = sgmPrefix + "0.transformer."
	secondSGM    = sgmPrefix + "1.model."
	refinerSGM   = sgmPrefix + "0.model."
	convInWeight = inputBlock + "0.0.weight"
)

// Model is what a file holds.
type Model struct {
	Tensors // of the file
	Family  Family
	// Parts are checkpoints by the names of their folders in diffusers' layout.
	Parts map[string]*Part
	// Channels are those that go into the U-Net: 4, or with what is concatenated 5
	// (depth), 7 (a small picture), 8 (an image) or 9 (a mask and an image). Zero if it is not in
	// the file.
	Channels int
	// V says that the file itself says that the model predicts v, by a tensor.
	V bool
	// ZeroSNR says that the file itself says that its noise levels end without any signal.
	ZeroSNR bool
	// EDM says that the file itself says that it was trained on other noise levels; nil of
	// most.
	EDM *EDM
	// Unused are the tensors that no part has, and that are not known to be of no use.
	Unused []string

	file *file
}

// Open finds the parts of a whole model and their configurations; see [OpenWith].
func Open(tensors Tensors) (*Model, error) { return OpenWith(tensors, Options{}) }

// OpenWith finds the parts of a model and their configurations. Nothing is read but names
// and shapes, and the few numbers of an [EDM]. The error says what the tensors are instead, as far as it is known; it is an
// [*Incomplete] if parts are missing. With an error there is a Model, too, if what it is
// could be told.
func OpenWith(tensors Tensors, o Options) (*Model, error) {
	v := newView(tensors)
	if o.EMA {
		if err := v.average(); err != nil {
			return nil, err
		}
	}
	f := newFile(v)
	f.view = v
	family, err := f.family(o)
	if err != nil {
		return nil, err
	}
	m := &Model{Tensors: tensors, Family: family, Parts: make(map[string]*Part), V: f.has("v_pred"), ZeroSNR: f.has("ztsnr"), file: f}
	if err := m.open(o); err != nil {
		return m, err
	}
	m.Unused = f.unused()
	return m, nil
}

// open opens the parts that the file is to give.
func (m *Model) open(o Options) error {
	f := m.file
	var problems []string
	add := func(name string, part *Part, err error) {
		if err != nil {
			problems = append(problems, fmt.Sprintf("%s: %v", name, err))
			return
		}
		m.Parts[name] = part
	}
	var err error
	if m.EDM, err = f.edm(); err != nil {
		problems = append(problems, err.Error())
	}
	pooled := 0
	for name, encoder := range f.locate(m.Family) {
		if o.given(name) {
			f.leaveUnder(encoder.prefix)
			continue
		}
		part, err := f.textEncoder(encoder)
		add(name, part, err)
		if err == nil && encoder.project {
			pooled = part.config["projection_dim"].(int)
		}
	}
	for part, prefix := range map[string]string{UNet: unetPrefix, VAE: vaePrefix} {
		if o.given(part) {
			f.leaveUnder(prefix)
		}
	}
	if !o.given(UNet) {
		m.Channels = f.dim(convInWeight, 1)
		part, err := f.unet(m.Family, pooled)
		add(UNet, part, err)
	}
	if !o.given(VAE) {
		part, err := f.vae(m.Family)
		m.EDM.scale(part)
		add(VAE, part, err)
	}
	for _, name := range f.missing {
		problems = append(problems, fmt.Sprintf("%.200s is missing or not of the kind it should be", f.original(name)))
	}
	if len(problems) > 0 {
		slices.Sort(problems)
		return fmt.Errorf("ldm: this is %s: %s", m.Family, quote.Lines(problems, "; "))
	}
	return nil
}

// Set changes the configuration of a part by the keys of a JSON object.
func (m *Model) Set(part string, config map[string]json.RawMessage) error {
	p := m.Parts[part]
	if p == nil {
		return fmt.Errorf("ldm: have a configuration of %.80q, of which the file has no tensors", part)
	}
	p.Set(config)
	return nil
}

// maxNamed is how many tensors a warning names.
const maxNamed = 5

// Warnings say what was guessed and what was left out, one sentence each.
func (m *Model) Warnings() (warnings []string) {
	for _, name := range slices.Sorted(maps.Keys(m.Parts)) {
		if guesses := m.Parts[name].Guesses(name); guesses != "" {
			warnings = append(warnings, guesses)
		}
	}
	if n := len(m.Unused); n > 0 {
		named := m.Unused[:min(n, maxNamed)]
		warnings = append(warnings, fmt.Sprintf("%d tensors were left out, such as %s", n, quote.Lines(named, ", ")))
	}
	return warnings
}

// file is a file whose names are looked up.
type file struct {
	Tensors
	view    *view
	names   []string
	used    map[string]bool
	left    map[string]string // why tensors are left out that parts could have
	missing []string
	depths  map[string]int // of transformers; nil before it is asked for
}

func newFile(t Tensors) *file {
	return &file{Tensors: t, names: t.Names(), used: make(map[string]bool), left: make(map[string]string)}
}

// leave leaves a tensor out.
func (f *file) leave(name, why string) { f.used[name], f.left[name] = true, why }

// leaveUnder leaves the tensors of a part out that comes from elsewhere.
func (f *file) leaveUnder(prefix string) {
	for _, name := range f.names {
		if strings.HasPrefix(name, prefix) {
			f.leave(name, "another such part was given")
		}
	}
}

// original is what a tensor is called in the file itself.
func (f *file) original(name string) string {
	if f.view == nil {
		return name
	}
	return f.view.original(name)
}

// need is one of the dimensions of a tensor without which nothing can be told.
func (f *file) need(name string, axis int) int {
	n := f.dim(name, axis)
	if n == 0 && !slices.Contains(f.missing, name) {
		f.missing = append(f.missing, name)
	}
	return n
}

func (f *file) has(name string) bool {
	_, _, ok := f.Tensor(name)
	return ok
}

// dim is one of a tensor's dimensions, or 0 if there is none.
func (f *file) dim(name string, axis int) int {
	shape, _, _ := f.Tensor(name)
	if axis >= len(shape) {
		return 0
	}
	return shape[axis]
}

// under says whether a name begins so.
func (f *file) under(prefix string) bool {
	return slices.ContainsFunc(f.names, func(name string) bool { return strings.HasPrefix(name, prefix) })
}

// number reads a number as it stands in names.
func number(digits string) (n int, ok bool) {
	n, err := strconv.Atoi(digits)
	return n, err == nil && n >= 0 && strconv.Itoa(n) == digits
}

// count is for how many numbers, from 0 on, there is a tensor of that name.
func (f *file) count(format string) (n int) {
	for f.has(fmt.Sprintf(format, n)) {
		n++
	}
	return n
}
