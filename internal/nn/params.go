package nn

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"gorgonia.org/tensor"

	"sdgo/internal/engine"
	"sdgo/internal/kernel"
	"sdgo/internal/op"
)

// Source is a checkpoint: tensors by name, converted to float32 on request.
type Source interface {
	// Shape returns the shape of a tensor, and whether there is one.
	Shape(name string) ([]int, bool)
	// View returns a tensor's numbers without copying, or nil if they must be
	// converted. They are valid while the source is open.
	View(name string) []float32
	// Float32s converts a tensor's numbers into dst.
	Float32s(name string, dst []float32) error
	// Release says that the tensor's pages will not be read again soon.
	Release(name string)
	// Close closes the files.
	Close() error
}

// Param is one tensor of a checkpoint.
type Param struct {
	model string
	key   string
	shape tensor.Shape
	// A weight of kernels of taps pixels is packed for the matrix product. Others,
	// with taps 0, are used as they are.
	taps, in, out  int
	format, lowest kernel.Format // what it has, and the least exact that it may have

	value *op.Weight
}

// size is the float32s that the parameter takes when it is loaded.
func (p *Param) size() int {
	if p.taps == 0 {
		return kernel.TableLen(p.shape.TotalSize(), p.format)
	}
	return kernel.PackedLen(p.taps*p.in, p.out, p.format)
}

func (p *Param) name() string { return p.model + "/" + p.key }

// Params hands out a checkpoint's tensors by key and shape. Like [Graph] it
// gathers what is wrong, so that all of it is reported together.
type Params struct {
	*checkpoint
	prefix  string
	precise bool
}

// checkpoint is what all Params of one model share.
type checkpoint struct {
	model    string
	format   kernel.Format // of matrices
	fixed    bool          // the caller has chosen it
	limit    kernel.Format // the least exact that matrices may have
	src      Source
	params   []*Param
	problems []string
}

var models atomic.Int64 // numbers the models, so that their nodes' names differ

// NewParams returns the parameters of src for a model called name, whose matrices
// shall have a format.
func NewParams(name string, src Source, format kernel.Format) *Params {
	return &Params{checkpoint: &checkpoint{model: fmt.Sprintf("%s%d", name, models.Add(1)), format: format, limit: kernel.Int8, src: src}}
}

// Precise returns p for layers whose factors stay float32 whatever the model's
// precision: their weights alone are rounded, to half precision.
func (p *Params) Precise() *Params {
	return &Params{checkpoint: p.checkpoint, prefix: p.prefix, precise: true}
}

// Limit makes the model's precision no less than that of a format: integers are for
// the U-Net, whose work is worth it.
func (p *Params) Limit(format kernel.Format) { p.limit = format }

// At returns the parameters below a module.
func (p *Params) At(format string, args ...any) *Params {
	return &Params{checkpoint: p.checkpoint, prefix: p.path(fmt.Sprintf(format, args...)), precise: p.precise}
}

// path returns the full path of a module or key.
func (p *Params) path(name string) string {
	if p.prefix == "" || name == "" {
		return p.prefix + name
	}
	return p.prefix + "." + name
}

// Path returns the path of the module itself.
func (p *Params) Path() string { return p.prefix }

// Has says whether the checkpoint has the key.
func (p *Params) Has(name string) bool {
	_, ok := p.src.Shape(p.path(name))
	return ok
}

// tensor returns the parameter with the given shape. In a checkpoint it may also
// have one of the other shapes, of the same size.
func (p *Params) tensor(name string, shape tensor.Shape, others ...tensor.Shape) *Param {
	key := p.path(name)
	if m, ok := p.src.(*randomWeights); ok {
		m.Make(key, shape)
	}
	have, ok := p.src.Shape(key)
	if !ok {
		p.problems = append(p.problems, fmt.Sprintf("%s: missing, want %v", key, []int(shape)))
		return &Param{key: key, shape: shape, value: op.NewWeight(shape)}
	}
	if !shape.Eq(tensor.Shape(have)) && !slices.ContainsFunc(others, func(s tensor.Shape) bool { return s.Eq(tensor.Shape(have)) }) {
		p.problems = append(p.problems, fmt.Sprintf("%s: have shape %v, want %v", key, have, []int(shape)))
	}
	w := &Param{model: p.model, key: key, shape: shape, value: op.NewWeight(shape)}
	p.params = append(p.params, w)
	return w
}

