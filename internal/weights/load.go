package weights

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"sdgo/internal/engine"
	"sdgo/internal/op"
	"sdgo/internal/report"
	"sdgo/safetensors/checkpoint"
)

// Load copies and packs the parameters from src, which is not read after it. Problems
// with the tensors are returned as a *report.WeightsError. When ctx is done it returns
// ctx's error soon, and no goroutine is left.
func Load(ctx context.Context, name string, src checkpoint.Source, params []*Param, eng *engine.Engine, target op.Target) (*Weights, error) {
	if d, ok := target.(op.Device); ok {
		return loadOnDevice(ctx, name, src, params, eng, d.Type)
	}
	if eng.Paper() {
		return reserve(name, params, eng)
	}
	e := cacheOf(ctx).entry(ctx, name, src, params)
	if e != nil {
		if ws := e.load(ctx, name, params, eng); ws != nil {
			return ws, nil
		}
	}
	ws, err := pack(ctx, name, src, params, eng)
	if err == nil && e != nil {
		e.store(ctx, params, eng.Threads())
	}
	return ws, err
}

// place lays parameters out in one piece of memory of so many float32s.
func place(params []*Param) (offsets []int, total int) {
	offsets = make([]int, len(params))
	for i, w := range params {
		offsets[i] = total
		total += (w.Size() + 15) / 16 * 16
	}
	return offsets, total
}

// pack is Load without a cache.
func pack(ctx context.Context, name string, src checkpoint.Source, params []*Param, eng *engine.Engine) (*Weights, error) {
	offsets, total := place(params)
	block, err := eng.Memory.Alloc(total, "memory for the weights of the "+name)
	if err != nil {
		return nil, err
	}
	ws := &Weights{memory: &eng.Memory, blocks: []*engine.Block{block}}

	err = loadAll(ctx, name, src, params, eng.Threads(), func() func(int, *Param) error {
		l := paramLoad{ctx: ctx, src: src}
		return func(i int, w *Param) error {
			l.Param = w
			return l.load(ws, block.Data[offsets[i]:][:w.Size():w.Size()])
		}
	})
	if err != nil {
		ws.Close()
		return nil, err
	}
	return ws, nil
}

// reserve is pack for an engine on paper: the weights have their forms and addresses, and
// no numbers.
func reserve(name string, params []*Param, eng *engine.Engine) (*Weights, error) {
	offsets, total := place(params)
	block, err := eng.Memory.Reserve(total, "memory for the weights of the "+name)
	if err != nil {
		return nil, err
	}
	ws := &Weights{memory: &eng.Memory, blocks: []*engine.Block{block}}
	for i, p := range params {
		p.set(block.Data[offsets[i]:][:p.Size():p.Size()], ws)
	}
	return ws, nil
}

// loadAll loads the parameters of the model called name on several goroutines, each by
// what worker returns for it.
func loadAll(ctx context.Context, name string, src checkpoint.Source, params []*Param, threads int, worker func() func(i int, w *Param) error) error {
	errs := make([]error, len(params))
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(threads, len(params), maxLoaders) {
		workers.Go(func() {
			load := worker()
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= len(params) {
					return
				}
				errs[i] = load(i, params[i])
				src.Release(params[i].Key)
			}
		})
	}
	workers.Wait()
	return loadError(ctx, name, src, errs)
}

// loadError says why parameters could not be loaded.
func loadError(ctx context.Context, name string, src checkpoint.Source, errs []error) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%s: loading the weights: %w", name, err)
	}
	var problems report.Problems
	for _, err := range errs {
		if err != nil {
			problems.Add("%v", err)
		}
	}
	if err := problems.Err(name); err != nil {
		return err
	}
	if err := src.Changed(); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}
