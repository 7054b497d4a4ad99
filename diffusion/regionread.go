package diffusion

import (
	"context"
	"fmt"
)

// regionBytes is what regions take beside a run's prompts: the mask that is read, weights,
// embeddings of the caller's, and the predictions of one image. Through windows these are
// gathered, too.
func (r *run) regionBytes() (n int64) {
	if len(r.places) == 0 && !r.Windows.on() && r.scripts == nil { // of which AND may join several
		return 0
	}
	cells := 4 * int64(r.h) * int64(r.w)
	predictions := 0
	for _, c := range r.conditions {
		predictions += 3 * len(r.forms[c])
	}
	for _, p := range r.places {
		n += cells
		for c, forms := range p.forms {
			predictions += 2 * len(forms)
			if w, ok := p.wording(c, &r.Options); ok && w.given != nil {
				n += 2 * 4 * int64(w.given.DataSize())
			}
		}
		if p.source != nil {
			n += 8 * int64(r.Width) * int64(r.Height)
		}
	}
	return collected * (n + int64(predictions)*cells*int64(r.VAE.Config.LatentChannels))
}

// formsOfRegions adds those of regions, in the order of [run.encodeRegions], and of other conditions.
func (r *run) formsOfRegions() error {
	for _, p := range r.places {
		p.forms = map[Condition][]form{}
		for _, c := range r.textConditions() {
			w, ok := p.wording(c, &r.Options)
			if !ok {
				continue
			}
			if w.given != nil && w.words+w.other != "" {
				return badOption("Regions", "have embeddings beside a %s, want one of the two", w.name)
			}
			if err := r.checkRegionXL(w); err != nil {
				return err
			}
			if s := r.scripts[spot{p.number, c}]; s != nil {
				p.forms[c] = s.forms(r.textLength())
			} else {
				n, err := r.lengthOf(w)
				if err != nil {
					return fmt.Errorf("%s: %w", p.name, err)
				}
				p.forms[c] = []form{{tokens: n}}
			}
			if !p.shown {
				r.forms[c] = append(r.forms[c], p.forms[c]...)
			}
		}
		for _, o := range r.others {
			p.forms[o.name] = o.forms(p.forms[o.words])
		}
	}
	for _, o := range r.others {
		r.forms[o.name] = o.forms(r.forms[o.words])
	}
	return r.limits.checkTokens(&r.Options, r.conditions, r.forms, r.places)
}

// checkRegionXL wants of a region what belongs to the model.
func (r *run) checkRegionXL(w wording) error {
	if !r.xl() {
		if w.other != "" || w.pooled != nil {
			return badOption("Regions", "%s: have a text or embedding for a second text encoder, want none: it is for Stable Diffusion XL", w.name)
		}
		return nil
	}
	return r.checkPooled("Regions", w.pooled, w.given)
}

// encodeRegions adds to what is said with each condition what regions say.
func (r *run) encodeRegions(ctx context.Context) error {
	for _, p := range r.places {
		if err := r.weigh(ctx, p); err != nil {
			return err
		}
		numbers := []float32{float32(p.from), float32(p.upto), float32(p.window.top), float32(p.window.left), float32(p.window.h), float32(p.window.w)}
		if p.shown {
			numbers = append(numbers, 1)
		}
		r.note(p.name, append(numbers, p.weights...))
		for _, c := range r.textConditions() {
			w, ok := p.wording(c, &r.Options)
			if !ok {
				continue
			}
			phrases, _, err := r.say(ctx, c, w, p)
			if err != nil {
				return err
			}
			r.said[c] = append(r.said[c], phrases...)
		}
	}
	return nil
}

// weigh finds out how much a region counts in each cell.
func (r *run) weigh(ctx context.Context, p *place) error {
	p.weights = make([]float32, r.h*r.w)
	if p.source != nil {
		if err := r.weighMask(ctx, p); err != nil {
			return fmt.Errorf("diffusion: %s: %w", p.name, err)
		}
	} else {
		p.fade(r.h, r.w, p.Feather/(r.Height/r.h))
	}
	some := false
	for i := range p.weights {
		p.weights[i] *= float32(p.Weight)
		some = some || p.weights[i] > 0
	}
	if !some {
		return wrong("Regions", fmt.Errorf("diffusion: %s: have a mask that is black everywhere, want some of it white", p.name))
	}
	return nil
}

// weighMask takes the mean luminance of each cell.
func (r *run) weighMask(ctx context.Context, p *place) error {
	gray, err := readMask(ctx, p.source, MaskLuminance, r.Width, r.Height)
	if err != nil {
		return err
	}
	fy, fx := r.Height/r.h, r.Width/r.w
	sums := make([]int, len(p.weights))
	for y := range r.Height {
		row := gray[y*r.Width:][:r.Width]
		for x, v := range row {
			sums[y/fy*r.w+x/fx] += int(v)
		}
	}
	for i, sum := range sums {
		p.weights[i] = float32(float64(sum) / float64(255*fx*fy))
	}
	return nil
}

// fade sets the weights to 1 in the window, less within so many cells of an edge that is
// not that of the latents, h×w, and to 0 elsewhere.
func (p *place) fade(h, w, cells int) {
	v := p.window
	ramp := func(at, size, before, after int) float32 {
		n := min(cells, size/4)
		share := float32(1)
		if before > 0 && at < n {
			share *= float32(at+1) / float32(n)
		}
		if after > 0 && size-1-at < n {
			share *= float32(size-at) / float32(n)
		}
		return share
	}
	for y := range v.h {
		for x := range v.w {
			p.weights[(v.top+y)*w+v.left+x] = ramp(y, v.h, v.top, h-v.top-v.h) * ramp(x, v.w, v.left, w-v.left-v.w)
		}
	}
}

// in says whether the region, or with nil the whole, counts anywhere in a window of
// latents h×w.
func (p *place) in(v window, h, w int) bool {
	if p == nil || p.apart() {
		return true
	}
	found := false
	v.each(1, h, w, func(_, outside int) { found = found || p.weights[outside] > 0 })
	return found
}

// at says whether the region, or with nil the whole, counts in a step.
func (p *place) at(step int) bool { return p == nil || p.from <= step && step < p.upto }

// apart says whether the U-Net sees the region alone.
func (p *place) apart() bool { return p != nil && p.shown }

// seen is what the U-Net sees of the whole with the region.
func (p *place) seen(whole window) window {
	if p.apart() {
		return p.window
	}
	return whole
}
