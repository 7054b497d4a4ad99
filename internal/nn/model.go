package nn

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"sdgo/internal/engine"
	"sdgo/internal/loader"
	"sdgo/internal/regular"
)

// LoadOptions say how a model is loaded and run. The model packages have their
// own type with the same fields.
type LoadOptions struct {
	Variant   string
	Precision string
	Threads   int
	MaxMemory int64
	Session   *Session
}

// Model is what every model is made of: its weights, its plans by input shape
// and the engine that runs them. It is safe for concurrent use.
type Model struct {
	name    string
	eng     *engine.Engine
	owns    bool // the engine is this model's alone
	params  *Params
	weights *Weights // nil until they are loaded
	plans   engine.Plans
	calls   Gate

	warnings []string
}

// Kind is a kind of models: its name in errors, the class that a config.json must be
// of, empty if any, and the name of its weight files.
type Kind struct{ Name, Class, Base string }

// LoadModel loads the model in a folder: define decodes the config and asks
// params for the weights. It returns ctx's error soon after ctx is done.
func LoadModel(ctx context.Context, kind Kind, fsys fs.FS, dir string, o LoadOptions, define func(config []byte, p *Params) error) (*Model, error) {
	name, base := kind.Name, kind.Base
	if fsys == nil {
		return nil, fmt.Errorf("%s: have no file system to load from", name)
	}
	var keys map[string]json.RawMessage
	file := path.Join(dir, "config.json")
	if err := loader.ReadJSON(ctx, fsys, file, &keys); err != nil {
		if _, found := regular.Mode(fsys, path.Join(dir, "model_index.json")); found == nil && errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("have the folder of a pipeline, want that of one model in it: %w", err)
		}
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if kind.Class != "" {
		if err := checkClass(keys, kind.Class); err != nil {
			return nil, fmt.Errorf("%s: %s: %w", name, file, err)
		}
	}
	config, err := json.Marshal(keys)
	if err != nil {
		return nil, fmt.Errorf("%s: %s: %w", name, file, err)
	}
	src, err := open(ctx, fsys, dir, base, o.Variant)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	m, err := NewModel(ctx, name, src, o, func(p *Params) error { return define(config, p) })
	if err != nil {
		src.Close()
		return nil, err
	}
	if w, ok := src.(interface{ Warning() string }); ok && w.Warning() != "" {
		m.warnings = []string{w.Warning()}
	}
	return m, nil
}

// Warnings are what was passed over of the model's weight files, one sentence each.
func (m *Model) Warnings() []string { return m.warnings }

// open opens the weights in a folder.
func open(ctx context.Context, fsys fs.FS, dir, base, variant string) (Source, error) {
	if _, ok := fsys.(Random); ok {
		return &randomWeights{shapes: make(map[string][]int)}, nil
	}
	return loader.Open(ctx, fsys, dir, base, variant)
}

// NewModel makes a model of the tensors of src, which it takes over if it
// succeeds. The weights are loaded, unless the session holds that back.
func NewModel(ctx context.Context, name string, src Source, o LoadOptions, define func(p *Params) error) (*Model, error) {
	format, err := ParsePrecision(o.Precision)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	s := o.Session
	m := &Model{name: name, owns: s == nil}
	if s == nil {
		eng, err := engine.New(&engine.Options{Threads: o.Threads, MaxMemory: o.MaxMemory})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		s = NewSession(eng)
	}
	m.eng = s.Engine
	m.params = NewParams(name, src, format)
	m.params.fixed = o.Precision != ""
	if err := define(m.params); err != nil {
		return nil, err
	}
	if err := m.params.check(name); err != nil {
		return nil, err
	}
	s.models = append(s.models, m)
	if s.held {
		return m, nil
	}
	return m, s.Load(ctx)
}

// Close waits for calls in flight and gives the model's memory back. Calls that begin
// later return ErrClosed. Any number of Closes may run at once; each returns when the
// model is closed.
func (m *Model) Close() error {
	return m.calls.Close("", func() error {
		m.eng.Forget(&m.plans)
		if m.owns {
			m.eng.Close()
		}
		if m.weights == nil { // not loaded
			return m.params.src.Close()
		}
		m.weights.Close()
		return nil
	})
}

// load loads the weights and closes the files that they came from.
func (m *Model) load(ctx context.Context) error {
	ws, err := m.params.Load(ctx, m.name, m.eng)
	if err != nil {
		return err
	}
	m.weights = ws
	if err := m.params.src.Close(); err != nil {
		return fmt.Errorf("%s: %w", m.name, err)
	}
	return nil
}

// insideKey marks a ctx whose runs belong to a call that has entered the model.
type insideKey struct{ m *Model }

// enter begins a call, or a run of one.
func (m *Model) enter(ctx context.Context) (leave func(), err error) {
	if ctx.Value(insideKey{m}) != nil {
		return func() {}, nil
	}
	if leave, err = m.calls.Enter(""); err != nil {
		return nil, fmt.Errorf("%s: %w", m.name, err)
	}
	return leave, nil
}

