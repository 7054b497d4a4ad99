package diffusion

import (
	"cmp"
	"context"
	"errors"
	"io"
	"maps"

	"sdgo/diffusion/plan"
	"sdgo/internal/adapter"
	"sdgo/vae"
)

// Plan tells how a picture is computed: which algorithm and weights each layer has,
// what memory it takes, and how long it should take on this machine.
type Plan struct {
	// Parts are the text encoder with both texts, or with the chunks of all, or each of two, a
	// call of the U-Net for both, and the decoder of the VAE. Without a text there is no text encoder, and for embeddings
	// of different lengths there is a U-Net for each, as for each [Variant] of a Guider. ControlNets follow the U-Net.
	Parts []*PartPlan
}

// PartPlan is the plan of one model; StepPlan is one operation of it.
type (
	PartPlan = plan.Part
	StepPlan = plan.Operation
)

// Plan returns the plan for a picture of o's size and guidance. Options may be nil.
// It computes and allocates nothing of that size.
func (p *Pipeline) Plan(o *Options) (*Plan, error) { return p.PlanPrompt("", o) }

// PlanPrompt is [Pipeline.Plan] for a picture of a prompt, of which Options.Syntax may make
// more than one chunk of tokens, or several texts.
func (p *Pipeline) PlanPrompt(prompt string, o *Options) (*Plan, error) {
	if err := p.ready(); err != nil {
		return nil, err
	}
	size, err := p.sizeOf(prompt, o)
	if err != nil {
		return nil, err
	}
	if err := cmp.Or(p.limits.checkSize(size.width, size.height), p.limits.checkTokens(&size.options, size.conditions, size.forms, nil)); err != nil {
		return nil, err
	}
	p, adapters, err := p.adapted(o.adapters(), 0)
	if err != nil {
		return nil, err
	}
	defer adapters.close()
	plan := &Plan{}
	add := func(x *PartPlan, e error) *PartPlan {
		plan.Parts = append(plan.Parts, x)
		err = cmp.Or(err, e)
		return x
	}
	for _, text := range p.textStages() {
		if size.texts > 0 {
			adapters.tell(p.partOf(text), add(text.encoder.Plan(size.texts, text.tokenizer.MaxLength)))
		}
	}
	batches, err := p.planned(size)
	if err != nil {
		return nil, err
	}
	for _, b := range batches {
		adapters.tell(adapter.UNet, add(b.net.Plan(b.texts, size.h, size.w, b.tokens)))
	}
	if o != nil {
		wrong := p.planControls(o.Controls, size, add)
		err = cmp.Or(err, wrong)
	}
	if o == nil || o.Output == OutputImage {
		add(p.VAE.Plan(vae.Work{Height: size.height, Width: size.width, Seamless: size.options.seams()}))
	}
	if err != nil {
		return nil, err
	}
	return plan, nil
}

// size is what the memory of a call for one picture depends on.
type size struct {
	texts         int // that are encoded
	conditions    []Condition
	forms         map[Condition][]form
	batches       []batch // of the U-Net itself
	width, height int     // in pixels
	h, w          int     // of the latents
	options       Options
	guider        Guider
}

// sizeOf returns the size of what a prompt and options ask for.
func (p *Pipeline) sizeOf(prompt string, o *Options) (size, error) {
	sized, err := p.withDefaults(o)
	if err != nil {
		return size{}, err
	}
	if err := checkSampler(sized.Sampler); err != nil {
		return size{}, wrong("Sampler", err)
	}
	if err := o.checkGuider(p.distilled()); err != nil {
		return size{}, err
	}
	if err := p.checkXL(&sized); err != nil {
		return size{}, err
	}
	guider := p.guiderFor(&sized, sized.Sampler)
	conditions := p.conditionsFor(&sized, prompt, guider)
	forms, texts, err := p.textsOf(prompt, conditions, &sized)
	if err != nil {
		return size{}, err
	}
	factor := p.VAE.Config.Factor()
	width, height := p.defaultSize()
	if err := sized.size(width, height, factor); err != nil {
		return size{}, err
	}
	if err := sized.Windows.check(factor, false); err != nil {
		return size{}, err
	}
	h, w := sized.windowSize(sized.Height/factor, sized.Width/factor, factor)
	return size{
		texts: texts, conditions: conditions, forms: forms, batches: inBatches(formsOf(forms, conditions)), width: sized.Width, height: sized.Height,
		h: h, w: w, options: sized, guider: guider,
	}, nil
}

// planned are the calls of the U-Net for a picture, each with its own.
func (p *Pipeline) planned(s size) ([]batch, error) {
	net, err := p.varied(&s.options)
	if err != nil {
		return nil, err
	}
	all, err := variants(s.guider, net)
	if err != nil {
		return nil, err
	}
	conditions, others := withOthers(s.conditions, all)
	known := maps.Clone(s.forms)
	for _, o := range others {
		known[o.name] = o.forms(known[o.words])
	}
	forms := formsOf(known, conditions)
	for i := range forms {
		forms[i].net = forms[i].on(net)
	}
	return inBatches(forms), nil
}

// textsOf returns the forms of what the U-Net reads for a prompt and options, and how many texts
// or chunks are encoded.
func (p *Pipeline) textsOf(prompt string, conditions []Condition, o *Options) (forms map[Condition][]form, texts int, err error) {
	embedded, err := p.embedded(o.Embeddings)
	if err != nil {
		return nil, 0, err
	}
	scripts, err := embedded.readScripts(context.Background(), o, prompt, conditions, positionsOf(o.Sampler, o.Steps))
	if err != nil {
		return nil, 0, err
	}
	forms, err = p.formsOf(o, conditions, scripts)
	if err != nil {
		return nil, 0, err
	}
	for _, c := range conditions {
		switch w := o.wording(c, ""); {
		case scripts[spot{0, c}] != nil:
			texts += scripts[spot{0, c}].encoded()
		case w.given == nil && !p.zeros(c, w):
			texts++
		}
	}
	return forms, texts, nil
}

// WriteTo writes the plan as tables.
func (p *Plan) WriteTo(w io.Writer) (n int64, err error) {
	if p == nil || w == nil {
		return 0, errors.New("diffusion: plan: have nil, want a plan and a writer")
	}
	for i, part := range p.Parts {
		if i > 0 {
			if _, err := io.WriteString(w, "\n"); err != nil {
				return n, err
			}
			n++
		}
		m, err := part.WriteTo(w)
		n += m
		if err != nil {
			return n, err
		}
	}
	return n, nil
}
