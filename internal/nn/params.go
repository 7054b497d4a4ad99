package nn

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"gorgonia.org/tensor"

	"sdgo/internal/kernel"
	"sdgo/internal/op"
	"sdgo/internal/report"
	"sdgo/internal/weights"
	"sdgo/safetensors/checkpoint"
)

// Params hands out a checkpoint's tensors by key and shape. Like [Graph] it
// gathers what is wrong, so that all of it is reported together.
type Params struct {
	*shared
	prefix  string
	precise bool
	deep    bool
}

// shared is what all Params of one model share.
type shared struct {
	model    string
	format   kernel.Format // of matrices
	limit    kernel.Format // the least exact that matrices may have
	storage  weights.Storage
	src      checkpoint.Source
	params   []*weights.Param
	problems report.Problems
	missing  string // the first tensor that is, or ""
	unknown  []string
}

var models atomic.Int64 // numbers the models, so that their nodes' names differ

// NewParams returns the parameters of src for a model called name, whose matrices
// shall have a format.
func NewParams(name string, src checkpoint.Source, format kernel.Format) *Params {
	return &Params{shared: &shared{model: fmt.Sprintf("%s%d", name, models.Add(1)), format: format, limit: kernel.Int8, src: src}}
}

// Precise returns p for layers whose factors stay float32 whatever the model's
// precision: their weights alone are rounded, to half precision.
func (p *Params) Precise() *Params {
	return &Params{shared: p.shared, prefix: p.prefix, precise: true, deep: p.deep}
}

// Deep returns p for layers whose errors count for less, as the skips of a U-Net go past
// them: where products are in bfloat16, so are all their convolutions.
func (p *Params) Deep() *Params {
	return &Params{shared: p.shared, prefix: p.prefix, precise: p.precise, deep: true}
}

// Limit makes the model's precision no less than that of a format: integers are for
// the U-Net, whose work is worth it.
func (p *Params) Limit(format kernel.Format) { p.limit = format }

// Format is the format of the model's matrices.
func (p *Params) Format() kernel.Format { return p.format }

// Store sets the type in which weights are kept in memory.
func (p *Params) Store(s weights.Storage) { p.storage = s }

// At returns the parameters below a module.
func (p *Params) At(format string, args ...any) *Params {
	return &Params{shared: p.shared, prefix: p.path(fmt.Sprintf(format, args...)), precise: p.precise, deep: p.deep}
}

// path returns the full path of a module or key.
func (p *Params) path(name string) string {
	if p.prefix == "" || name == "" {
		return p.prefix + name
	}
	return p.prefix + "." + name
}

// Model is the name that sets the nodes of the model's weights apart from others'.
func (p *Params) Model() string { return p.model }

// All returns the parameters that were asked for, in that order.
func (p *Params) All() []*weights.Param { return p.params }

// Path returns the path of the module itself.
func (p *Params) Path() string { return p.prefix }

// Has says whether the checkpoint has the key.
func (p *Params) Has(name string) bool {
	_, _, ok := p.src.Tensor(p.path(name))
	return ok
}

// maker is a source that has whatever is asked for.
type maker interface {
	Make(name string, shape []int)
}

// Shape returns the shape that the checkpoint has for the key, or nil.
func (p *Params) Shape(name string) []int {
	shape, _, _ := p.src.Tensor(p.path(name))
	return shape
}

// Random says whether the weights are random, so that the checkpoint has whatever
// is asked for.
func (p *Params) Random() bool {
	_, ok := p.src.(maker)
	return ok
}

// tensor returns the parameter with the given shape. In a checkpoint it may also
// have one of the other shapes, of the same size.
func (p *Params) tensor(name string, shape tensor.Shape, others ...tensor.Shape) *weights.Param {
	key := p.path(name)
	if m, ok := p.src.(maker); ok {
		m.Make(key, shape)
	}
	have, dtype, ok := p.src.Tensor(key)
	if !ok {
		p.missing = cmp.Or(p.missing, key)
		p.problems.Lack(report.Missing{Key: key, Want: shape})
		return &weights.Param{Key: key, Shape: shape, Value: op.NewWeight(shape)}
	}
	if !shape.Eq(tensor.Shape(have)) && !slices.ContainsFunc(others, func(s tensor.Shape) bool { return s.Eq(tensor.Shape(have)) }) {
		p.problems.Lack(report.Missing{Key: key, Want: shape, Have: slices.Concat([]int{}, have)})
	}
	w := &weights.Param{Model: p.model, Key: key, Shape: shape, DType: dtype, Value: op.NewWeight(shape)}
	p.params = append(p.params, w)
	return w
}