// vector returns a parameter [n] that kernels read as it is.
func (p *Params) vector(name string, n int) *Param { return p.tensor(name, tensor.Shape{n}) }

// largeTable is from how many numbers on a table is worth fewer bits.
const largeTable = 1 << 20

// Table returns a parameter [rows d] that is read row by row.
func (p *Params) Table(name string, rows, d int) *Param {
	w := p.tensor(name, tensor.Shape{rows, d})
	if rows*d >= largeTable {
		w.lowest = kernel.Float16
	}
	w.format = min(p.format, w.lowest)
	return w
}

// matrix returns a parameter [out in] that is packed for the matrix product.
func (p *Params) matrix(name string, out, in int) *Param {
	w := p.tensor(name, tensor.Shape{out, in}, tensor.Shape{out, in, 1, 1})
	p.packed(w, out, in, 1)
	return w
}

// filter returns a parameter [out in k k] that is packed for convolution.
func (p *Params) filter(name string, out, in, k int) *Param {
	shape := tensor.Shape{out, in, k, k}
	var w *Param
	if k == 1 {
		w = p.tensor(name, shape, tensor.Shape{out, in})
	} else {
		w = p.tensor(name, shape)
	}
	p.packed(w, out, in, k*k)
	return w
}

// packed makes w a weight that is packed. Convolutions of several pixels stay
// float32: Winograd's takes no more time than a direct one in bfloat16.
func (p *Params) packed(w *Param, out, in, taps int) {
	w.out, w.in, w.taps, w.lowest = out, in, taps, p.limit
	if p.precise || taps > 1 {
		w.lowest = kernel.Float16
	}
	for in%kernel.GroupOf(w.lowest) != 0 {
		w.lowest--
	}
	w.format = min(p.format, w.lowest)
}

// WeightsError lists everything that is wrong with a checkpoint's tensors, in
// the checkpoint's names.
type WeightsError struct {
	Model    string
	Problems []string
}

func (e *WeightsError) Error() string {
	if len(e.Problems) == 1 {
		return e.Model + ": " + e.Problems[0]
	}
	return fmt.Sprintf("%s: %d problems with the weights:\n\t%s", e.Model, len(e.Problems), strings.Join(e.Problems, "\n\t"))
}

