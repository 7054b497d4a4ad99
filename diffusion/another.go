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

// chooseOthers puts the conditions of the task and the Guider between the negative prompt
// and the prompt. Those for which there are no words are left out.
func (r *run) chooseOthers() error {
	r.others = nil
	more, err := variants(r.guider, r.net)
	if err != nil {
		return err
	}
	all := append(slices.Clone(r.task.about().others), more...)
	at := len(r.conditions) - 1
	for _, o := range all {
		if slices.Contains(r.conditions, o.words) {
			r.others = append(r.others, o)
			r.conditions = slices.Insert(r.conditions, at, o.name)
			at++
		}
	}
	return nil
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
