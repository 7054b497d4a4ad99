package diffusion

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"sdgo/clip"
	"sdgo/internal/engine"
	"sdgo/internal/export"
	"sdgo/internal/ldm"
	"sdgo/internal/model"
	"sdgo/safetensors/checkpoint"
)

// SaveOptions say how a model is written. Nil, and the zero value, mean the defaults.
type SaveOptions struct {
	// DType is the type of the tensors: "f32", "f16" or "bf16", or in a GGUF file also
	// "q8_0", "q4_0" and others of ggml's in blocks, for matrices whose rows are whole
	// blocks and that are no embeddings. What stands in no blocks has 16 bits there, and
	// vectors 32. Empty means that each tensor has the type that it was stored with: what
	// takes fewer than 16 bits becomes F16. A number that a type does not have is an error.
	DType string

	// Replace lets the model take the place of another one: a file that of a file, a
	// folder that of a model's folder. Without it what is there already is an error that
	// wraps fs.ErrExist.
	Replace bool

	// Overlay is that of LoadOptions for what is saved: it gets the checkpoint of each
	// part and returns the one to write, such as one over it with weights that were
	// trained. Names and shapes must be those of a model.
	Overlay func(part string, src checkpoint.Source) (checkpoint.Source, error)

	// Merge are adapters that are merged into the weights, one after the other. Tensors of
	// theirs that fit none of the model's are warnings.
	Merge []MergedAdapter

	// OnProgress, if not nil, is told how many bytes of so many are written, after each
	// tensor. It is called on the goroutine that saves.
	OnProgress func(done, total int64)

	// OnWarning, if not nil, gets what the files of a model had that [Convert] did not
	// take into account, one sentence each.
	OnWarning func(warning string)
}

// Save writes a pipeline to a path: as one file in the layout of the original code if the
// path ends in .safetensors or .gguf, or else as a folder that [Load] and diffusers read.
// A file has the configurations, and a tokenizer that is not OpenAI's, in its metadata, where
// Load finds them; other programs take what the published models of the family have.
// Options may be nil.
//
// The numbers are those that the pipeline computes with: a pipeline that was loaded in
// another Precision than Float32 has rounded some, and one on a graphics processor has none
// that can be written, which is an error. [Convert] reads those of the files.
//
// The model is at the path whole or not at all: after an error, and when ctx is done, which
// Save returns the error of soon, nothing is left of it and what was there is untouched. (A
// process that is killed may leave a folder called .sdgo-….tmp beside the path, or on systems
// other than Linux a file.) It takes the memory of the largest tensor. Other calls of the
// pipeline go on.
func Save(ctx context.Context, path string, p *Pipeline, o *SaveOptions) error {
	if ctx == nil {
		return errors.New("diffusion: save: have a nil context")
	}
	if err := p.ready(); err != nil {
		return err
	}
	if p.engine != nil && p.engine.Device() != nil {
		return errors.New("diffusion: save: have a pipeline whose weights are on a graphics processor, want one on the processor, or Convert")
	}
	leave, err := p.calls.Enter(engine.Goroutine())
	if err != nil {
		return fmt.Errorf("diffusion: %w", err)
	}
	defer leave()
	if err := p.save(ctx, path, cmp.Or(o, &SaveOptions{})); err != nil {
		return fmt.Errorf("diffusion: save: %w", err)
	}
	return nil
}

// Convert reads the model at a path as [LoadContext] does and writes it to another as
// [Save] does, without loading it: it takes the memory of a few megabytes. LoadOptions
// choose the files and change what is read, those for computing have no effect. Names,
// shapes and configurations are checked as by Load. Both options may be nil.
func Convert(ctx context.Context, from, to string, load *LoadOptions, o *SaveOptions) error {
	if ctx == nil {
		return errors.New("diffusion: convert: have a nil context")
	}
	o, load = cmp.Or(o, &SaveOptions{}), cmp.Or(load, &LoadOptions{})
	if err := load.checkPrediction(); err != nil {
		return err
	}
	source, err := originOf(from)
	if err != nil {
		return fmt.Errorf("diffusion: convert: %w", err)
	}
	if err := apart(to, from, load); err != nil {
		return fmt.Errorf("diffusion: convert: %w", err)
	}
	eng, err := engine.New(nil)
	if err != nil {
		return fmt.Errorf("diffusion: convert: %w", err)
	}
	p := &Pipeline{engine: eng, calls: new(model.Gate)}
	defer p.Close()
	read := *load
	read.Precision = ""
	files, err := p.hold(ctx, model.NewSession(eng), source, &read)
	if err != nil {
		return fmt.Errorf("%w (in %s)", err, from)
	}
	defer files.close()
	if files.probe != nil {
		p.Warnings = append(p.Warnings, files.probe.unasked())
	}
	o.warn(p.Warnings)
	if err := p.save(ctx, to, o); err != nil {
		return fmt.Errorf("diffusion: convert: %w", err)
	}
	return nil
}

