package diffusion

import (
	"context"
	"fmt"
	"math"
	"slices"
)

// predictions returns the predictions [K C h w] of image i, whose latents are x, with
// conditions. What the U-Net makes of the things that a condition reads becomes one.
func (g *guide) predictions(ctx context.Context, i int, x []float32, sigma float64, conditions []Condition) ([]float32, error) {
	q := &question{image: i, x: x, window: g.whole(), sigma: sigma}
	asked, simple, balanced := g.asked(sigma, conditions)
	base := g.baseline()
	if !balanced && !slices.Contains(conditions, base) {
		first, _, _ := g.asked(sigma, []Condition{base})
		asked, simple = append(first, asked...), false
	}
	for _, a := range asked {
		q.of = append(q.of, a.of...)
	}
	if simple {
		outputs, err := g.predict(ctx, q)
		if err != nil {
			return nil, err
		}
		if have, want := len(outputs), len(q.of)*g.size; have != want {
			return nil, fmt.Errorf("unet: have %d numbers, want %d", have, want)
		}
		return outputs, checkFinite("unet", outputs)
	}

	answers, err := g.answers(ctx, q)
	if err != nil {
		return nil, err
	}
	out := make([]float32, len(asked)*g.size)
	var without []float32 // the prediction of base
	for k, a := range asked {
		y := out[k*g.size : (k+1)*g.size]
		g.combine(y, a.of, answers[:len(a.of)], without)
		if answers = answers[len(a.of):]; a.name == base {
			without = y
		}
	}
	out = out[(len(asked)-len(conditions))*g.size:]
	return out, checkFinite("unet", out)
}

// baseline is the condition from which what AND joins leads away: all but the words is as
// with the prompt, also the image that is edited.
func (r *run) baseline() Condition {
	if slices.Contains(r.conditions, ImageCond) {
		return ImageCond
	}
	return Uncond
}

// said is what the U-Net reads for a condition.
type said struct {
	name Condition
	of   []*reads
}

// asked is what the U-Net reads for conditions at a noise level. It is simple if each
// reads one thing, whose prediction is the condition's, and balanced if none needs that
// of the baseline.
func (g *guide) asked(sigma float64, conditions []Condition) (list []said, simple, balanced bool) {
	simple, balanced = true, true
	step := g.step(sigma)
	for _, c := range conditions {
		var of []*reads
		sums := map[*place]float64{}
		for _, r := range g.reading(c) {
			if r.place.at(step) {
				of = append(of, r)
				sums[r.place] += r.share()
			}
		}
		for _, sum := range sums {
			balanced = balanced && math.Abs(sum-1) < tinyWeight
		}
		list = append(list, said{c, of})
		simple = simple && len(of) == 1
	}
	return list, simple && balanced, balanced
}

// tinyWeight is rounding in a sum of weights.
const tinyWeight = 1e-9

// answers returns the prediction of each of the question's reads: [C h w], or of the
// window of a region that the U-Net sees alone.
func (g *guide) answers(ctx context.Context, q *question) ([][]float32, error) {
	answers := make([][]float32, len(q.of))
	var alone []*place
	for _, r := range q.of {
		if p := r.place; p != nil && p.shown && !slices.Contains(alone, p) {
			alone = append(alone, p)
		}
	}
	for _, p := range append([]*place{nil}, alone...) {
		part := *q
		part.of = nil
		var which []int
		for k, r := range q.of {
			if r.place == p || p == nil && !r.place.apart() {
				part.of, which = append(part.of, r), append(which, k)
			}
		}
		if p != nil {
			part.window = p.window
			part.x = make([]float32, len(q.x)/(g.h*g.w)*p.window.h*p.window.w)
			p.window.crop(part.x, q.x, g.h, g.w)
		}
		y, err := g.predict(ctx, &part)
		if err != nil {
			return nil, err
		}
		if have, want := len(y), len(part.of)*len(part.x); have != want {
			return nil, fmt.Errorf("unet: have %d numbers, want %d", have, want)
		}
		for i, k := range which {
			answers[k] = slices.Clone(y[i*len(part.x) : (i+1)*len(part.x)])
		}
	}
	return answers, nil
}

// combine writes to out [C h w] what the predictions of a condition's reads make together,
// beside that of the baseline.
func (g *guide) combine(out []float32, of []*reads, answers [][]float32, without []float32) {
	var places []*place
	for _, r := range of {
		if r.place != nil && !slices.Contains(places, r.place) {
			places = append(places, r.place)
		}
	}
	base := g.join(nil, of, answers, without)
	if len(places) == 0 {
		copy(out, base)
		return
	}
	cells := g.h * g.w
	total := make([]float32, cells)
	for _, p := range places {
		y := g.join(p, of, answers, without)
		p.seen(g.whole()).each(len(out)/cells, g.h, g.w, func(inside, outside int) {
			out[outside] += float32(p.weights[outside%cells] * y[inside])
		})
		for i, w := range p.weights {
			total[i] += w
		}
	}
	for i := range out {
		w := float32(g.BaseWeight)
		if w == 0 {
			w = max(0, 1-total[i%cells])
		}
		out[i] = (out[i] + float32(w*base[i])) / (total[i%cells] + w)
	}
}

// join returns what the reads of one place make together: those that AND joins add what
// each, by its weight, changes of the prediction of the baseline, as in WebUI.
//
//	without + Σ weight·(prediction − without)
func (g *guide) join(p *place, of []*reads, answers [][]float32, without []float32) []float32 {
	var which []int
	rest := 1.0
	for k, r := range of {
		if r.place == p {
			which = append(which, k)
			rest -= r.share()
		}
	}
	if len(which) == 1 && rest == 0 {
		return answers[which[0]]
	}
	y := make([]float32, len(answers[which[0]]))
	for _, k := range which {
		w := float32(of[k].share())
		for i, v := range answers[k] {
			y[i] += float32(w * v)
		}
	}
	if math.Abs(rest) < tinyWeight {
		return y
	}
	p.seen(g.whole()).each(len(without)/(g.h*g.w), g.h, g.w, func(inside, outside int) {
		y[inside] += float32(float32(rest) * without[outside])
	})
	return y
}
