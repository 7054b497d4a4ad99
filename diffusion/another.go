package diffusion

import (
	"slices"

	"sdgo/unet"
)

// another is a condition beside the prompt and the negative prompt. It reads what one of
// these reads, with another network or, once [task.denoiser] says so, other channels.
type another struct {
	name  Condition
	words Condition  // Cond or Uncond
	net   *unet.UNet // a variant of the run's, or nil: that itself
}

// chooseOthers adds the conditions of the task and the Guider.
func (r *run) chooseOthers() error {
	more, err := variants(r.guider, r.net)
	if err != nil {
		return err
	}
	r.conditions, r.others = withOthers(r.conditions, slices.Concat(r.task.about().others, more))
	return nil
}

// withOthers puts others between the negative prompt and the prompt. Those for which there are
// no words are left out.
func withOthers(conditions []Condition, all []another) (with []Condition, others []another) {
	with = slices.Clone(conditions)
	for _, o := range all {
		if slices.Contains(conditions, o.words) {
			others = append(others, o)
			with = slices.Insert(with, len(with)-1, o.name)
		}
	}
	return with, others
}

// textConditions are the conditions of the run that have words of their own.
func (r *run) textConditions() []Condition {
	return slices.DeleteFunc(slices.Clone(r.conditions), func(c Condition) bool { return c != Cond && c != Uncond })
}

// of is what the condition reads, in the network's other form.
func (o *another) of(words []phrase) (said []phrase) {
	for _, p := range words {
		texts := p.texts
		p.texts = nil
		for _, w := range texts {
			one := *w
			one.condition, one.net = o.name, o.net
			p.texts = append(p.texts, &one)
		}
		said = append(said, p)
	}
	return said
}

func (o *another) forms(words []form) (forms []form) {
	for _, f := range words {
		f.net = o.net
		forms = append(forms, f)
	}
	return forms
}
