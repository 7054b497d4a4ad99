package diffusion

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
	var forms []form
	for _, c := range conditions {
		forms = append(forms, r.forms[c]...)
	}
	return inBatches(forms)
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
	for _, b := range r.batches(r.conditions) {
		shapes = append(shapes, shape{b, h, w})
	}
	for _, p := range r.places {
		if !p.shown {
			continue
		}
		var forms []form
		for _, c := range r.conditions {
			forms = append(forms, p.forms[c]...)
		}
		h, w := r.windowSize(p.window.h, p.window.w, factor)
		for _, b := range inBatches(forms) {
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
