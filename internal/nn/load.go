package nn

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"sdgo/internal/engine"
	"sdgo/internal/kernel"
	"sdgo/internal/op"
)

// Weights hold the memory of a model's parameters.
type Weights struct {
	memory *engine.Memory

	mu     sync.Mutex
	blocks []*engine.Block

	use  sync.RWMutex // held for reading by graphs of callers' that run
	gone bool
}

// Hold implements op.Owner.
func (w *Weights) Hold() (release func(), err error) {
	w.use.RLock()
	if w.gone {
		w.use.RUnlock()
		return nil, fmt.Errorf("weights: %w", ErrClosed)
	}
	return w.use.RUnlock, nil
}

// alloc adds memory for a weight that is too large for its format.
func (w *Weights) alloc(n int) (*engine.Block, error) {
	block, err := w.memory.Alloc(n, "a weight beyond the range of float16")
	if err == nil {
		w.mu.Lock()
		w.blocks = append(w.blocks, block)
		w.mu.Unlock()
	}
	return block, err
}

// Close waits for graphs that run and gives the memory back. Graphs that run later get
// an error.
func (w *Weights) Close() {
	w.use.Lock()
	defer w.use.Unlock()
	w.gone = true
	for _, b := range w.blocks {
		b.Free()
	}
}

// Load copies and packs all parameters that were asked for; the source is not read
// after it. Problems with the tensors are returned as a *WeightsError. When ctx is
// done it returns ctx's error soon, and no goroutine is left.
func (p *Params) Load(ctx context.Context, name string, eng *engine.Engine) (*Weights, error) {
	total := 0
	offsets := make([]int, len(p.params))
	for i, w := range p.params {
		offsets[i] = total
		total += (w.size() + 15) / 16 * 16
	}
	block, err := eng.Memory.Alloc(total, "memory for the weights of the "+name)
	if err != nil {
		return nil, err
	}
	ws := &Weights{memory: &eng.Memory, blocks: []*engine.Block{block}}

	errs := make([]error, len(p.params))
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(eng.Threads(), len(p.params), maxLoaders) {
		workers.Go(func() {
			var buf []float32
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= len(p.params) {
					return
				}
				w := p.params[i]
				l := paramLoad{Param: w, ctx: ctx, src: p.src, buf: buf}
				errs[i] = l.load(ws, block.Data[offsets[i]:][:w.size():w.size()])
				buf = l.buf
				p.src.Release(w.key)
			}
		})
	}
	workers.Wait()
	if err := p.loadError(ctx, name, errs); err != nil {
		ws.Close()
		return nil, err
	}
	return ws, nil
}

// loadError says why parameters could not be loaded.
func (p *Params) loadError(ctx context.Context, name string, errs []error) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%s: loading the weights: %w", name, err)
	}
	var problems problems
	for _, err := range errs {
		if err != nil {
			problems.add("%v", err)
		}
	}
	if err := problems.err(name); err != nil {
		return err
	}
	if err := p.src.Changed(); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// chunk is about how many numbers are read and packed at a time: a megabyte, so that
// loading takes little memory beside the weights' own, and stops within milliseconds.
const chunk = 1 << 18

// maxLoaders is how many goroutines load at most: their chunks take 16 MB, or more where
// a panel of a layer is more than a chunk.
const maxLoaders = 16

// paramLoad is the loading of one parameter.
type paramLoad struct {
	*Param
	ctx context.Context
	src Source
	buf []float32
}

// errRange says that a number is too large for float16.
var errRange = errors.New("beyond the range of float16")

// load reads the parameter into dst, or into more memory if its numbers are too large
// for the format that it should have.
func (l *paramLoad) load(ws *Weights, dst []float32) error {
	err := l.fill(dst)
	if errors.Is(err, errRange) {
		l.format = kernel.Float32
		block, allocErr := ws.alloc(l.size())
		if allocErr != nil {
			return fmt.Errorf("%s: %w", l.key, allocErr)
		}
		dst = block.Data
		err = l.fill(dst)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", l.key, err)
	}
	arg := op.Arg{Data: dst, Format: l.format}
	if l.taps > 0 {
		arg = op.Arg{Packed: kernel.Packed{K: l.taps * l.in, N: l.out, Format: l.format, Data: dst}}
	}
	l.value.Set(arg, ws)
	return nil
}

// fill reads, checks and stores the numbers, a chunk at a time.
func (l *paramLoad) fill(dst []float32) error {
	total, step := l.shape.TotalSize(), chunk
	if l.taps > 0 {
		row := l.taps * l.in
		step = kernel.PanelWidth * row * max(chunk/(kernel.PanelWidth*row), 1)
	}
	for from := 0; from < total; from += step {
		if err := l.ctx.Err(); err != nil {
			return err
		}
		n := min(step, total-from)
		l.buf = slices.Grow(l.buf[:0], n)[:n]
		if err := l.src.Float32s(l.key, from, l.buf); err != nil {
			return err
		}
		most := kernel.Largest(l.buf)
		if most-most != 0 {
			i := notFinite(l.buf)
			return fmt.Errorf("element %d is %v, want finite numbers", from+i, l.buf[i])
		}
		if l.format == kernel.Float16 && most > kernel.MaxFloat16 {
			return errRange
		}
		l.store(dst, l.buf, from)
	}
	return nil
}

// store packs numbers from number from on into their place in dst. They are whole
// panels of a matrix, or the last.
func (l *paramLoad) store(dst, x []float32, from int) {
	switch {
	case l.taps > 0:
		row := l.taps * l.in
		k := l.shape[len(l.shape)-1]
		if l.taps == 1 {
			k = 1
		}
		at := kernel.PackedLen(row, from/row, l.format)
		kernel.PackConv(dst[at:], x, len(x)/row, l.in, k, k, l.format)
	case l.format != kernel.Float32:
		kernel.StoreTable(dst[kernel.TableLen(from, l.format):], x, l.format)
	default:
		copy(dst[from:], x)
	}
}

// notFinite returns the index of the first NaN or infinity, or -1.
func notFinite(x []float32) int {
	return slices.IndexFunc(x, func(v float32) bool { return v-v != 0 })
}
