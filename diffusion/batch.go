package diffusion

import "slices"

// batch is a number of texts of one form, which the U-Net reads side by side.
type batch struct {
	texts int
	form
}

// inBatches divides texts of the given forms: neighbours of the same form are read side
// by side, others one after the other. (Diffusers wants the same form of all.)
func inBatches(forms []form) (batches []batch) {
	for i, f := range forms {
		if i > 0 && forms[i-1] == f {
			batches[len(batches)-1].texts++
			continue
		}
		batches = append(batches, batch{1, f})
	}
	return batches
}

// batches are those of conditions of the run.
func (r *run) batches(conditions []Condition) []batch {
	return inBatches(formsOf(r.forms, conditions))
}

func formsOf(all map[Condition][]form, conditions []Condition) (forms []form) {
	for _, c := range conditions {
		forms = append(forms, all[c]...)
	}
	return forms
}

// largest are the batches of all conditions, of which one of each form is as large as any that there
// may be. Where conditions come and go those beside them become neighbours, and where regions do,
// any.
func (r *run) largest(all map[Condition][]form) []batch {
	largest := inBatches(formsOf(all, r.conditions))
	for _, chosen := range r.choices() {
		forms := formsOf(all, chosen)
		if r.comeAndGo() {
			before := slices.Clone(forms)
			slices.SortStableFunc(forms, func(a, b form) int { return slices.Index(before, a) - slices.Index(before, b) })
		}
		for _, b := range inBatches(forms) {
			if !slices.ContainsFunc(largest, func(l batch) bool { return l.form == b.form && l.texts >= b.texts }) {
				i := slices.IndexFunc(largest, func(l batch) bool { return l.form == b.form })
				largest[i].texts = b.texts
			}
		}
	}
	return largest
}

// comeAndGo says whether the U-Net is asked without some regions, at some steps or in some windows.
func (r *run) comeAndGo() bool {
	return slices.ContainsFunc(r.places, func(p *place) bool {
		return r.Windows.on() || p.from > 0 || p.upto < len(r.schedule.Sigmas)-1
	})
}

// shape is what the U-Net reads side by side, and how much of the latents it sees.
type shape struct {
	batch
	h, w int
}

// shapes are all that the U-Net of a run without reuse is called with, or larger.
func (r *run) shapes() (shapes []shape) {
	factor := r.VAE.Config.Factor()
	h, w := r.windowSize(r.h, r.w, factor)
	for _, b := range r.largest(r.forms) {
		shapes = append(shapes, shape{b, h, w})
	}
	for _, p := range r.places {
		if !p.shown {
			continue
		}
		h, w := r.windowSize(p.window.h, p.window.w, factor)
		for _, b := range r.largest(p.forms) {
			shapes = append(shapes, shape{b, h, w})
		}
	}
	return shapes
}

// choices are the conditions that a call of the model may be made with: all of the run's,
// or some of them at levels where the guidance does without the others.
func (r *run) choices() [][]Condition {
	if r.Guider == nil && r.GuidanceInterval == (Interval{}) {
		return [][]Condition{r.conditions}
	}
	var choices [][]Condition
	for some := 1; some < 1<<len(r.conditions); some++ {
		var chosen []Condition
		for i, c := range r.conditions {
			if some>>i&1 == 1 {
				chosen = append(chosen, c)
			}
		}
		choices = append(choices, chosen)
	}
	return choices
}