// apart wants no model that is read to be in the folder that is replaced.
func apart(to, from string, o *LoadOptions) error {
	target, err := filepath.EvalSymlinks(to)
	if err != nil {
		return nil // nothing is there
	}
	paths := []string{from}
	for _, g := range o.given() {
		paths = append(paths, g.path)
	}
	for _, path := range paths {
		inside, err := filepath.EvalSymlinks(path)
		if err != nil {
			continue // reading says what is wrong with it
		}
		a, errA := filepath.Abs(target)
		b, errB := filepath.Abs(inside)
		if errA == nil && errB == nil && strings.HasPrefix(b, a+string(filepath.Separator)) {
			return fmt.Errorf("%s is in %s, which would be replaced", path, to)
		}
	}
	return nil
}

// save writes a pipeline whose weights are loaded, or held back.
func (p *Pipeline) save(ctx context.Context, path string, o *SaveOptions) (err error) {
	m, err := p.exported()
	if err != nil {
		return err
	}
	if err := p.checkOneFile(path); err != nil {
		return err
	}
	closeParts, err := o.overlay(m, slices.Sorted(maps.Keys(m.Parts)))
	defer func() { err = errors.Join(err, closeParts()) }()
	if err != nil {
		return err
	}
	if m, err = m.Canonical(); err != nil {
		return err
	}
	closeAdapters, err := o.merge(ctx, m)
	defer closeAdapters()
	if err != nil {
		return err
	}
	return export.Write(ctx, path, m, &export.Options{DType: o.DType, Replace: o.Replace, OnProgress: o.OnProgress})
}

// exported is the pipeline as it is written.
func (p *Pipeline) exported() (*export.Model, error) {
	if p.textless() {
		return nil, errors.New("have a model that reads no text, want Stable Diffusion 1, 2 or XL")
	}
	if p.ImageEncoder != nil {
		return nil, errors.New("have a model that reads embeddings of images, which cannot be written, want one that reads text")
	}
	m := &export.Model{
		Family: p.family(), Parts: map[string]checkpoint.Source{"unet": model.Of(p.UNet).Checkpoint(), "vae": model.Of(p.VAE).Checkpoint()},
		V: p.Scheduler.PredictionType == vPrediction, Tokenizers: make(map[string]map[string][]byte), ZeroEmpty: p.zeroEmpty,
		ScaledImage: p.taught.scaledImage,
	}
	var err error
	if p.reads(smallPicture) {
		m.MostNoise = p.mostNoise()
		if m.LowRes, err = p.lowRes().JSON(); err != nil {
			return nil, err
		}
	}
	if m.Scheduler, err = p.Scheduler.JSON(); err != nil {
		return nil, err
	}
	for suffix, text := range map[string]textStage{"": {tokenizer: p.Tokenizer, encoder: p.TextEncoder}, "_2": {tokenizer: p.Tokenizer2, encoder: p.TextEncoder2}} {
		if text.encoder == nil {
			continue
		}
		m.Parts["text_encoder"+suffix] = model.Of(text.encoder).Checkpoint()
		files, err := text.tokenizer.Files()
		if err != nil {
			return nil, err
		}
		name := "tokenizer" + suffix
		m.Tokenizers[name] = files
		if text.tokenizer.Size() != openAITokens || !published(files, m.Family, suffix != "") {
			m.Own = append(m.Own, name)
		}
	}
	return m, nil
}

// published says whether the files are those of the tokenizer that a model of a family has
// in one file, OpenAI's.
func published(files map[string][]byte, family ldm.Family, second bool) bool {
	pad := ""
	if second || family == ldm.SD2 {
		pad = openCLIPPad
	}
	tokenizer, err := clip.OpenAITokenizer(pad)
	if err != nil {
		return false
	}
	known, err := tokenizer.Files()
	return err == nil && maps.EqualFunc(files, known, slices.Equal[[]byte])
}

// family is that of the model's layout in one file.
func (p *Pipeline) family() ldm.Family {
	switch {
	case p.xl() && p.TextEncoder == nil:
		return ldm.SDXLRefiner
	case p.xl():
		return ldm.SDXL
	case p.TextEncoder.Config.HiddenAct == "quick_gelu": // OpenAI's
		return ldm.SD1
	}
	return ldm.SD2
}