// Weights hold the memory of a model's parameters.
type Weights struct {
	src    Source
	memory *engine.Memory

	mu     sync.Mutex
	blocks []*engine.Block
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

func (w *Weights) free() {
	for _, b := range w.blocks {
		b.Free()
	}
}

// check returns what is wrong with the tensors as a *WeightsError.
func (p *Params) check(name string) error {
	if len(p.problems) > 0 {
		return &WeightsError{name, p.problems}
	}
	return nil
}

// converts says whether a parameter takes memory of its own.
func (p *Params) converts(w *Param) bool {
	return w.taps > 0 || w.format != kernel.Float32 || p.src.View(w.key) == nil
}

// Load reads and packs all parameters that were asked for. It takes over the
// source. Problems with the tensors are returned as a *WeightsError.
func (p *Params) Load(name string, eng *engine.Engine) (*Weights, error) {
	total := 0
	offsets := make([]int, len(p.params))
	for i, w := range p.params {
		offsets[i] = -1
		if p.converts(w) {
			offsets[i] = total
			total += (w.size() + 15) / 16 * 16
		}
	}
	block, err := eng.Memory.Alloc(total, "the weights of the "+name)
	if err != nil {
		return nil, err
	}
	ws := &Weights{src: p.src, memory: &eng.Memory, blocks: []*engine.Block{block}}

	order, largest := p.loadOrder()
	bufs, err := loadBuffers(eng, largest)
	if err != nil {
		ws.free()
		return nil, err
	}
	errs := make([]error, len(p.params))
	var next atomic.Int64
	var workers sync.WaitGroup
	for _, buf := range bufs {
		workers.Go(func() {
			defer buf.Free()
			for {
				at := int(next.Add(1)) - 1
				if at >= len(order) {
					return
				}
				i := order[at]
				w := p.params[i]
				var dst []float32
				if offsets[i] >= 0 {
					dst = block.Data[offsets[i]:][:w.size():w.size()]
				}
				errs[i] = w.load(ws, dst, buf.Data)
			}
		})
	}
	workers.Wait()
	var problems []string
	for _, err := range errs {
		if err != nil {
			problems = append(problems, err.Error())
		}
	}
	if problems != nil {
		ws.free()
		return nil, &WeightsError{name, problems}
	}
	return ws, nil
}

// loadOrder returns the parameters' indices, and how many float32s converting one takes
// at most. Those that take the most come first, while little of the weights' own memory
// is in use.
func (p *Params) loadOrder() (order []int, largest int) {
	sizes := make([]int, len(p.params))
	for i, w := range p.params {
		order = append(order, i)
		sizes[i] = w.buffer(p.src)
		largest = max(largest, sizes[i])
	}
	slices.SortStableFunc(order, func(a, b int) int { return sizes[b] - sizes[a] })
	return order, largest
}

// loadBuffers returns a buffer of the largest size for each goroutine that loads
// weights: as many as the engine's, but no more than the memory has room for.
func loadBuffers(eng *engine.Engine, largest int) ([]*engine.Block, error) {
	count := int64(eng.Threads())
	if largest > 0 {
		count = min(max(eng.Memory.Free()/(4*int64(largest)), 1), count)
	}
	var bufs []*engine.Block
	for range count {
		buf, err := engine.Scratch(largest, "converting weights")
		if err != nil && len(bufs) == 0 {
			return nil, err
		}
		if err != nil {
			break
		}
		bufs = append(bufs, buf)
	}
	return bufs, nil
}

// buffer is the float32s that loading the parameter takes beside its own.
func (w *Param) buffer(src Source) int {
	if w.taps == 0 && w.format == kernel.Float32 || src.View(w.key) != nil {
		return 0
	}
	return w.shape.TotalSize()
}

// load reads one parameter into dst, or leaves it where it is if dst is nil. Buf is as
// long as buffer says.
func (w *Param) load(ws *Weights, dst, buf []float32) error {
	data := ws.src.View(w.key)
	if data == nil {
		into := dst
		if n := w.buffer(ws.src); n > 0 {
			into = buf[:n]
		}
		if err := ws.src.Float32s(w.key, into); err != nil {
			return fmt.Errorf("%s: %w", w.key, err)
		}
		data = into
	}
	most := kernel.Largest(data)
	if most-most != 0 {
		i := notFinite(data)
		return fmt.Errorf("%s: element %d is %v, want finite numbers", w.key, i, data[i])
	}
	if w.format == kernel.Float16 && most > kernel.MaxFloat16 {
		w.format = kernel.Float32
		block, err := ws.alloc(w.size())
		if err != nil {
			return fmt.Errorf("%s: %w", w.key, err)
		}
		dst = block.Data
	}
	arg := op.Arg{Data: data}
	switch {
	case w.taps > 0:
		k := w.shape[len(w.shape)-1]
		if w.taps == 1 {
			k = 1
		}
		arg = op.Arg{Packed: kernel.PackConv(dst, data, w.out, w.in, k, k, w.format)}
		ws.src.Release(w.key)
	case w.format != kernel.Float32:
		kernel.StoreTable(dst, data, w.format)
		arg = op.Arg{Data: dst, Format: w.format}
		ws.src.Release(w.key)
	case dst != nil:
		copy(dst, data) // unless that is where they are
		arg.Data = dst
	}
	w.value.Set(arg, ws)
	return nil
}

// notFinite returns the index of the first NaN or infinity, or -1.
func notFinite(x []float32) int {
	return slices.IndexFunc(x, func(v float32) bool { return v-v != 0 })
}

// Close gives the memory back and closes the checkpoint. No graph may use the
// weights after it.
func (w *Weights) Close() error {
	w.free()
	return w.src.Close()
}