// Begin begins a call with several runs, of which the one with the key is the largest,
// and waits for its memory: need's, to which that of the run and What are added. Runs
// with the ctx that it returns are the call's. Call end.
func (m *Model) Begin(ctx context.Context, need engine.Need, key any, build Build) (_ context.Context, end func(), err error) {
	if ctx == nil {
		return nil, nil, fmt.Errorf("%s: have a nil context", m.name)
	}
	leave, err := m.enter(ctx)
	if err != nil {
		return nil, nil, err
	}
	plan, err := m.plan(key, build)
	if err != nil {
		leave()
		return nil, nil, err
	}
	need.Turn += plan.Bytes()
	inner, endTurn, err := m.eng.Begin(context.WithValue(ctx, insideKey{m}, true), need, plan)
	if err != nil {
		leave()
		return nil, nil, fmt.Errorf("%s: %w", m.name, err)
	}
	return inner, func() { endTurn(); leave() }, nil
}

// Inputs are the numbers of a graph's inputs by the names of their nodes.
type Inputs map[string][]float32

// Run computes the outputs of the graph that build makes, once for each key, for
// the given inputs: all that the graph has, and no others. It returns ctx's error soon
// after ctx is done.
func (m *Model) Run(ctx context.Context, key any, build Build, inputs Inputs, outputs [][]float32) error {
	if ctx == nil {
		return fmt.Errorf("%s: have a nil context", m.name)
	}
	leave, err := m.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	plan, err := m.plan(key, build)
	if err != nil {
		return err
	}
	names := plan.Inputs()
	ordered := make([][]float32, len(names))
	for i, name := range names {
		x, ok := inputs[name]
		if !ok {
			return fmt.Errorf("%s: input %q: have none, want one", m.name, name)
		}
		ordered[i] = x
	}
	if len(inputs) != len(names) {
		return fmt.Errorf("%s: have inputs %q, want %q", m.name, slices.Sorted(maps.Keys(inputs)), names)
	}
	if err := m.eng.Run(ctx, plan, ordered, outputs); err != nil {
		return fmt.Errorf("%s: %w", m.name, err)
	}
	return nil
}

// Claim claims memory for a call that makes runs and holds more beside them.
func (m *Model) Claim(ctx context.Context, need engine.Need) (*engine.Claim, error) {
	if ctx == nil {
		return nil, fmt.Errorf("%s: have a nil context", m.name)
	}
	c, err := m.eng.Claim(ctx, need)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", m.name, err)
	}
	return c, nil
}

// Spare returns how many bytes in small pieces a call could take beside its need if it
// ran alone.
func (m *Model) Spare(need engine.Need) int64 { return m.eng.Spare(need) }

// Memory is the account of what the model and those that share it take.
func (m *Model) Memory() *engine.Memory { return &m.eng.Memory }

// Claimed says whether ctx carries a claim on the model's memory.
func (m *Model) Claimed(ctx context.Context) bool { return m.eng.Claimed(ctx) }

// Limited says whether the caller limited the memory.
func (m *Model) Limited() bool { return m.eng.Limited() }

// Values returns the bytes of intermediate values of a run with the key.
func (m *Model) Values(key any, build Build) (int64, error) {
	leave, err := m.enter(context.Background())
	if err != nil {
		return 0, err
	}
	defer leave()
	plan, err := m.plan(key, build)
	return plan.Bytes(), err
}

// Check reports as an error that a run with the key, and extra bytes that the
// caller needs beside it, would not fit in memory.
func (m *Model) Check(key any, build Build, extra int64, what string) error {
	leave, err := m.enter(context.Background())
	if err != nil {
		return err
	}
	defer leave()
	plan, err := m.plan(key, build)
	if err != nil {
		return err
	}
	if err := m.eng.Check(plan, extra, what); err != nil {
		return fmt.Errorf("%s: %w", m.name, err)
	}
	return nil
}

// Alloc returns n float32s that count towards the model's limit of memory.
func (m *Model) Alloc(n int, what string) (*engine.Block, error) {
	leave, err := m.enter(context.Background())
	if err != nil {
		return nil, err
	}
	defer leave()
	block, err := m.eng.Alloc(n, what)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", m.name, err)
	}
	return block, nil
}

// Build makes a graph and returns its inputs and outputs.
type Build = func() (inputs, outputs []*G.Node, err error)

func (m *Model) plan(key any, build Build) (*engine.Plan, error) {
	plan, err := m.plans.Get(key, build)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", m.name, err)
	}
	return plan, nil
}

// Tensor returns a new float32 tensor of zeros.
func Tensor(shape ...int) *tensor.Dense {
	return engine.Tensor(make([]float32, tensor.Shape(shape).TotalSize()), shape...)
}
