package vae

import (
	"context"
	"fmt"
	"sync"

	"sdgo/internal/engine"
	"sdgo/internal/kernel"
	"sdgo/internal/model"
)

// exactRun is a call by exact tiles that is under way.
type exactRun struct {
	*exact
	v      *VAE
	ctx    context.Context
	decode bool
	memory []float32 // of the images; what the next stage reads lies at its end
	band   []float32
	h, w   int              // of that image
	sums   *kernel.NormSums // of it; nil if the next stage does not normalise it
}

// exactly does the work on one image: from latents before scaling, or pixels, x to y.
func (v *VAE) exactly(ctx context.Context, t call, x, y []float32) error {
	block, err := engine.Scratch(t.exact.memory+t.exact.band, "tiles")
	if err != nil {
		return fmt.Errorf("vae: %w", err)
	}
	defer block.Free()
	e := &exactRun{exact: t.exact, v: v, ctx: ctx, decode: t.decode, h: t.exact.h, w: t.exact.w}
	e.memory, e.band = block.Data[:t.exact.memory], block.Data[t.exact.memory:]
	first := e.last(e.h * e.w * e.stages[0].in)
	if t.decode {
		if err := e.end(end{true, t.h, t.w, e.wrap}, x, first); err != nil {
			return err
		}
	} else {
		kernel.Serial(kernel.ToChannelsLast(first, x, 1, e.stages[0].in, e.h*e.w))
	}
	e.gather(0)
	e.add(first)
	for i := range e.stages {
		if err := e.stage(i, y); err != nil {
			return err
		}
	}
	if t.decode {
		return nil
	}
	return e.end(end{false, e.h, e.w, e.wrap}, e.last(e.h*e.w*e.stages[len(e.stages)-1].out()), y)
}

// last are the last n numbers of the memory.
func (e *exactRun) last(n int) []float32 { return e.memory[len(e.memory)-n:] }

// end runs an end.
func (e *exactRun) end(k end, x, y []float32) error {
	return e.v.model.Run(e.ctx, k, e.v.buildEnd(k), model.Inputs{"x": x}, [][]float32{y})
}

// gather begins the statistics of the image that stage i reads.
func (e *exactRun) gather(i int) {
	e.sums = nil
	if i < len(e.stages) {
		if norm := e.stages[i].links[0].norm; norm != nil {
			e.sums = norm.Sums(e.h * e.w)
		}
	}
}

// add adds pixels to the statistics.
func (e *exactRun) add(x []float32) {
	if e.sums != nil {
		e.v.parallel(e.sums.Add(x))
	}
}

// parallel does the tasks of a phase, on as many goroutines as the model has.
func (v *VAE) parallel(p kernel.Phase) {
	p = p.For(v.model.Threads())
	var next, done = make(chan int, p.Tasks), sync.WaitGroup{}
	for i := range p.Tasks {
		next <- i
	}
	close(next)
	for range min(v.model.Threads(), p.Tasks) {
		done.Go(func() {
			for i := range next {
				p.Run(i, nil)
			}
		})
	}
	done.Wait()
}

// stage computes the image of stage i from the one before it, the last of them to y.
func (e *exactRun) stage(i int, y []float32) error {
	s := &e.stages[i]
	b := bandRun{exactRun: e, s: s, i: i, h: e.h, w: e.w, x: e.last(e.h * e.w * s.in)}
	if e.sums != nil {
		b.statistics[0] = e.sums.Statistics()
	}
	passes := s.passes()
	for _, n := range passes[:len(passes)-1] {
		w := s.size(n, b.w)
		sums := s.links[n].norm.Sums(s.size(n, b.h) * w)
		if err := b.each(n, func(r rows) []float32 { return e.band[:r.n()*w*s.links[n-1].out] }, func(_ rows, out []float32) {
			e.v.parallel(sums.Add(out))
		}); err != nil {
			return err
		}
		b.statistics[n] = sums.Statistics()
	}

	n := len(s.links)
	e.h, e.w = s.size(n, b.h), s.size(n, b.w)
	if s.flat {
		return b.each(n, func(r rows) []float32 { return e.band[:r.n()*e.w*s.out()] }, func(r rows, out []float32) {
			for c := range s.out() {
				copy(y[(c*e.h+r.from)*e.w:], out[c*r.n()*e.w:][:r.n()*e.w])
			}
		})
	}
	e.gather(i + 1)
	row := e.w * s.out()
	if err := b.each(n, func(r rows) []float32 { return e.memory[r.from*row : r.upto*row] }, func(_ rows, out []float32) {
		e.add(out)
	}); err != nil {
		return err
	}
	copy(e.last(e.h*row), e.memory)
	return nil
}

// bandRun is the work of stage i on an image x [h w C].
type bandRun struct {
	*exactRun
	s          *stage
	i, h, w    int
	x          []float32
	statistics [maxLinks][]float32 // of what a link normalises
}

// each computes what the first n links make, band by band, into where room is, and then
// calls done.
func (b *bandRun) each(n int, room func(rows) []float32, done func(r rows, out []float32)) error {
	inner, any := b.inner(b.s, n, b.h, b.w)
	for r := range b.bands(b.s, n, b.h, b.w) {
		reach := b.s.reach(n, b.h, r)
		k := band{b.decode, b.i, n, b.h, b.w, r, b.wrap}
		if any && !b.s.edge(n, b.h, reach) {
			k.rows = inner
		}
		row := b.w * b.s.in
		inputs := model.Inputs{"x": b.x[reach.reads[0].from*row : reach.reads[0].upto*row]}
		for i := range n {
			if b.statistics[i] != nil {
				inputs[statisticsName(i)] = b.statistics[i]
			}
		}
		out := room(r)
		if err := b.v.model.Run(b.ctx, k, b.v.buildBand(k), inputs, [][]float32{out}); err != nil {
			return err
		}
		done(r, out)
	}
	return nil
}
