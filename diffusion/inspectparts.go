package diffusion

import (
	"context"
	"errors"
	"slices"

	"sdgo/internal/engine"
	"sdgo/internal/ldm"
	"sdgo/internal/model"
	"sdgo/internal/report"
	"sdgo/safetensors/checkpoint"
	"sdgo/unet"
)

// examination is the loading of parts for a report: as far as the shapes of their
// tensors, without a number.
type examination struct {
	report  *Report
	options *LoadOptions
	p       Pipeline
	failed  bool
}

// examine begins an examination. Done ends it.
func (r *Report) examine(ctx context.Context, o *LoadOptions) (_ context.Context, _ *examination, done func(), err error) {
	eng, err := engine.New(nil)
	if err != nil {
		return nil, nil, nil, err
	}
	session := model.NewSession(eng)
	session.Hold()
	x := &examination{report: r, options: o, p: Pipeline{engine: eng, calls: new(model.Gate)}}
	return session.In(ctx), x, func() { x.p.Close() }, nil
}

// readParts reports on the parts of a model.
func (r *Report) readParts(ctx context.Context, f *modelFiles, o *LoadOptions) error {
	ctx, x, done, err := r.examine(ctx, o)
	if err != nil {
		return err
	}
	defer done()
	if f.single != nil {
		r.list(f.single, f.single.Fates())
	}
	for _, part := range f.parts() {
		src, err := f.open(ctx, part)
		if err != nil {
			r.problem(err)
			x.failed = true
			continue
		}
		file := r.Path
		if g := o.part(part); g.path != "" {
			file = g.path
		} else if s, ok := src.(interface{ Path() string }); ok {
			file = s.Path()
		}
		x.part(ctx, part, src, file, f.single != nil && !o.gives(part))
		if part == ldm.UNet && f.family == "" && x.p.UNet != nil {
			f.family = familyOf(src.Config())
		}
	}
	if err := x.p.finishTextless(ctx, f, o); err != nil {
		return err
	}
	if err := x.p.loadProcessor(ctx, f, o.Variant); err != nil {
		r.problem(err)
		x.failed = true
	}
	x.finish(f)
	return nil
}

// finish compares the parts, and says what the model is.
func (x *examination) finish(f *modelFiles) {
	r, p := x.report, &x.p
	var u *unet.Config
	latents := latentChannels
	if p.UNet != nil {
		u = &p.UNet.Config
	}
	if p.VAE != nil {
		latents = p.VAE.Config.LatentChannels
	}
	r.Identity = f.identity.with(f.family, u, latents)
	if p.VAE != nil && p.textless() {
		r.Identity = p.textlessIdentity(f.identity)
	}
	p.Scheduler, p.names = f.schedule, f.names
	if x.failed {
		return
	}
	r.Defaults = p.Defaults()
	p.zeroEmpty, p.taught = f.zeroEmpty, f.taught
	err := p.checkGiven(x.options)
	if err == nil {
		err = p.checkShapes()
	}
	r.problem(err)
	p.Warnings = f.warnings
	p.warnAll()
	r.Warnings = p.Warnings
}

// latentChannels are those of the latents of all models that are read.
const latentChannels = 4

