package diffusion

// batch is a number of texts, of as many tokens each, which the U-Net reads side by side.
type batch struct{ texts, tokens int }

// inBatches divides texts of the given numbers of tokens: neighbours of the same length
// are read side by side, others one after the other. (Diffusers wants the same length of
// all.)
func inBatches(lengths []int) (batches []batch) {
	for i, n := range lengths {
		if i > 0 && lengths[i-1] == n {
			batches[len(batches)-1].texts++
			continue
		}
		batches = append(batches, batch{1, n})
	}
	return batches
}

// batches are those of conditions of the run.
func (r *run) batches(conditions []Condition) []batch {
	var lengths []int
	for _, c := range conditions {
		lengths = append(lengths, r.lengths[c])
	}
	return inBatches(lengths)
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