// vector returns a parameter [n] that kernels read as it is.
func (p *Params) vector(name string, n int) *weights.Param { return p.tensor(name, tensor.Shape{n}) }

// largeTable is from how many numbers on a table is worth fewer bits.
const largeTable = 1 << 20

// Table returns a parameter [rows d] that is read row by row.
func (p *Params) Table(name string, rows, d int) *weights.Param {
	w := p.tensor(name, tensor.Shape{rows, d})
	if rows*d >= largeTable {
		w.Lowest = kernel.Float16
	}
	w.Format = min(p.format, w.Lowest)
	p.keep(w)
	return w
}

// keep makes w a weight that is kept in a type of the checkpoint's, where that is wanted.
func (p *Params) keep(w *weights.Param) {
	w.Keep(p.storage, func() bool { return checkpoint.Stored(p.src, w.Key, 0, nil) == nil })
}

// matrix returns a parameter [out in] that is packed for the matrix product.
func (p *Params) matrix(name string, out, in int) *weights.Param {
	w := p.tensor(name, tensor.Shape{out, in}, tensor.Shape{out, in, 1, 1})
	p.packed(w, out, in, 1)
	return w
}

// filter returns a parameter [out in k k] that is packed for convolution.
func (p *Params) filter(name string, out, in, k int) *weights.Param {
	shape := tensor.Shape{out, in, k, k}
	var w *weights.Param
	if k == 1 {
		w = p.tensor(name, shape, tensor.Shape{out, in})
	} else {
		w = p.tensor(name, shape)
	}
	p.packed(w, out, in, k*k)
	return w
}

// factors says which convolutions have factors that are rounded to bfloat16: Winograd's,
// which are as far from float32 as products of integers, where linear layers have those,
// and where errors count for less.
func (p *Params) factors() op.Factors {
	switch precision := min(p.format, p.limit); {
	case p.precise || precision < kernel.BFloat16:
		return op.Exact
	case precision < kernel.Int8 && !p.deep:
		return op.RoundDirect
	}
	return op.RoundWinograd
}

// packed makes w a weight that is packed. Those of convolutions of several pixels are in
// half precision at least, for Winograd's convolution transforms them in float32. A direct
// one in bfloat16 rounds them while it runs.
func (p *Params) packed(w *weights.Param, out, in, taps int) {
	w.Out, w.In, w.Taps, w.Lowest = out, in, taps, p.limit
	if p.precise || taps > 1 {
		w.Lowest = kernel.Float16
	}
	for in%kernel.PerWord(w.Lowest) != 0 {
		w.Lowest--
	}
	w.Format = min(p.format, w.Lowest)
	p.keep(w)
}

// Unknown takes the warnings of [config.Decode]. Where there are any, tensors that were
// not asked for are a problem, unless they were left from training: the keys that were
// left out stand for a structure.
func (p *Params) Unknown(warnings []string) { p.unknown = warnings }

// unused returns the tensors that were not asked for.
func (p *Params) unused() []string {
	asked := make(map[string]bool)
	for _, w := range p.params {
		asked[w.Key] = true
	}
	return slices.DeleteFunc(slices.Clone(p.src.Names()), func(name string) bool { return asked[name] })
}

// Check returns what is wrong with the tensors as a *report.WeightsError.
func (p *Params) Check(name string) error {
	unused := p.unused()
	part := func(name string) bool {
		return !strings.HasPrefix(name, "loss.") && !strings.HasPrefix(name, "model_ema.")
	}
	if i := slices.IndexFunc(unused, part); len(p.unknown) > 0 && i >= 0 {
		p.problems.Add("%.200s: have %d tensors that the config does not account for, though %s", unused[i], len(unused), p.unknown[0])
	}
	if p.missing != "" {
		if what := report.ForeignLayout(unused, p.missing); what != "" {
			name += ": " + what
		}
	}
	return p.problems.Err(name)
}