// part examines a part, and closes its checkpoint. Its tensors are listed already, or are
// all that the checkpoint has.
func (x *examination) part(ctx context.Context, part string, src checkpoint.Source, file string, listed bool) {
	r := x.report
	if !listed {
		r.listPart(part, src)
	}
	rec := &recorder{Source: src, asked: make(map[string]bool)}
	err := x.p.loadPart(ctx, part, rec, x.options)
	refused := make(map[string]bool)
	var weights *report.WeightsError
	if errors.As(err, &weights) {
		for _, m := range weights.Lacks {
			r.Missing = append(r.Missing, MissingTensor{part, m.Key, m.Want, m.Have})
			refused[m.Key] = m.Have != nil
		}
	}
	if err != nil {
		r.problem(err)
		x.failed = true
	}
	about := PartReport{Name: part, File: file, Given: x.options.gives(part), DTypes: make(map[string]int)}
	for i := range r.Tensors {
		t := &r.Tensors[i]
		if t.Part != part {
			continue
		}
		switch {
		case slices.ContainsFunc(t.As, func(name string) bool { return refused[name] }):
			t.Fate = Refused
		case err == nil && !slices.ContainsFunc(t.As, func(name string) bool { return rec.asked[name] }):
			t.Part, t.As = "", nil
			if t.Fate, t.Why = Unused, ldm.Why(t.Name); t.Why != "" {
				t.Fate = Ignored
			}
			continue
		}
		about.Tensors++
		about.Parameters += count(t.Shape)
		about.Bytes += t.Bytes
		about.DTypes[t.DType]++
	}
	r.Parts = append(r.Parts, about)
}

// recorder is a checkpoint that notes which tensors it is asked for.
type recorder struct {
	checkpoint.Source
	asked map[string]bool
}

func (r *recorder) Tensor(name string) (shape []int, dtype string, ok bool) {
	r.asked[name] = true
	return r.Source.Tensor(name)
}

// list adds the tensors of a file with what becomes of them.
func (r *Report) list(tensors ldm.Tensors, fates []ldm.Fate) {
	for _, f := range fates {
		shape, dtype, _ := tensors.Tensor(f.Name)
		t := TensorReport{Name: f.Name, Shape: shape, DType: dtype, Bytes: sizeOf(dtype, shape), Part: f.Part, As: f.As, Why: f.Left}
		switch {
		case f.Part != "":
			t.Fate = Used
		case f.Left != "":
			t.Fate = Ignored
		default:
			t.Fate = Unused
		}
		r.Tensors = append(r.Tensors, t)
	}
}

// listPart adds the tensors of a part's own file or files.
func (r *Report) listPart(part string, src checkpoint.Source) {
	from := func(name string) string { return name }
	var tensors interface {
		Tensor(string) ([]int, string, bool)
	} = src
	if p, ok := src.(partOfFile); ok {
		from, tensors = p.From, p.file
	}
	at := make(map[string]int)
	for _, name := range src.Names() {
		file := from(name)
		if i, ok := at[file]; ok { // one of several that are one in the file
			r.Tensors[i].As = append(r.Tensors[i].As, name)
			continue
		}
		shape, dtype, _ := tensors.Tensor(file)
		at[file] = len(r.Tensors)
		r.Tensors = append(r.Tensors, TensorReport{Name: file, Shape: shape, DType: dtype, Bytes: sizeOf(dtype, shape), Part: part, As: []string{name}, Fate: Used})
	}
}

// readIncomplete reports on a file with some parts of a model.
func (r *Report) readIncomplete(ctx context.Context, file ldm.Tensors, e *ldm.Incomplete, o *LoadOptions) error {
	ctx, x, done, err := r.examine(ctx, o)
	if err != nil {
		return err
	}
	defer done()
	for _, part := range e.Have {
		p, family, fates, err := ldm.OpenPart(file, part, e.Family)
		if err != nil {
			r.problem(err)
			continue
		}
		e.Family = family
		if r.Tensors == nil {
			r.list(file, fates)
		}
		for j, f := range fates { // in the same order
			if f.Part != "" {
				r.Tensors[j].Part, r.Tensors[j].As, r.Tensors[j].Fate, r.Tensors[j].Why = f.Part, f.As, Used, ""
			}
		}
		x.part(ctx, part, p, r.Path, true)
	}
	x.failed = true
	x.finish(&modelFiles{family: e.Family})
	r.Name = e.What + fits(x.p.TextEncoder) + fits(x.p.TextEncoder2)
	r.useParts(e.Have...)
	if r.Family == "" && len(e.Have) > 0 {
		r.Family = map[string]string{ldm.VAE: "vae", ldm.TextEncoder: "text-encoder", ldm.TextEncoder2: "text-encoder"}[e.Have[0]]
	}
	return nil
}
